/** What a session's log amounts to. It changes by apply.ts and nowhere else. */
import type { Decimal } from '../model/decimal.ts';
import type { Consumption } from '../model/decision.ts';
import type { Identity, Mandate } from '../model/mandate.ts';
import type { Head, Open, Opening, Outcome, SessionState } from '../model/session.ts';
import type { SessionStep } from '../model/verbs.ts';
import type { Rate } from './rate.ts';
import type { Known, Sayings } from './sayings.ts';
import type { StoredEntry } from './store.ts';
import { Queue } from './undo.ts';

/** An allow whose effect is somewhere between permitted and known. */
export interface Permit {
  readonly pep: string;
  readonly action: string;
  readonly external: boolean;
  readonly identity: string | undefined;
  readonly consume: readonly Consumption[];
  readonly hops: readonly string[];
  /** Of an operation's latest allow: what was told of all its allows comes to. Of a renewed one: as it was then. */
  readonly state: 'permitted' | Outcome;
  /** What was reported of this very allow, whatever its operation came to; earlier builds did not keep it. */
  readonly told?: Told;
  /** The version of its ask, and since when its output may bring words: earlier builds did not keep them. */
  readonly asked?: number;
  readonly since?: number;
  /** What its own output cannot vouch for, as the entry has it. */
  readonly unvouched?: string;
  /** The user left this open to what it reads. */
  readonly open?: Exclude<Open, ''>;
  /** A later permit of the same operation took over: its decision id. */
  readonly renewedBy?: string;
  /** The other way round: the permit whose place this one took. */
  readonly renews?: string;
}

/** `silence`: that nobody knows, without an output, which may yet come. */
export type Told = 'nothing' | 'silence' | Outcome;

export interface Operation {
  /** Fingerprint of action, resource and arguments, of whom they were asked for, and by which enforcement point. */
  readonly act: string;
  /** Its latest allow. */
  readonly decision: string;
}

/** An ask and its answer, as they stand in the log. */
export interface Kept {
  readonly stored: StoredEntry;
  readonly pep: string;
  /** Unix ms out of the UUIDv7 request id. */
  readonly minted: number;
  readonly at: number;
}

/** An ask whose answer was forgotten. */
export type Spent = Pick<Kept, 'pep' | 'minted' | 'at'>;

export type Table<V> = Readonly<Record<string, V>>;

/** The part of a fold that is replaced as a whole by every entry. */
export interface Standing {
  readonly head: Head;
  /** First characters of the digests of the latest entries, run together: tells a fork from a lag. */
  readonly trail: string;
  readonly opening: Opening;
  readonly state: SessionState;
  readonly mandate: Mandate;
  readonly subject: Identity | undefined;
  readonly actor: Identity | undefined;
  readonly steps: number;
  readonly denials: number;
  /** Newest first. */
  readonly recent: readonly SessionStep[];
  readonly counts: Table<number>;
  /** Spent by budget. */
  readonly sums: Table<Decimal>;
  readonly rates: Table<Rate>;
  readonly rate: Rate;
  /** Throttles since the last allow, by action and code. */
  readonly throttles: Table<Table<number>>;
  /** By enforcement point: request ids as old as this are past the window. */
  readonly floors: Table<number>;
  readonly answerChars: number;
  /** Words of somebody else that were lost: what a system's field says after them may be the same words laundered. */
  readonly lost: Sayings;
  /** The newest policy and data that judged an ask of it, each by itself. */
  readonly judgedBy: JudgedBy;
}

/** Zeros before anything was judged. */
export interface JudgedBy {
  readonly activation: number;
  readonly dataVersion: number;
}

export interface Fold {
  /** Copied once an entry, then filled in place: whoever took the one before keeps it as it was. */
  now: { -readonly [Name in keyof Standing]: Standing[Name] };
  /** Effectful permits, and any with an operation id, by decision id. */
  readonly permits: Map<string, Permit>;
  readonly reads: Queue<Permit>;
  /** Permits standing for a business identity. */
  readonly acts: Map<string, number>;
  /** Spent by hop and budget: `<hop> <budget>`. */
  readonly hopSums: Map<string, Decimal>;
  readonly operations: Map<string, Operation>;
  readonly answers: Queue<Kept>;
  readonly spentIds: Queue<Spent>;
  readonly origins: Queue<Known>;
  /** Allows whose output may hold somebody else's words and was not reported: decision id to version of the ask. */
  readonly awaited: Map<string, number>;
}

/** A table without names. */
export const NONE: Table<never> = Object.freeze({});

/** Actions past the bound share this name; it is no action name, because those hold no blank. */
export const OTHERS = 'all others';

/** What the table holds for this name as its own: never what an object inherits. */
export function of<V>(table: Table<V>, name: string): V | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The name an action is counted under. */
export function countedAs(table: Table<unknown>, action: string, bound: number): string {
  return Object.hasOwn(table, action) || Object.keys(table).length < bound ? action : OTHERS;
}

export function emptyFold(now: Standing): Fold {
  return {
    now,
    permits: new Map(),
    reads: new Queue(),
    acts: new Map(),
    hopSums: new Map(),
    operations: new Map(),
    answers: new Queue(),
    spentIds: new Queue(),
    origins: new Queue(),
    awaited: new Map(),
  };
}

export function answerKey(pep: string, request: string): string {
  return `${pep}\n${request}`;
}
