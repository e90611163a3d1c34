/**
 * Has what arrives in one turn of the event loop begin together, so that each station serves all of it in a row.
 *
 * A decision runs through so much code that the processor has forgotten a station's by the time it comes back to it:
 * the same evaluation takes twice as long within a walk as in a loop. With sixteen asks in flight beginning together
 * took a third off the server's CPU (unary 442 to 302 µs an ask, stream 358 to 286, paired runs).
 */
export function createTurn(): () => Promise<void> {
  let waiting: (() => void)[] = [];

  function begin(): void {
    const ready = waiting;
    waiting = [];
    for (const go of ready) go();
  }

  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      // Runs once everything that this turn brings has been read.
      if (waiting.length === 1) setImmediate(begin);
    });
}
