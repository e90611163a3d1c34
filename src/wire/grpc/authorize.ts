import {
  AuthorizationService,
  type ReportRequest,
  Outcome as WireOutcome,
} from '../../gen/assent/v1/authorization_pb.js';
import type { Ask, Pep } from '../../model/ask.ts';
import type { Decision } from '../../model/decision.ts';
import { Fault, Malformed } from '../../model/refusal.ts';
import type { Outcome } from '../../model/session.ts';
import type { Report } from '../../model/verbs.ts';
import { forbidden } from './access.ts';
import { type AskContext, decodeAsk } from './decode.ts';
import { type Answered, encodeBatch, encodeDecided, encodeFailed, encodeResponse } from './encode.ts';
import { statusMessage } from './errors.ts';
import { atMostBytes, KIB, requireId } from './fields.ts';
import type { House } from './house.ts';
import { type Answer, pathOf, verb } from './methods.ts';
import { peekText, splitMessages } from './strict.ts';

const MAX_BATCH = 256;
/**
 * Asks of a batch that begin in one turn of the event loop, so that others get theirs in between. While batches of 256
 * with a proof each were decided, the slowest in a hundred of other asks took 120 to 210 ms when all of a batch began at
 * once, and 53 to 100 ms so; the batches take about as long either way.
 */
const BEGIN_AT_ONCE = 32;
const MAX_OUTPUT = 512 * KIB;
const MAX_FAILURE_PROOF = KIB;
const MAX_MEDIA_TYPE = 256;
const READABLE_ID = /^[A-Za-z0-9._:/@+=~-]{1,128}$/;
const MEDIA_TYPE = /^[!#$&^_.+A-Za-z0-9-]+\/[!#$&^_.+A-Za-z0-9-]+(?:\s*;[ -~]*)?$/;

/**
 * One ask, whichever way it came: decoded, decided, and given up at its deadline.
 * @throws Malformed, WireError or Fault: nothing was decided that the asker may hear of
 */
export async function answerAsk(
  house: House,
  bytes: Uint8Array,
  context: Omit<AskContext, 'at' | 'digestAsk'>,
): Promise<Answered> {
  house.enter();
  let decided: Promise<Decision> | undefined;
  try {
    const at = house.now();
    const ask = decodeAsk(bytes, { ...context, at, digestAsk: house.digestAsk });
    if (ask.session.kind === 'open' && !ask.pep.roles.has('opener')) throw forbidden(['opener']);
    if (at >= ask.deadline) throw new Fault('DEADLINE_PASSED');
    decided = house.verbs.decide(ask);
    return { ask, decision: await untilDeadline(decided, ask, { at, callDeadline: context.callDeadline }) };
  } finally {
    if (decided === undefined) house.leave();
    // An ask that was given up is still being worked on: it keeps its place until it ends.
    else decided.then(house.leave, house.leave);
  }
}

/** A call that ends at the same moment is ended by the transport, which has a timer of its own. */
function untilDeadline(
  answer: Promise<Decision>,
  { deadline }: Ask,
  { at, callDeadline }: { readonly at: number; readonly callDeadline: number },
): Promise<Decision> {
  if (deadline >= callDeadline) return answer;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Fault('DEADLINE_PASSED')), deadline - at);
    answer.then(
      (decision) => {
        clearTimeout(timer);
        resolve(decision);
      },
      (cause: unknown) => {
        clearTimeout(timer);
        reject(cause);
      },
    );
  });
}

/** Unix ms: until when an answer may leave; infinite for one that allows nothing. */
export function leaveBy({ ask, decision }: Answered): number {
  return decision.effect === 'allow' ? ask.deadline : Number.POSITIVE_INFINITY;
}

/**
 * Called at the moment in which an answer is handed to the transport.
 * @throws Fault when it is an allow and too late: the asker has stopped waiting, and may have asked again
 */
export function refuseLate(answered: Answered, at: number): void {
  if (at >= leaveBy(answered)) throw new Fault('DEADLINE_PASSED');
}

/** The id of an ask that may be unreadable otherwise; empty when it has none that is worth repeating. */
export function readableId(bytes: Uint8Array): string {
  const id = peekText(bytes);
  return READABLE_ID.test(id) ? id : '';
}

export function authorize(house: House): Answer {
  return async (request, { pep, deadline }) => {
    const answered = await answerAsk(house, request, { pep, callDeadline: deadline, field: '' });
    refuseLate(answered, house.now());
    return { bytes: encodeResponse(answered), leaveBy: leaveBy(answered) };
  };
}

export function batchAuthorize(house: House): Answer {
  const path = pathOf(AuthorizationService.method.batchAuthorize);
  return async (request, { pep, deadline }) => {
    const asks = splitMessages(request, 'asks');
    if (asks.length === 0) throw new Malformed('asks', 'is required');
    if (asks.length > MAX_BATCH) throw new Malformed('asks', `has more than ${MAX_BATCH} items`);
    const ids = asks.map(readableId);
    const scopes = proofScopes(asks, ids);
    const arrivedAt = house.now();
    let begin = Promise.resolve();
    const slots = await Promise.allSettled(
      asks.map((bytes, index) => {
        if (index > 0 && index % BEGIN_AT_ONCE === 0) begin = begin.then(() => house.turn());
        const context = { pep, arrivedAt, callDeadline: deadline, field: `asks[${index}]` };
        return begin.then(() => answerAsk(house, bytes, { ...context, proofScope: scopes[index] ?? [] }));
      }),
    );
    // The slowest ask holds the others up: each allow's own deadline counts when all of them leave.
    const at = house.now();
    const bytes = encodeBatch(
      slots.map((slot, index) => encodeSlot(house, path, { slot, id: ids[index] ?? '', at })),
    );
    return { bytes, leaveBy: earliest(slots, at) };
  };
}

/** `credential.dpop.proof` of an AuthorizeRequest. */
const PROOF = [3, 2, 2];

/** For each ask the ids of those that came with its proof: one list for all of them. */
function proofScopes(asks: readonly Uint8Array[], ids: readonly string[]): readonly (readonly string[])[] {
  const byProof = new Map<string, string[]>();
  return asks.map((bytes, index) => {
    const proof = peekText(bytes, PROOF);
    const scope = byProof.get(proof) ?? [];
    byProof.set(proof, scope);
    scope.push(ids[index] ?? '');
    return scope;
  });
}

/** When the first of the allows that are sent must have left: they leave as one, or not at all. */
function earliest(slots: readonly PromiseSettledResult<Answered>[], at: number): number {
  return slots.reduce((soonest, slot) => {
    const by = slot.status === 'fulfilled' ? leaveBy(slot.value) : Number.POSITIVE_INFINITY;
    return by > at ? Math.min(soonest, by) : soonest;
  }, Number.POSITIVE_INFINITY);
}

interface BatchSlot {
  readonly slot: PromiseSettledResult<Answered>;
  readonly id: string;
  readonly at: number;
}

function encodeSlot(house: House, path: string, { slot, id, at }: BatchSlot): Uint8Array {
  try {
    if (slot.status === 'rejected') throw slot.reason;
    refuseLate(slot.value, at);
    return encodeDecided(id, slot.value);
  } catch (cause) {
    return encodeFailed(id, statusMessage(house.fail(cause, path)));
  }
}

const OUTCOMES: ReadonlyMap<WireOutcome, Outcome> = new Map([
  [WireOutcome.EXECUTED, 'executed'],
  [WireOutcome.FAILED, 'failed'],
  [WireOutcome.UNKNOWN, 'unknown'],
]);

export function report(house: House): Answer {
  return verb(AuthorizationService.method.report, async (pep, request) => {
    const decoded = decodeReport(pep, request);
    const { valuesRemembered } = await house.verbs.report(decoded);
    house.metrics.countReport(decoded.outcome);
    return { valuesRemembered };
  });
}

function decodeReport(pep: Pep, request: ReportRequest): Report {
  const outcome = OUTCOMES.get(request.outcome);
  if (outcome === undefined) throw new Malformed('outcome', 'must be executed, failed or unknown');
  const { output, outputMediaType } = request;
  if (output.length > MAX_OUTPUT) throw new Malformed('output', 'is larger than 512 KiB');
  if (
    outputMediaType !== '' &&
    (outputMediaType.length > MAX_MEDIA_TYPE || !MEDIA_TYPE.test(outputMediaType))
  )
    throw new Malformed('output_media_type', 'must be a media type');
  return {
    pep,
    decisionId: requireId(request.decisionId, 'decision_id'),
    sessionId: requireId(request.sessionId, 'session_id'),
    outcome,
    output,
    mediaType: outputMediaType,
    truncated: request.outputTruncated,
    failureProof: atMostBytes(request.failureProof, 'failure_proof', MAX_FAILURE_PROOF),
  };
}
