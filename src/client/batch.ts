import {
  AuthorizationService,
  type BatchAnswer,
  type Decision as DecisionMessage,
} from '../gen/assent/v1/authorization_pb.js';
import type { Ask, PreparedAsk } from './ask.ts';
import { type Asking, prepare } from './authorize.ts';
import { type Failure, failureOfStatus, retryable } from './failure.ts';
import { judge, refused } from './judge.ts';
import { discharge } from './obligations.ts';
import type { Permission } from './permission.ts';
import { mintRequestId } from './request-id.ts';
import { withRetries } from './retry.ts';
import type { Reply } from './transport.ts';

/** What the batch brought for one request id. */
interface Brought {
  readonly reply: Reply<DecisionMessage | undefined>;
  readonly attempts: number;
  readonly late: boolean;
}

/** Asks that the wire takes in one batch. */
const MAX_ASKS = 256;

/** Asks many under one call; permissions in the order of the asks. Never throws: whatever goes wrong is a no. */
export async function settleBatch(asking: Asking, asks: readonly Ask[]): Promise<readonly Permission[]> {
  const made = asks.map((ask) => {
    const requestId = mintRequestId(Date.now());
    return { ask, requestId, prepared: prepare(ask, requestId, asking.timeoutMs) };
  });
  const ready = made.flatMap(({ prepared }) => ('code' in prepared ? [] : [prepared]));
  const tooMany = asks.length > MAX_ASKS;
  const brought = tooMany || ready.length === 0 ? undefined : await sendBatch(asking, ready);
  return Promise.all(
    made.map(({ ask, requestId, prepared }) => {
      if ('code' in prepared) return refused(requestId, prepared.code, { more: prepared.problem });
      if (tooMany) return refused(requestId, 'client.malformed_ask', { more: `more than ${MAX_ASKS} asks` });
      // No answer for this id, in a batch that was answered: nothing is known, so nothing is permitted.
      const nothing: Brought = { reply: { ok: true, message: undefined }, attempts: 1, late: false };
      const { reply, attempts, late } = brought?.get(requestId) ?? nothing;
      return discharge(asking.obligations, ask, judge({ ask, requestId, attempts, late }, reply));
    }),
  );
}

/** Sends the batch, and again those of it whose failure passes, under their own ids. */
async function sendBatch(
  asking: Asking,
  ready: readonly PreparedAsk[],
): Promise<ReadonlyMap<string, Brought>> {
  const brought = new Map<string, Brought>();
  const timeoutMs = Math.min(...ready.map((prepared) => prepared.timeoutMs));
  const deadline = performance.now() + timeoutMs;
  const pending = new Map(ready.map(({ request }) => [request.requestId, request]));
  let attempts = 0;
  await withRetries(timeoutMs, async (remaining): Promise<Reply<undefined>> => {
    attempts += 1;
    const method = AuthorizationService.method.batchAuthorize;
    const sent = await asking.transport.unary(method, { asks: [...pending.values()] }, remaining);
    const late = performance.now() > deadline;
    const answers = new Map(sent.ok ? sent.message.answers.map((answer) => [answer.requestId, answer]) : []);
    let again: Failure | undefined;
    for (const id of pending.keys()) {
      const reply = sent.ok ? batchReply(answers.get(id)) : sent;
      brought.set(id, { reply, attempts, late });
      if (!reply.ok && retryable(reply.failure)) again ??= reply.failure;
      else pending.delete(id);
    }
    return again === undefined ? { ok: true, message: undefined } : { ok: false, failure: again };
  });
  return brought;
}

function batchReply(answer: BatchAnswer | undefined): Reply<DecisionMessage | undefined> {
  switch (answer?.answer.case) {
    case 'decision':
      return { ok: true, message: answer.answer.value };
    case 'status':
      return { ok: false, failure: failureOfStatus(answer.answer.value) };
    default:
      return { ok: true, message: undefined };
  }
}
