import type { Ask } from './ask.ts';
import type { Authority } from './authority.ts';
import type { Caller } from './caller.ts';
import type { Action, Origin } from './catalog.ts';
import type { Judged } from './decision.ts';
import type { Session } from './session.ts';

/** Argument path → origin, for each argument of an effectful action. */
export type Provenance = Readonly<Record<string, Origin>>;

/** What was learnt so far: when the walk stops early, the record still holds it. */
export interface Trail {
  readonly ask: Ask;
  /** Unix ms, read once. */
  readonly at: number;
  /** Decision id. */
  readonly id: string;
  caller?: Caller;
  action?: Action;
  authority?: Authority;
  /** Null for a stateless ask. */
  session?: Session | null;
  provenance?: Provenance;
  judged?: Judged;
}

/** Everything that policy judges by: a station skipped does not compile. */
export type Facts = Required<Omit<Trail, 'judged'>>;
