/** Takes back what an entry did to a fold, newest change first. */
export class Undo {
  private readonly steps: (() => void)[] = [];

  add(step: () => void): void {
    this.steps.push(step);
  }

  run(): void {
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) step();
  }
}

class Final extends Undo {
  override add(): void {}
}

/** For changes that are never taken back: entries read from the store. */
export const NO_UNDO: Undo = new Final();

/** A journalled `map.set`. */
export function setIn<V>(map: Map<string, V>, key: string, value: V, undo: Undo): void {
  const before = map.get(key);
  if (before === undefined) undo.add(() => map.delete(key));
  else undo.add(() => map.set(key, before));
  map.set(key, value);
}

/** A journalled `map.delete`. */
export function deleteIn<V>(map: Map<string, V>, key: string, undo: Undo): void {
  const before = map.get(key);
  if (before === undefined) return;
  undo.add(() => map.set(key, before));
  map.delete(key);
}

/**
 * Keyed values in order of arrival, the oldest given up first. Places are numbered, so that taking back the loss
 * of the oldest puts it in front again, which a Map alone cannot do.
 */
export class Queue<V> {
  private readonly values = new Map<string, V>();
  private readonly places = new Map<number, string>();
  private first = 0;
  private next = 0;

  get size(): number {
    return this.values.size;
  }

  get(key: string): V | undefined {
    return this.values.get(key);
  }

  oldest(): readonly [string, V] | undefined {
    const key = this.places.get(this.first);
    const value = key === undefined ? undefined : this.values.get(key);
    return key === undefined || value === undefined ? undefined : [key, value];
  }

  /** Adds at the end; a key that is there keeps its place and changes its value. */
  put(key: string, value: V, undo: Undo): void {
    const known = this.values.has(key);
    setIn(this.values, key, value, undo);
    if (known) return;
    const place = this.next;
    this.next += 1;
    this.places.set(place, key);
    undo.add(() => {
      this.places.delete(place);
      this.next = place;
    });
  }

  /** Gives up the oldest. */
  drop(undo: Undo): void {
    const place = this.first;
    const key = this.places.get(place);
    if (key === undefined) return;
    deleteIn(this.values, key, undo);
    this.places.delete(place);
    this.first += 1;
    undo.add(() => {
      this.places.set(place, key);
      this.first = place;
    });
  }

  /** Oldest first. */
  *entries(): Generator<readonly [string, V]> {
    for (let place = this.first; place < this.next; place += 1) {
      const key = this.places.get(place);
      const value = key === undefined ? undefined : this.values.get(key);
      if (key !== undefined && value !== undefined) yield [key, value];
    }
  }
}
