/** How long one piece of a policy's work may hold the thread that serves. */
import { BundleError } from './tar.ts';

/**
 * Milliseconds of this thread's processor. Every ask waits while an instance is made or an ask is judged, and the
 * watchdog ends a server that stands still for seconds; what we compile takes far less than one.
 */
const MOST_HELD_MS = 250;
/** The best of these counts: the first run compiles, and a busy machine disturbs some. */
const TRIES = 5;

/**
 * Runs it, again while it took too long.
 * @param spent milliseconds that this thread has computed for
 * @throws BundleError naming what, when it never takes less than 250 ms; whatever `run` throws
 */
export function withinBound<T>(what: string, run: () => T, spent: () => number = threadMs): T {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const before = spent();
    const done = run();
    if (spent() - before <= MOST_HELD_MS) return done;
  }
  throw new BundleError(`${what} takes over ${MOST_HELD_MS} ms`, 'policy.wasm');
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
