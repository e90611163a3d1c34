/**
 * Days that never were: a learned baseline wants to see several of them. The house reads `Date.now` and nothing else,
 * so the judge moves that. The last day is today, so that what is judged, over the wire too, runs on the real clock.
 */
const DAY_MS = 24 * 3_600_000;

export interface Clock {
  /** Until the next call, it is so many days ago. */
  moveBack(days: number): void;
  restore(): void;
}

export function installClock(): Clock {
  const real = Date.now;
  let offset = 0;
  const moved = (): number => real() - offset;
  Date.now = moved;
  return {
    moveBack(days) {
      offset = days * DAY_MS;
    },
    restore() {
      if (Date.now === moved) Date.now = real;
    },
  };
}
