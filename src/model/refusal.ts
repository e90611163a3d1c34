import type { JsonObject } from './json.ts';
import { type Effect, type OwnCode, type Reason, reasonOf } from './reason.ts';

/** The asker's case fails: becomes a sealed decision, and pages nobody. */
export class Refusal extends Error {
  readonly reason: Reason;
  readonly effect: Effect;
  constructor(code: OwnCode, details?: JsonObject, effect: Exclude<Effect, 'allow'> = 'deny') {
    super(code);
    this.reason = reasonOf(code, details);
    this.effect = effect;
  }
}

/** Which of our parts failed; the wire answers UNAVAILABLE with this reason. */
export type FaultReason =
  | 'SESSION_STORE_UNAVAILABLE'
  | 'AUDIT_UNAVAILABLE'
  | 'POLICY_STORE_UNAVAILABLE'
  | 'POLICY_BEHIND'
  | 'DEADLINE_PASSED'
  | 'OVERLOADED'
  | 'DRAINING'
  | 'TOO_MANY_PUSHES';

/** We fail: UNAVAILABLE and retryable (DEADLINE_EXCEEDED for a passed deadline). `cause` goes to logs, never to the wire. */
export class Fault extends Error {
  readonly reason: FaultReason;
  constructor(reason: FaultReason, cause?: unknown) {
    super(reason, { cause });
    this.reason = reason;
  }
}

/** Input that cannot be decoded: INVALID_ARGUMENT with the field named; it never enters the walk. */
export class Malformed extends Error {
  /** Dotted path of the field as it stands in the proto. */
  readonly field: string;
  /** Lower case, no period, without the offending value. */
  readonly problem: string;
  constructor(field: string, problem: string) {
    super(`${field} ${problem}`);
    this.field = field;
    this.problem = problem;
  }
}

export type RejectionStatus =
  | 'NOT_FOUND'
  | 'PERMISSION_DENIED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'ALREADY_EXISTS';

/** A verb other than an ask is refused: a gRPC error with this status, and `reason` in its ErrorInfo. */
export class Rejection extends Error {
  readonly status: RejectionStatus;
  /** UPPER_SNAKE_CASE, stable. */
  readonly reason: string;
  /** Facts for ErrorInfo.metadata: keys lower case, values without secrets. */
  readonly facts: Readonly<Record<string, string>>;
  constructor(
    status: RejectionStatus,
    reason: string,
    words: string,
    facts: Readonly<Record<string, string>> = {},
  ) {
    super(words);
    this.status = status;
    this.reason = reason;
    this.facts = facts;
  }
}
