import { toBinary } from '@bufbuild/protobuf';
import { Effect as WireEffect, Remedy as WireRemedy } from '../../gen/assent/v1/authorization_pb.js';
import { type Status, StatusSchema } from '../../gen/google/rpc/status_pb.js';
import type { Ask } from '../../model/ask.ts';
import type { Decision } from '../../model/decision.ts';
import { canonicalJson } from '../../model/json.ts';
import type { Effect, Reason, Remedy } from '../../model/reason.ts';
import { Writer } from './writer.ts';

/** An ask with the decision that was made on it. */
export interface Answered {
  readonly ask: Ask;
  readonly decision: Decision;
}

const EFFECTS: Readonly<Record<Effect, WireEffect>> = {
  allow: WireEffect.ALLOW,
  deny: WireEffect.DENY,
  escalate: WireEffect.ESCALATE,
  throttle: WireEffect.THROTTLE,
};

const REMEDIES: Readonly<Record<Remedy, WireRemedy>> = {
  retry_later: WireRemedy.RETRY_LATER,
  change_arguments: WireRemedy.CHANGE_ARGUMENTS,
  ask_human: WireRemedy.ASK_HUMAN,
  step_up: WireRemedy.STEP_UP,
  stop: WireRemedy.STOP,
};

// Encoding awaits nothing, so one buffer serves all asks in turn.
const writer = new Writer();

function written(write: () => void): Buffer {
  try {
    write();
    return writer.finish();
  } catch (cause) {
    writer.reset();
    throw cause;
  }
}

/** Bytes of an AuthorizeResponse. @throws as `decision` does */
export function encodeResponse({ ask, decision }: Answered): Buffer {
  return written(() => writer.message(1, () => writeDecision(decision, ask)));
}

/** Bytes of an AuthorizeStreamResponse or a BatchAnswer, which have the same fields. @throws as `decision` does */
export function encodeDecided(requestId: string, { ask, decision }: Answered): Buffer {
  return written(() => {
    writer.text(1, requestId);
    writer.message(2, () => writeDecision(decision, ask));
  });
}

/** The same where nothing was decided. */
export function encodeFailed(requestId: string, status: Status): Buffer {
  return written(() => {
    writer.text(1, requestId);
    writer.raw(3, toBinary(StatusSchema, status));
  });
}

/** Bytes of a BatchAuthorizeResponse. */
export function encodeBatch(answers: readonly Uint8Array[]): Buffer {
  return written(() => {
    for (const answer of answers) writer.raw(1, answer);
  });
}

/**
 * A Decision as its asker may see it; the numbers are the contract's.
 * @throws TypeError for an effect outside the closed set, so that it leaves as an error and never as an answer
 */
function writeDecision(decision: Decision, ask: Ask): void {
  const { retryDelayMs, expiresAt, committed } = decision;
  const effect = EFFECTS[decision.effect];
  if (effect === undefined) throw new TypeError('a decision has an unknown effect');
  writer.text(1, decision.id);
  writer.whole(2, effect);
  const allowed = decision.effect === 'allow';
  for (const reason of decision.reasons) writer.message(3, () => writeReason(reason, allowed));
  for (const { name, parameters } of decision.obligations)
    writer.message(4, () => {
      writer.text(1, name);
      writer.text(2, canonicalJson(parameters));
    });
  // Rounded up, so that nobody comes back too early.
  if (retryDelayMs !== undefined) writeTime(5, Math.ceil(retryDelayMs));
  if (expiresAt !== undefined) writeTime(6, Math.floor(expiresAt));
  writer.text(7, decision.executionKey ?? '');
  writer.text(8, decision.revision);
  writer.whole(9, decision.activation);
  writer.whole(10, decision.recordIndex);
  writer.text(11, decision.causeId ?? '');
  writer.whole(12, decision.replayed === true ? 1 : 0);
  writer.whole(13, ask.dryRun ? 1 : 0);
  writer.text(14, decision.challenge ?? '');
  writer.text(
    15,
    committed?.session ?? (ask.session.kind === 'id' && decision.stale !== true ? ask.session.id : ''),
  );
  if (ask.pep.roles.has('details')) writer.message(16, () => writeDetails(decision));
}

/** Whoever was allowed needs no remedy. */
function writeReason({ code, words, remedy, reviewers = [] }: Reason, allowed: boolean): void {
  writer.text(1, code);
  writer.text(2, words);
  writer.whole(3, allowed ? WireRemedy.UNSPECIFIED : (REMEDIES[remedy] ?? WireRemedy.UNSPECIFIED));
  for (const reviewer of reviewers) writer.item(4, reviewer);
}

/** A Timestamp or a Duration: seconds and nanoseconds of so many milliseconds. */
function writeTime(field: number, ms: number): void {
  writer.message(field, () => {
    writer.whole(1, Math.floor(ms / 1000));
    writer.whole(2, (ms % 1000) * 1_000_000);
  });
}

function writeDetails({ provenance, reasons, input = '' }: Decision): void {
  for (const path of Object.keys(provenance))
    writer.message(1, () => {
      writer.text(1, path);
      writer.text(2, provenance[path] ?? '');
    });
  writer.text(2, canonicalJson(reasons.map(({ details }) => details ?? {})));
  writer.text(3, input);
}
