import { Fault } from '../model/refusal.ts';
import type { PolicyLog } from './room.ts';
import type { PolicyStore } from './store.ts';

/** After failures to load what is newer, at most this many intervals are left out before the next try. */
const MAX_PAUSE = 60;

/** Keeps a replica where the store is. */
export interface Watch {
  /** Why the last try to follow failed; undefined when it did not. */
  trouble(): string | undefined;
  /** Follows now, or right after the try that is under way; one for all that wait. Never rejects. */
  look(): Promise<void>;
  close(): void;
}

/**
 * Follows at each hint of the store and at each interval, one at a time. A failure is logged once per cause; what
 * does not load is tried again after ever more intervals.
 */
export function startWatch(
  store: Pick<PolicyStore, 'watch'>,
  follow: () => Promise<void>,
  { log, intervalMs }: { readonly log: PolicyLog; readonly intervalMs: number },
): Watch {
  let trouble: string | undefined;
  let failures = 0;
  let pause = 0;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let closed = false;
  const tryOnce = async (): Promise<void> => {
    try {
      await follow();
      trouble = undefined;
      failures = 0;
      pause = 0;
    } catch (cause) {
      const words = wordsOf(cause);
      // Cut short by our own end, which is no trouble.
      if (words !== trouble && !closed) log.error({ cause }, 'policy cannot follow the store');
      trouble = words;
      // Asking a store that is gone costs little, and what it says when it is back is news.
      const gone = cause instanceof Fault && cause.reason === 'POLICY_STORE_UNAVAILABLE';
      failures = gone ? 0 : failures + 1;
      pause = gone ? 0 : Math.min(2 ** failures, MAX_PAUSE);
    }
    running = undefined;
  };
  const look = (): Promise<void> => {
    if (running === undefined) return (running = tryOnce());
    // The try under way may have read the store before what we are told of came.
    next ??= running.then(() => {
      next = undefined;
      return look();
    });
    return next;
  };
  const timer = setInterval(() => {
    if (pause > 0) pause -= 1;
    else void look();
  }, intervalMs);
  timer.unref();
  const unwatch = store.watch(() => void look());
  return {
    trouble: () => trouble,
    look,
    close() {
      closed = true;
      clearInterval(timer);
      unwatch();
    },
  };
}

/** With what a fault of ours wraps. */
function wordsOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message;
}
