/** Changes of data by their owners: tried out beside the queue of changes, which then stores and swaps. */
import { Fault, Rejection } from '../model/refusal.ts';
import { createLine, type Line } from './line.ts';
import { LateError } from './load.ts';
import { checkPatch, checkRemoved, rejectData, withDocument, writeValue } from './patch.ts';
import { type Active, type Prepared, prepareAside } from './prepare.ts';
import type { OpenOptions, PolicyRoom } from './room.ts';
import type { DataChange, DataDocument } from './store.ts';

/** Tries of a write that another change came before. */
const TRIES = 8;
/** Ms that a value may take to try out while others of its size wait: a plain one of 1 MiB takes a few hundred. */
const QUICK_MS = 1000;
/** Bytes up to which a value is small: some hundred names of a blocklist. */
const SMALL_BYTES = 16 * 1024;
/** Changes of one caller that have a place at once, some MiB in all: of small ones and of larger ones. */
const [MOST_SMALL, MOST_LARGE] = [64, 5];
/** Of those, of each size, the ones that take their time. */
const MOST_SLOW = 5;

/** What must be in order with other changes. */
export interface Ordered {
  /** What is in force, once that is what the store holds. */
  newest(): Promise<Active>;
  /** Stores the change and puts the next in force; false when something else came after `from`. */
  replace(from: Active, change: DataChange, next: Prepared): Promise<boolean>;
}

/** What may be tried out at once of changes of one size: one in a moment, and one that takes its time. In both, callers take turns. */
interface Lanes {
  readonly line: Line;
  readonly slow: Line;
  /** Resolves when it may go on: a large one lets the small ones go first. */
  readonly clear: () => Promise<void>;
}

/** One change, its value as it is stored; undefined takes away. */
interface Patch extends Omit<DataDocument, 'version'> {
  readonly expectedVersion: number | undefined;
  readonly gone: () => boolean;
}

/**
 * Small values and larger ones have lanes of their own, and a larger one never comes before a small one that is under
 * way: a blocklist does not wait for tables. What takes its time, or never comes to an end, holds up others that take
 * theirs; a small value of that kind, larger ones as well.
 */
export class Patches {
  private readonly options: OpenOptions;
  private readonly ordered: Ordered;
  private readonly small: Lanes;
  private readonly large: Lanes;

  constructor(options: OpenOptions, ordered: Ordered) {
    this.options = options;
    this.ordered = ordered;
    const line = createLine(MOST_SMALL);
    this.small = { line, slow: createLine(MOST_SLOW), clear: () => Promise.resolve() };
    this.large = {
      line: createLine(MOST_LARGE),
      slow: createLine(MOST_SLOW),
      clear: () => line.empty(),
    };
  }

  /** See `PolicyRoom.patchData`. */
  async patch(request: Parameters<PolicyRoom['patchData']>[0]): Promise<number> {
    const { pep, path, change, expectedVersion, at } = request;
    const lanes = change.bytes <= SMALL_BYTES ? this.small : this.large;
    // Before it is read: a megabyte takes tens of milliseconds of the thread that serves.
    const place = lanes.line.enter(pep.id);
    try {
      const read = change.read();
      const value = 'value' in read ? writeValue(read.value) : undefined;
      const patch = { path, value, by: pep.id, at, expectedVersion, gone: () => change.gone() };
      try {
        return await place.run(() => this.apply(patch, lanes, QUICK_MS));
      } catch (cause) {
        if (!(cause instanceof LateError)) rejectData(cause);
      }
      // A busy machine, or much data, is no reason to refuse: there is time to find out aside.
      return await this.applyAside(patch, lanes).catch(rejectData);
    } finally {
      place.leave();
    }
  }

  private async applyAside(patch: Patch, lanes: Lanes): Promise<number> {
    const place = lanes.slow.enter(patch.by);
    try {
      return await place.run(() => this.apply(patch, lanes));
    } finally {
      place.leave();
    }
  }

  /**
   * @throws LateError where trying out takes longer than the deadline, which is that of any load by itself
   * @throws Fault `DEADLINE_PASSED` where nobody waits for it any more, before anything is tried out
   */
  private async apply(
    { expectedVersion, gone, ...change }: Patch,
    { clear }: Lanes,
    deadlineMs?: number,
  ): Promise<number> {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      await clear();
      if (gone()) throw new Fault('DEADLINE_PASSED');
      const from = await this.ordered.newest();
      const { bundle, data, seed, loaded } = from;
      checkPatch(from, change.path, expectedVersion);
      const document = { ...change, version: data.version + 1 };
      const { changed, replaced } = withDocument(data, document);
      // Before it is stored, so that a document the policy cannot hold never gets there.
      const source = { bundle, data: changed, seed, module: loaded.module };
      const next = await prepareAside(this.options, source, deadlineMs);
      if (change.value === undefined) checkRemoved(loaded, next.loaded);
      await clear();
      if (await this.ordered.replace(from, { document, replaced }, next)) return document.version;
    }
    throw new Rejection('ABORTED', 'DATA_CONTENDED', 'other changes came first, try again');
  }
}
