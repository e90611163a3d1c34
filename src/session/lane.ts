/**
 * One session on one replica: its fold, and the entries on their way into its log. At most one append is under
 * way; what is judged meanwhile builds on it and goes out as the next one.
 */
import { Fault, Refusal } from '../model/refusal.ts';
import type { Head } from '../model/session.ts';
import { applyEntry } from './apply.ts';
import { encodeEntry } from './encode.ts';
import type { LaterEntry } from './entry.ts';
import type { Fold } from './fold.ts';
import { sealSnapshot } from './snapshot.ts';
import type { SessionKey, SessionStore, Stored, StoredEntry } from './store.ts';
import { Undo } from './undo.ts';
import { catchUp, type Reading } from './unfold.ts';

export interface LaneOptions {
  readonly store: SessionStore;
  readonly reading: Reading;
  /** Unix ms; only to drop allows whose asker has stopped waiting. */
  readonly now: () => number;
  /** A snapshot could not be written: the log stays longer, nothing else is lost. */
  readonly reportFault: (cause: unknown) => void;
  readonly snapshotEvery: number;
}

interface Pending {
  readonly entry: LaterEntry;
  readonly stored: StoredEntry;
  readonly deadline: number;
  undo: Undo;
  readonly resolve: (stored: StoredEntry | undefined) => void;
  readonly reject: (cause: unknown) => void;
}

interface Probe {
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

/** Entries of one append: bounds what one command of the store has to swallow. */
const BATCH = 128;

export class Lane {
  readonly key: SessionKey;
  private readonly options: LaneOptions;
  /** With the pending entries applied. */
  private folded: Fold;
  /** What the store is known to end at. */
  private committed: Head;
  private pending: Pending[] = [];
  private sent = 0;
  private probes: Probe[] = [];
  private busy = false;
  private lost = false;
  private broken = false;
  private snapshotDue: { readonly version: number; readonly chars: number };
  private charsSince = 0;
  private snapshotting = false;

  constructor(key: SessionKey, fold: Fold, options: LaneOptions) {
    this.key = key;
    this.options = options;
    this.folded = fold;
    this.committed = fold.now.head;
    this.snapshotDue = { version: fold.now.head.version + options.snapshotEvery, chars: 0 };
  }

  get log(): string {
    return this.options.reading.log;
  }

  /** As the next ask must see it: entries under way included. */
  get fold(): Fold {
    return this.folded;
  }

  /** Bytes that the fold takes in memory, roughly: a fixed part, and what grows (measured: 2 KB an ask). */
  get weight(): number {
    const { now, permits, spentIds, origins } = this.folded;
    return 8192 + now.answerChars * 1.4 + permits.size * 900 + (spentIds.size + origins.size) * 200;
  }

  /** An answer was lost: what the store holds is unknown until a refresh. */
  get stale(): boolean {
    return this.lost;
  }

  get torn(): boolean {
    return this.broken;
  }

  /** False for an entry that is still on its way. */
  isCommitted(version: number): boolean {
    return version <= this.committed.version;
  }

  /**
   * Puts one entry behind the fold's head. Resolves with the entry as stored, or undefined when another replica
   * was faster (its entries are in the fold then); rejects with a Fault when the store's answer is unknown, with
   * `session.torn` when the log does not continue what was known. Past `deadline` the entry is not sent.
   */
  append(entry: LaterEntry, deadline: number): Promise<StoredEntry | undefined> {
    if (this.broken) return Promise.reject(new Refusal('session.torn'));
    if (this.lost)
      return Promise.reject(new Fault('SESSION_STORE_UNAVAILABLE', 'the session must be read again'));
    const { log, keys, bounds } = this.options.reading;
    const before = this.folded.now.head;
    const payload = encodeEntry(entry, keys.id);
    const digest = keys.sealEntry(log, before, payload);
    const stored = { version: before.version + 1, digest, payload };
    const undo = new Undo();
    applyEntry(this.folded, entry, { stored, bounds, undo });
    return new Promise((resolve, reject) => {
      this.pending.push({ entry, stored, deadline, undo, resolve, reject });
      if (!this.busy) this.flush();
    });
  }

  /** Resolves when the fold holds all that was acknowledged anywhere before the call. */
  refresh(): Promise<void> {
    if (this.broken) return Promise.reject(new Refusal('session.torn'));
    return new Promise((resolve, reject) => {
      this.probes.push({ resolve, reject });
      if (!this.busy) this.flush();
    });
  }

  private flush(): void {
    this.dropOverdue();
    const batch = this.pending.slice(0, BATCH);
    const probes = this.probes;
    if (batch.length === 0 && probes.length === 0) return;
    this.probes = [];
    this.sent = batch.length;
    this.busy = true;
    const entries = batch.map(({ stored }) => stored);
    // A crash here leaves the batch in the log or not at all; whoever asked finds out by its request id.
    this.options.store
      .append(this.key, this.committed, entries)
      .then(
        (appended) => {
          if (appended.kind === 'appended') this.settle(probes);
          else this.fallBehind(appended.missed, probes);
        },
        (cause: unknown) => this.lose(cause, probes),
      )
      .catch((cause: unknown) => this.lose(cause, probes));
  }

  /** An allow must not be committed for an asker who is gone; all that was judged after it is judged again. */
  private dropOverdue(): void {
    const now = this.options.now();
    const overdue = this.pending.findIndex(({ deadline }) => now > deadline);
    if (overdue === -1) return;
    const dropped = this.rollBack(overdue);
    dropped[0]?.reject(new Fault('DEADLINE_PASSED'));
    for (const { resolve } of dropped.slice(1)) resolve(undefined);
  }

  private settle(probes: readonly Probe[]): void {
    this.busy = false;
    this.lost = false;
    const done = this.pending.splice(0, this.sent);
    this.sent = 0;
    const last = done.at(-1);
    if (last !== undefined) this.committed = last.stored;
    for (const { stored, resolve } of done) {
      this.charsSince += stored.payload.length;
      resolve(stored);
    }
    for (const { resolve } of probes) resolve();
    this.considerSnapshot();
    this.flush();
  }

  private fallBehind(missed: Stored, probes: readonly Probe[]): void {
    this.busy = false;
    this.sent = 0;
    const dropped = this.rollBack(0);
    const fold = catchUp(this.folded, missed, this.options.reading);
    if (fold === undefined) {
      this.tear(dropped, probes);
      return;
    }
    this.lost = false;
    this.folded = fold;
    this.committed = fold.now.head;
    for (const { resolve } of dropped) resolve(undefined);
    for (const { resolve } of probes) resolve();
    this.flush();
  }

  private tear(dropped: readonly Pending[], probes: readonly Probe[]): void {
    this.broken = true;
    const waiting = [...dropped, ...probes, ...this.probes];
    this.probes = [];
    for (const { reject } of waiting) reject(new Refusal('session.torn'));
  }

  private lose(cause: unknown, probes: readonly Probe[]): void {
    this.busy = false;
    this.sent = 0;
    this.lost = true;
    const fault = cause instanceof Fault ? cause : new Fault('SESSION_STORE_UNAVAILABLE', cause);
    const waiting = [...this.rollBack(0), ...probes, ...this.probes];
    this.probes = [];
    for (const { reject } of waiting) reject(fault);
  }

  /** Takes pending entries from this one on out of the fold again, and out of the queue. */
  private rollBack(from: number): Pending[] {
    const dropped = this.pending.splice(from);
    for (const { undo } of dropped.toReversed()) undo.run();
    return dropped;
  }

  /**
   * Every `snapshotEvery` entries, later while the fold is larger than what was appended since: a session of a
   * thousand asks then writes each byte about twice, and not once every 64 entries again.
   */
  private considerSnapshot(): void {
    const { version, chars } = this.snapshotDue;
    if (this.snapshotting || this.committed.version < version || this.charsSince < chars) return;
    const { store, reading, snapshotEvery, reportFault } = this.options;
    // The snapshot is of what is committed: pending entries step aside for it.
    for (const { undo } of this.pending.toReversed()) undo.run();
    const snapshot = sealSnapshot(this.folded, reading.log, reading.keys);
    for (const pending of this.pending) {
      pending.undo = new Undo();
      applyEntry(this.folded, pending.entry, { ...pending, bounds: reading.bounds });
    }
    this.snapshotDue = { version: snapshot.version + snapshotEvery, chars: snapshot.body.length };
    this.charsSince = 0;
    this.snapshotting = true;
    store
      .snapshot(this.key, snapshot)
      .catch(reportFault)
      .finally(() => {
        this.snapshotting = false;
      });
  }
}
