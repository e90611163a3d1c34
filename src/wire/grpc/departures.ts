/** Watches over what was handed to the transport and has not left yet. */
export interface Departures {
  /**
   * Runs `late` once `deadline` (Unix ms) has passed, unless the function that it returns is called: what is watched
   * has left. Word of that takes a turn of the event loop, so `late` runs that much after the deadline.
   */
  watch(deadline: number, late: () => void): () => void;
}

interface Departure {
  readonly deadline: number;
  readonly late: () => void;
}

/** One timer for all calls, armed for the earliest deadline: nearly every answer has left long before its own. */
export function createDepartures(now: () => number): Departures {
  const waiting = new Set<Departure>();
  let timer: NodeJS.Timeout | undefined;
  let due = Number.POSITIVE_INFINITY;

  function arm(deadline: number): void {
    if (deadline >= due) return;
    clearTimeout(timer);
    due = deadline;
    timer = setTimeout(sweep, Math.max(1, deadline - now()));
    // Connections keep the process alive; an answer without one has nowhere to go.
    timer.unref();
  }

  function sweep(): void {
    due = Number.POSITIVE_INFINITY;
    const at = now();
    const overdue = [...waiting].filter(({ deadline }) => deadline <= at);
    // Timers come before the writes of the turn that is over are told of: on a busy server most of what seems stuck
    // has left, and ending its stream would take every other ask of it along.
    if (overdue.length > 0) setImmediate(() => setImmediate(() => end(overdue)));
    // Timers may run early by the length of a turn: what is not due yet is looked at again.
    for (const { deadline } of waiting) if (deadline > at) arm(deadline);
  }

  function end(overdue: readonly Departure[]): void {
    for (const departure of overdue) if (waiting.delete(departure)) departure.late();
  }

  return {
    watch(deadline, late) {
      const departure = { deadline, late };
      waiting.add(departure);
      arm(deadline);
      return () => waiting.delete(departure);
    },
  };
}
