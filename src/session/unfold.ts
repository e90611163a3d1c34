/** From what a store says to a fold that can be believed: every digest is computed again before anything is read. */
import type { Head } from '../model/session.ts';
import { applyEntry, beginFold, TRAIL_STEP } from './apply.ts';
import type { SessionBounds } from './bounds.ts';
import { decodeEntry, type Entry } from './entry.ts';
import type { Fold } from './fold.ts';
import type { SessionKeys } from './keys.ts';
import { openSnapshot } from './snapshot.ts';
import { GENESIS, type Stored, type StoredEntry } from './store.ts';
import { NO_UNDO } from './undo.ts';

/** What it takes to read one log. */
export interface Reading {
  readonly log: string;
  readonly keys: SessionKeys;
  readonly bounds: SessionBounds;
}

/** The fold of a whole log; undefined when the log is torn: gap, edit, fork, unknown format, or no head. */
export function unfold(stored: Stored, reading: Reading): Fold | undefined {
  const { snapshot, entries } = stored;
  if (snapshot === undefined) return begin(entries, reading);
  const fold = openSnapshot(snapshot, reading.log, reading.keys);
  // Trimming always leaves the snapshot's own entry: without it, the end of the log is gone.
  const anchor = entries.find(({ version }) => version === snapshot.version);
  if (fold === undefined || anchor?.digest !== snapshot.digest) return undefined;
  const later = entries.filter(({ version }) => version > snapshot.version);
  return extend(fold, later, reading) ? fold : undefined;
}

function begin(entries: readonly StoredEntry[], reading: Reading): Fold | undefined {
  const [first, ...later] = entries;
  if (first === undefined) return undefined;
  const entry = verify(first, GENESIS, reading);
  if (entry?.kind !== 'open') return undefined;
  const fold = beginFold(entry, first, reading.bounds);
  return extend(fold, later, reading) ? fold : undefined;
}

/** Carries the fold over entries that must follow its head one by one; false when they do not (the fold is then spoilt). */
function extend(fold: Fold, entries: readonly StoredEntry[], reading: Reading): boolean {
  for (const stored of entries) {
    const entry = verify(stored, fold.now.head, reading);
    if (entry === undefined || entry.kind === 'open') return false;
    applyEntry(fold, entry, { stored, bounds: reading.bounds, undo: NO_UNDO });
  }
  return true;
}

function verify(stored: StoredEntry, before: Head, { log, keys }: Reading): Entry | undefined {
  if (stored.version !== before.version + 1) return undefined;
  if (keys.sealEntry(log, before, stored.payload) !== stored.digest) return undefined;
  return decodeEntry(stored.payload, keys.id);
}

/**
 * Carries a known fold to where its log is now; undefined when the two have no common history. A fold that lags
 * behind the trimmed part is replaced by the log's own, as long as that log went through the known head.
 */
export function catchUp(known: Fold, missed: Stored, reading: Reading): Fold | undefined {
  const { head } = known.now;
  const [first] = missed.entries;
  // Nothing after our head, yet another head: the log is shorter than it was, gone, or forked at its end.
  if (first === undefined) return undefined;
  if (first.version === head.version + 1) return extend(known, missed.entries, reading) ? known : undefined;
  const fold = missed.snapshot === undefined ? undefined : unfold(missed, reading);
  return fold !== undefined && passedThrough(fold, head) ? fold : undefined;
}

/** Whether the fold's log had this head; a head too old for the trail can no longer be told, and is believed. */
function passedThrough({ now }: Fold, head: Head): boolean {
  const back = now.head.version - head.version;
  if (back < 0) return false;
  const end = now.trail.length - back * TRAIL_STEP;
  if (end <= 0) return true;
  return now.trail.slice(end - TRAIL_STEP, end) === head.digest.slice(0, TRAIL_STEP);
}
