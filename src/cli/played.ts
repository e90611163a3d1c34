import type { Effect } from '../model/reason.ts';

/** One ask as it came out. */
export interface PlayedAsk {
  readonly effect: Effect;
  readonly codes: readonly string[];
  readonly words: readonly string[];
  readonly cause_id: string;
  readonly replayed: boolean;
  /** From the ask to its answer, in µs. */
  readonly us: number;
}

/** One step as it came out. */
export interface PlayedStep {
  readonly label: string;
  readonly note?: string;
  readonly headline: boolean;
  /** One an ask; empty for steps that ask nothing. */
  readonly asks: readonly PlayedAsk[];
  /** What is not as the scenario says; empty: all of it is. */
  readonly problems: readonly string[];
}

export interface Played {
  readonly name: string;
  readonly title: string;
  readonly session: string;
  readonly as_named: boolean;
  readonly steps: readonly PlayedStep[];
}
