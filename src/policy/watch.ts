import type { PolicyLog } from './room.ts';
import type { PolicyStore } from './store.ts';

/** After failures to follow, at most this many looks are left out before the next try. */
const MAX_PAUSE = 60;

/** Keeps a replica where the store is. */
export interface Watch {
  /** Why the last try to follow failed; undefined when it did not. */
  behind(): string | undefined;
  close(): void;
}

/**
 * Follows at each hint of the store and at each interval, one at a time. A failure is logged once per cause and
 * tried again after ever more intervals: what is in force goes on deciding meanwhile.
 */
export function startWatch(
  store: PolicyStore,
  follow: () => Promise<void>,
  { log, intervalMs }: { readonly log: PolicyLog; readonly intervalMs: number },
): Watch {
  let behind: string | undefined;
  let failures = 0;
  let pause = 0;
  let running = false;
  let again = false;
  const look = async (): Promise<void> => {
    // A hint while we look may be about what we looked at before it came.
    again = running;
    if (running) return;
    running = true;
    try {
      await follow();
      behind = undefined;
      failures = 0;
    } catch (cause) {
      const words = cause instanceof Error ? cause.message : String(cause);
      if (words !== behind) log.error({ cause }, 'policy cannot follow the store');
      behind = words;
      failures += 1;
      pause = Math.min(2 ** failures, MAX_PAUSE);
    }
    running = false;
    if (again) await look();
  };
  const timer = setInterval(() => {
    if (pause > 0) pause -= 1;
    else void look();
  }, intervalMs);
  timer.unref();
  const unwatch = store.watch(() => void look());
  return {
    behind: () => behind,
    close() {
      clearInterval(timer);
      unwatch();
    },
  };
}
