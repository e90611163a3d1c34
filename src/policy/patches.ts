/** Changes of data by their owners: tried out beside the queue of changes, which then stores and swaps. */
import { Rejection } from '../model/refusal.ts';
import { LateError } from './load.ts';
import { checkPatch, checkRemoved, rejectData, withDocument, writeValue } from './patch.ts';
import { type Active, type Prepared, prepareAside } from './prepare.ts';
import { createQueue, MOST_WAITING } from './queue.ts';
import type { PolicyRoom, PolicyRoomOptions } from './room.ts';
import type { DataChange, DataDocument } from './store.ts';

/** Tries of a write that another change came before. */
const TRIES = 8;
/** Ms that a value may take to try out while other values wait for it: a plain one of 1 MiB takes a few hundred. */
const QUICK_MS = 1000;

/** What must be in order with other changes. */
export interface Ordered {
  /** What is in force, once that is what the store holds. */
  newest(): Promise<Active>;
  /** Stores the change and puts the next in force; false when something else came after `from`. */
  replace(from: Active, change: DataChange, next: Prepared): Promise<boolean>;
}

/** One change, its value as it is stored; undefined takes away. */
interface Patch extends Omit<DataDocument, 'version'> {
  readonly expectedVersion: number | undefined;
}

/** Two lanes, so that a value that takes its time, or never comes to an end, holds up others of its kind alone. */
export class Patches {
  private readonly options: PolicyRoomOptions;
  private readonly ordered: Ordered;
  private readonly quick = createQueue();
  private readonly slow = createQueue(MOST_WAITING);

  constructor(options: PolicyRoomOptions, ordered: Ordered) {
    this.options = options;
    this.ordered = ordered;
  }

  /** See `PolicyRoom.patchData`. */
  async patch(request: Parameters<PolicyRoom['patchData']>[0]): Promise<number> {
    const { pep, path, change, expectedVersion, at } = request;
    const value = 'value' in change ? writeValue(change.value) : undefined;
    const patch = { path, value, by: pep.id, at, expectedVersion };
    try {
      return await this.quick(() => this.apply(patch, QUICK_MS));
    } catch (cause) {
      if (!(cause instanceof LateError)) rejectData(cause);
    }
    // A busy machine, or much data, is no reason to refuse: there is time to find out aside.
    return this.slow(() => this.apply(patch)).catch(rejectData);
  }

  /** @throws LateError where trying out takes longer than the deadline, which is that of any load by itself */
  private async apply({ expectedVersion, ...change }: Patch, deadlineMs?: number): Promise<number> {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const from = await this.ordered.newest();
      const { bundle, data, seed, loaded } = from;
      checkPatch(from, change.path, expectedVersion);
      const document = { ...change, version: data.version + 1 };
      const { changed, replaced } = withDocument(data, document);
      // Before it is stored, so that a document the policy cannot hold never gets there.
      const source = { bundle, data: changed, seed, module: loaded.module };
      const next = await prepareAside(this.options, source, deadlineMs);
      if (change.value === undefined) checkRemoved(loaded, next.loaded);
      if (await this.ordered.replace(from, { document, replaced }, next)) return document.version;
    }
    throw new Rejection('ABORTED', 'DATA_CONTENDED', 'other changes came first, try again');
  }
}
