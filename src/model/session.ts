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
   * and meant it; called only where a record, or a field of somebody else's, named the value.
   */
  readonly originOf: (hash: string, readings: () => readonly string[]) => Remembered;
}

/** An origin as the session remembers it. `listed`: one of several values of its kind in what the user named. */
export type Remembered = Origin | 'listed';

/** What somebody else's words can be worth more than any text of theirs. */
export type Worth = 'counterparty' | 'referenced' | 'listed';

/**
 * A keyed hash (HMAC-SHA-256, first 64 bits, hex) of a value seen in the session, and whose words it was. `urged`: a
 * text that tells its reader what to do names it.
 */
export interface Seen {
  readonly hash: string;
  readonly origin: Exclude<Remembered, 'unknown'> | 'urged';
}

/** Keyed hashes of what an ask's arguments held unvouched; `complete` is false where there was more than is looked at. */
export interface Argued {
  readonly hashes: readonly string[];
  readonly complete: boolean;
  /** What the user left to what this reads. */
  readonly open: Open;
}

/**
 * Kinds of values that the user left open when naming what an action reads: one of its arguments is the user's, none is
 * somebody else's text, and the mandate itself names no value of the kind.
 */
export type Open = '' | 'email' | 'url' | 'email url';

/** What is known when an action is allowed. */
export interface Arguing {
  /** The hash is a value whose author is known: the user, a record, or somebody else. */
  readonly isVouched: (hash: string) => boolean;
  /** Whose words a value is, in this spelling. */
  readonly originOf: (hash: string) => Remembered;
  readonly mandate: Mandate;
}

export type ReadArguments = (tenant: string, action: Action, by: Arguing) => Argued;

/** What is known of an allow when its output comes. */
export interface Allowed {
  readonly action: string;
  readonly unvouched: Unvouched;
  readonly open: Open;
}

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
