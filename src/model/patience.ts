/**
 * Waits for somebody else's answer, but not for ever. Time in which this thread computed is not held against the one
 * who was asked: the request may not have left yet, and the answer may lie unread in its socket.
 */
export interface Patience {
  /**
   * As `work` ends. When it has not ended in time, `late` is called once and this rejects with an Error; what becomes
   * of `work` afterwards is nobody's.
   */
  wait<T>(work: Promise<T>, late?: () => void): Promise<T>;
}

interface Wait {
  /** How many looks there had been when it began. */
  readonly after: number;
  readonly giveUp: () => void;
}

const MOST_BETWEEN_MS = 4;
const LEAST_LOOKS = 5;

/**
 * One clock for all who wait. It ticks every few milliseconds, each time after the event loop has read what had come:
 * while this thread is busy it stands still. A wait is over once the clock has ticked for `ms` since the turn in which
 * it began: on an idle thread that takes `ms`, up to 4 ms for the tick under way, and some percent for timers.
 * @param ms whole milliseconds, 1 or more
 */
export function createPatience(ms: number): Patience {
  const betweenMs = Math.max(1, Math.min(Math.floor(ms / LEAST_LOOKS), MOST_BETWEEN_MS));
  const enough = Math.ceil(ms / betweenMs);
  /** In the order in which they began. */
  const waits = new Set<Wait>();
  let looks = 0;
  let awake = false;

  function look(): void {
    looks += 1;
    for (const wait of waits) {
      // The look that ends the pause in which it began does not count: the request may have left just before it.
      if (looks - wait.after <= enough) break;
      waits.delete(wait);
      wait.giveUp();
    }
    awake = waits.size > 0;
    // Timers run before sockets are read, immediates right afterwards.
    if (awake) setTimeout(() => setImmediate(look), betweenMs);
  }

  return {
    wait: (work, late) =>
      new Promise((resolve, reject) => {
        const giveUp = (): void => {
          reject(new Error(`no answer within ${ms} ms`));
          late?.();
        };
        const wait: Wait = { after: looks, giveUp };
        waits.add(wait);
        if (!awake) setImmediate(look);
        awake = true;
        work.then(
          (answer) => {
            waits.delete(wait);
            resolve(answer);
          },
          (cause: unknown) => {
            waits.delete(wait);
            reject(cause);
          },
        );
      }),
  };
}
