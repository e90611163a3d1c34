import {
  AuthorizationService,
  type BatchAnswer,
  type Decision as DecisionMessage,
} from '../gen/assent/v1/authorization_pb.js';
import type { Ask, PreparedAsk } from './ask.ts';
import { type Asking, prepare, whileOpen } from './authorize.ts';
import { CLIENT_CLOSED, type Failure, failureOfStatus, retryable } from './failure.ts';
import { judge, refused } from './judge.ts';
import { discharge } from './obligations.ts';
import type { Permission } from './permission.ts';
import { mintRequestId } from './request-id.ts';
import { isUndecided, withRetries } from './retry.ts';
import type { Reply } from './transport.ts';

type BatchReply = Reply<DecisionMessage | undefined>;

/** What a reply without a decision comes to: an answer that cannot be relied on. */
const NOTHING: BatchReply = { ok: true, message: undefined };

/** What the batch brought for one request id. */
interface Brought {
  readonly reply: BatchReply;
  readonly attempts: number;
  readonly late: boolean;
}

interface Made {
  readonly ask: Ask;
  readonly requestId: string;
  readonly prepared: ReturnType<typeof prepare>;
}

/** Asks that the wire takes in one batch. */
const MAX_ASKS = 256;

/**
 * Asks many under one call; permissions in the order of the asks. Never throws: whatever goes wrong is a no, and what
 * is no list is one, because of no permissions at all none is missing.
 */
export async function settleBatch(asking: Asking, asks: readonly Ask[]): Promise<readonly Permission[]> {
  const listed = listOf(asks);
  if (listed === undefined)
    return [refused(mintRequestId(Date.now()), 'client.malformed_ask', { more: '`asks` is not a list' })];
  const made = listed.map((ask): Made => {
    const requestId = mintRequestId(Date.now());
    return { ask, requestId, prepared: prepare(ask, requestId, asking.timeoutMs) };
  });
  const ready = made.flatMap(({ prepared }) => ('code' in prepared ? [] : [prepared]));
  const tooMany = listed.length > MAX_ASKS;
  const brought = tooMany || ready.length === 0 ? undefined : await sendBatch(asking, ready);
  const permissions = await Promise.all(
    made.map(({ ask, requestId, prepared }) => {
      if ('code' in prepared) return refused(requestId, prepared.code, { more: prepared.problem });
      if (tooMany) return refused(requestId, 'client.malformed_ask', { more: `more than ${MAX_ASKS} asks` });
      // No answer for this id, in a batch that was answered: nothing is known, so nothing is permitted.
      const nothing: Brought = { reply: NOTHING, attempts: 1, late: false };
      const { reply, attempts, late } = brought?.get(requestId) ?? nothing;
      const { dryRun } = prepared.request;
      const judged = judge({ requestId, dryRun, attempts, late }, reply);
      return discharge(asking, ask, whileOpen(asking.transport, judged));
    }),
  );
  // Only now: while one waited for its obligations, the others were permitted already.
  return permissions.map((permission) => whileOpen(asking.transport, permission));
}

/** The asks, read once: a proxy may throw at any look, or say another thing at the next. Undefined for no list. */
function listOf(asks: readonly Ask[]): readonly Ask[] | undefined {
  try {
    // A hole becomes an ask that is nothing: `map` alone would pass over it.
    return Array.isArray(asks) ? Array.from(asks) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Sends the batch, and again those of it whose failure passes, or of which an earlier attempt is still being decided,
 * under their own ids. One call has one deadline: that of the most impatient ask.
 */
async function sendBatch(
  asking: Asking,
  ready: readonly PreparedAsk[],
): Promise<ReadonlyMap<string, Brought>> {
  const brought = new Map<string, Brought>();
  const timeoutMs = Math.min(...ready.map((prepared) => prepared.timeoutMs));
  const deadline = performance.now() + timeoutMs;
  const pending = new Map(ready.map(({ request }) => [request.requestId, request]));
  let attempts = 0;
  const attempt = async (remaining: number): Promise<Reply<'decided' | 'undecided'>> => {
    attempts += 1;
    const method = AuthorizationService.method.batchAuthorize;
    const sent = await asking.transport.unary(method, { asks: [...pending.values()] }, remaining);
    const late = performance.now() > deadline;
    const replyTo = sent.ok ? batchReplies(sent.message.answers, pending) : () => sent;
    let again: Failure | undefined;
    for (const id of pending.keys()) {
      const reply = replyTo(id);
      brought.set(id, { reply, attempts, late });
      if (!reply.ok && retryable(reply.failure)) again = patient(again, reply.failure);
      // Whatever is left after the first attempt was asked in it.
      else if (!(reply.ok && attempts > 1 && isUndecided(reply.message))) pending.delete(id);
    }
    if (again !== undefined) return { ok: false, failure: again };
    return { ok: true, message: pending.size > 0 ? 'undecided' : 'decided' };
  };
  const { reply } = await withRetries(
    { calls: asking.transport, timeoutMs, undecided: (message) => message === 'undecided' },
    attempt,
  );
  // Closed between two attempts: what was to be asked again never will be.
  if (!reply.ok && reply.failure === CLIENT_CLOSED)
    for (const id of pending.keys()) brought.set(id, { reply, attempts, late: false });
  return brought;
}

/** That of the two which asks for the longer wait: they go again under one call. */
function patient(one: Failure | undefined, other: Failure): Failure {
  return one !== undefined && (one.retryDelayMs ?? 0) >= (other.retryDelayMs ?? 0) ? one : other;
}

/**
 * What each id was told. An id that is answered twice is told nothing: one answer may contradict the other. An
 * answer to an id that this call did not ask shows that the whole is not ours, and then nobody is told anything.
 */
function batchReplies(
  answers: readonly BatchAnswer[],
  asked: ReadonlyMap<string, unknown>,
): (id: string) => BatchReply {
  const replies = new Map<string, BatchReply>();
  for (const answer of answers) {
    const { requestId: id } = answer;
    if (!asked.has(id)) return () => NOTHING;
    replies.set(id, replies.has(id) ? NOTHING : batchReply(answer));
  }
  return (id) => replies.get(id) ?? NOTHING;
}

function batchReply({ answer }: BatchAnswer): BatchReply {
  switch (answer.case) {
    case 'decision':
      return { ok: true, message: answer.value };
    case 'status':
      return { ok: false, failure: failureOfStatus(answer.value) };
    default:
      return NOTHING;
  }
}
