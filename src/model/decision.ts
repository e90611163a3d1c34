import type { JsonObject } from './json.ts';
import type { Effect, Reason } from './reason.ts';

/** The enforcement point must carry it out, or treat the allow as a deny. */
export interface Obligation {
  readonly name: string;
  readonly parameters: JsonObject;
}

export interface Consumption {
  readonly budget: string;
  /** Decimal string, not negative. */
  readonly amount: string;
}

/** The entry a decision left in the session log, for the record. */
export interface Committed {
  readonly session: string;
  readonly version: number;
  readonly digest: string;
  /** Canonical JSON, as appended. */
  readonly payload: string;
}

/** The policy's word, after the floors. */
export interface Verdict {
  readonly effect: Effect;
  /** Never empty, unless the effect is allow. */
  readonly reasons: readonly Reason[];
  readonly obligations: readonly Obligation[];
  readonly consume: readonly Consumption[];
  /** Throttles only. */
  readonly retryDelayMs?: number;
}

/** What policy said, and by which rules. */
export interface Judged {
  readonly verdict: Verdict;
  readonly revision: string;
  /** Rises with every activation, rollbacks included. */
  readonly activation: number;
  readonly dataVersion: number;
  /** The input policy judged, canonical JSON; the record repeats it but for sensitive arguments. */
  readonly input: string;
}

/** A verdict that was committed: everything the caller is told, fixed before it is sealed. */
export interface Answer extends Verdict {
  readonly id: string;
  /** Unix ms after which an allow is void. */
  readonly expiresAt?: number;
  /** Stable idempotency key for the system that carries the effect out. */
  readonly executionKey?: string;
  /** Equal for retries of one cause; absent on an allow. */
  readonly causeId?: string;
  /** A retry got its earlier answer again. */
  readonly replayed?: boolean;
  /** Decided without the store of its session: by what was last known of the session, which it is no step of. */
  readonly stale?: true;
  /** Absent where nothing was appended: dry runs, stateless asks, refusals before the session. */
  readonly committed?: Committed;
}

/** A sealed answer. */
export interface Decision extends Answer {
  readonly requestId: string;
  readonly revision: string;
  readonly activation: number;
  /** Position of the record in this replica's log. */
  readonly recordIndex: number;
  readonly provenance: Readonly<Record<string, string>>;
  /** What policy judged by, canonical JSON, for callers with the role `details`; absent when refused before. */
  readonly input?: string;
  /** WWW-Authenticate style challenge when the token failed. */
  readonly challenge?: string;
}
