/**
 * Who waits to change data, and who is next: callers take turns, so that nobody's change waits for all of another's.
 */
import { Fault } from '../model/refusal.ts';

/** A change's place in the line, from before it is read until it is answered. */
export interface Place {
  /** Runs the job when its turn comes: one of the line at a time. */
  run<T>(job: () => Promise<T>): Promise<T>;
  leave(): void;
}

export interface Line {
  /** @throws Fault `TOO_MANY_PUSHES` when the caller has as many places as one may */
  enter(caller: string): Place;
  /** Resolves when nobody has a place, at once where nobody has. */
  empty(): Promise<void>;
}

interface Waiting {
  readonly caller: string;
  go(): Promise<unknown>;
}

/** @param most places of one caller */
export function createLine(most: number): Line {
  const places = new Map<string, number>();
  /** By caller, the turn that was its last: as many as there are enforcement points. */
  const served = new Map<string, number>();
  const waiting: Waiting[] = [];
  let turns = 0;
  let busy = false;
  let onEmpty: (() => void)[] = [];

  const lastOf = ({ caller }: Waiting): number => served.get(caller) ?? 0;

  async function serve(): Promise<void> {
    busy = true;
    while (waiting.length > 0) {
      // Of equals the one that came first.
      const next = waiting.reduce((best, each) => (lastOf(each) < lastOf(best) ? each : best));
      waiting.splice(waiting.indexOf(next), 1);
      turns += 1;
      served.set(next.caller, turns);
      await next.go();
    }
    busy = false;
  }

  function leave(caller: string): void {
    const left = (places.get(caller) ?? 1) - 1;
    if (left > 0) places.set(caller, left);
    else places.delete(caller);
    if (places.size > 0) return;
    const told = onEmpty;
    onEmpty = [];
    for (const tell of told) tell();
  }

  return {
    enter(caller) {
      const taken = places.get(caller) ?? 0;
      if (taken >= most) throw new Fault('TOO_MANY_PUSHES');
      places.set(caller, taken + 1);
      return {
        run: (job) =>
          new Promise((resolve, reject) => {
            waiting.push({ caller, go: () => job().then(resolve, reject) });
            if (!busy) void serve();
          }),
        leave: () => leave(caller),
      };
    },
    empty: () =>
      places.size === 0 ? Promise.resolve() : new Promise((resolve) => void onEmpty.push(resolve)),
  };
}
