import type { Action, Origin } from './catalog.ts';
import type { Answer } from './decision.ts';
import type { Identity, Mandate } from './mandate.ts';
import type { Effect } from './reason.ts';

/** Where a session's log ends. `digest` is an HMAC over key, version, predecessor and payload. */
export interface Head {
  readonly version: number;
  readonly digest: string;
}

/** What a session was opened with; never changes, so chains can anchor in it. */
export interface Opening {
  readonly id: string;
  readonly tenant: string;
  readonly openedAt: number;
  /** The enforcement point that opened it. */
  readonly pep: string;
  readonly mandate: Mandate;
  /** base64url SHA-256 of the canonical mandate and session id: hops name it. */
  readonly mandateDigest: string;
}

export type SessionState = 'open' | 'suspended' | 'closed';

/** The session as of this ask: plain values, taken in one piece from the fold, never changed afterwards. */
export interface Session {
  readonly id: string;
  readonly state: SessionState;
  readonly subject: Identity | undefined;
  readonly actor: Identity | undefined;
  /** Seconds since it was opened. */
  readonly age: number;
  readonly steps: number;
  readonly denials: number;
  /** Newest first, at most 8. */
  readonly recent: readonly { readonly action: string; readonly effect: Effect }[];
  /** The same business act was permitted before and not released. */
  readonly duplicate: boolean;
  /** `same`: this operation was permitted and its outcome is open; `unknown`: reported as unknown. */
  readonly operation: 'none' | 'same' | 'unknown';
  /** Allows per action name; an operation once, and not this ask's own. */
  readonly counts: Readonly<Record<string, number>>;
  readonly rate: {
    readonly action_per_second: number;
    readonly action_per_minute: number;
    readonly session_per_minute: number;
  };
  /** Throttles of this action by reason code, since it was last allowed. */
  readonly throttles: Readonly<Record<string, number>>;
  /** Decimal strings by budget, without what this ask's own operation took. */
  readonly sums: Readonly<Record<string, string>>;
  readonly remaining: Readonly<Record<string, string>>;
  readonly task: {
    readonly type: string;
    readonly purpose: string;
    readonly state: SessionState;
    readonly declared: Readonly<Record<string, string>>;
  };
  /** The current mandate names the action. */
  readonly mandatePermits: boolean;
  readonly head: Head;
  /** The answer that this request id already got: returned, and nothing is consumed. */
  readonly answered: Answer | undefined;
  /**
   * Whose words a value is, by its keyed hash (16 hex characters). `readings`: hashes of what somebody else may have said
   * and meant it; called only where a record named the value.
   */
  readonly originOf: (hash: string, readings: () => readonly string[]) => Origin;
}

/** A keyed hash (HMAC-SHA-256, first 64 bits, hex) of a value seen in the session, and whose words it was. */
export interface Seen {
  readonly hash: string;
  readonly origin: Exclude<Origin, 'unknown'>;
}

/** Keyed hashes of what an ask's arguments held unvouched; `complete` is false where there was more than is looked at. */
export interface Argued {
  readonly hashes: readonly string[];
  readonly complete: boolean;
}

/** `isVouched`: the hash is a value whose author is known: the user, a record, or somebody else. */
export type ReadArguments = (tenant: string, action: Action, isVouched: (hash: string) => boolean) => Argued;

/**
 * What an allowed ask's arguments held that nobody had vouched for then: keyed hashes, or `all` where they are too
 * many to keep. Its own output cannot vouch for these, since a tool may just repeat what it was asked.
 */
export type Unvouched = ReadonlySet<string> | 'all';

/** What one output brought. */
export interface Harvested {
  readonly seen: readonly Seen[];
  /** Words of somebody else stood in it that are not among `seen`: cut, past a bound, or unreadable. */
  readonly lost: boolean;
}

export type Outcome = 'executed' | 'failed' | 'unknown';
