/** Watches over what was handed to the transport and has not left yet. */
export interface Departures {
  /**
   * Runs `late` once `deadline` (Unix ms) passes, unless the function that it returns was called before: that what
   * is watched has left.
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
    for (const departure of waiting) {
      if (departure.deadline > at) continue;
      waiting.delete(departure);
      departure.late();
    }
    // Timers may run early by the length of a turn: what is not due yet is looked at again.
    for (const { deadline } of waiting) arm(deadline);
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
