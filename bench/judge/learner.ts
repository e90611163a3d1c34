/** The one place where a house is taught before it judges. */
import { type Replaying, replay } from './replay.ts';
import type { Trace } from './traces.ts';

export interface Learned {
  /** Sessions that were played and closed. */
  readonly played: number;
  /** Sessions that were played but left open, because something in them was denied. */
  readonly unclean: number;
  /** Sessions that the house took into a baseline. */
  readonly taken: number;
}

export interface Learner {
  learn(trace: Trace): Promise<void>;
  learned(): Learned;
}

export type MakeLearner = (by: (trace: Trace) => Promise<Replaying>) => Learner;

export const NOTHING_LEARNED: Learned = { played: 0, unclean: 0, taken: 0 };

/**
 * Plays solved benign sessions to their end and closes those that were clean: closing is what a house may learn from.
 * Sessions that are judged later stay open. `taken` is 0: there is no baseline yet that could take anything.
 */
export const createLearner: MakeLearner = (by) => {
  let learned = NOTHING_LEARNED;
  return {
    async learn(trace) {
      if (trace.kind !== 'benign') throw new Error('only benign sessions are learned from');
      const replaying = await by(trace);
      const { session, calls } = await replay(trace, replaying);
      if (calls.some(({ answer }) => answer.effect === 'deny')) {
        learned = { ...learned, unclean: learned.unclean + 1 };
        return;
      }
      await replaying.pdp.close(session);
      learned = { ...learned, played: learned.played + 1 };
    },
    learned: () => learned,
  };
};
