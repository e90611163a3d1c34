/**
 * What may run at once. Of all that a server does with policies, at most seven things, one of each queue:
 *
 * - changes: what must be in order. Following the store, and the step of a push, a rollback or a patch that stores and
 *   swaps. Nothing waits here for a bundle or a value that is not known to load.
 * - pushes: unpacking, compiling, testing and trying out, which take seconds, and as much memory as a bundle asks for.
 * - rollbacks: trying out what was active before; never behind a push, which may be what is to be undone.
 * - small patches, large patches: trying data out, a second for each, callers in turn (`line.ts`).
 * - slow small patches, slow large patches: trying out the data that took longer, for as long as any load may take;
 *   callers in turn there, too.
 */
import { Fault } from '../model/refusal.ts';

/** Runs jobs one at a time, in the order in which they came. */
export type Queue = <T>(run: () => Promise<T>) => Promise<T>;

/** Pushes and rollbacks that wait for the one under way; each holds what it brings. */
export const MOST_WAITING = 4;

/**
 * @param most jobs that may wait; one more is Fault `TOO_MANY_PUSHES`, and does not run
 * @param signal once aborted, what waits is not begun any more, and ends with its reason
 */
export function createQueue(most: number = Number.POSITIVE_INFINITY, signal?: AbortSignal): Queue {
  let last: Promise<unknown> = Promise.resolve();
  let jobs = 0;
  return async (run) => {
    if (jobs > most) throw new Fault('TOO_MANY_PUSHES');
    jobs += 1;
    const begin = (): ReturnType<typeof run> => {
      signal?.throwIfAborted();
      return run();
    };
    const next = last.then(begin).finally(() => {
      jobs -= 1;
    });
    // Only the order matters here: whoever asked hears of the failure.
    last = next.catch(() => undefined);
    return next;
  };
}
