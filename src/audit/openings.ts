import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import type { Disk } from './disk.ts';
import type { BuiltRecord, CommitmentOpening } from './log.ts';
import { listSegments, openingsPath } from './segments.ts';

/**
 * The sidecar of one segment. A line is `{"commitment":…,"index":…,"salt":…,"value":"<canonical JSON>"}` and
 * begins with the line break, so that a line cut by a crash never spoils the one after it.
 */
export interface OpeningsFile {
  /** Takes what the record at this index needs into the next write; shared openings that stand here already do not. */
  add(index: number, record: Pick<BuiltRecord, 'openings' | 'shared'>): void;
  /**
   * Writes what was added. Called before the records are written: a crash in between leaves openings that open
   * nothing.
   */
  write(): void;
  sync(): Promise<void>;
  syncNow(): void;
  close(): void;
}

function linesOf(index: number, openings: readonly CommitmentOpening[]): string {
  let lines = '';
  for (const { commitment, salt, value } of openings)
    lines += `\n{"commitment":"${commitment}","index":${index},"salt":"${salt}","value":${JSON.stringify(value)}}`;
  return lines;
}

/** The file is made when the first opening comes. */
export function createOpeningsFile(segment: string, disk: Disk): OpeningsFile {
  let fd: number | undefined;
  let unsynced = false;
  let lines = '';
  /** Shared openings that this file holds, or will after the next write. */
  let held = new WeakSet<readonly CommitmentOpening[]>();

  function append(text: string): void {
    fd ??= openSync(openingsPath(segment), 'a', 0o600);
    const bytes = Buffer.from(text, 'utf8');
    unsynced = true;
    if (disk.write(fd, bytes, bytes.length) !== bytes.length) throw new Error('openings were cut short');
  }

  /** Nobody knows what of them is there: with the next record that needs them they are written again. */
  function doubt(): void {
    held = new WeakSet();
  }

  return {
    add(index, { openings, shared }) {
      lines += linesOf(index, openings);
      if (shared === undefined || held.has(shared)) return;
      held.add(shared);
      lines += linesOf(index, shared);
    },
    write() {
      const text = lines;
      lines = '';
      if (text === '') return;
      try {
        append(text);
      } catch (cause) {
        doubt();
        throw cause;
      }
    },
    async sync() {
      if (fd === undefined || !unsynced) return;
      unsynced = false;
      try {
        await disk.sync(fd);
      } catch (cause) {
        unsynced = true;
        doubt();
        throw cause;
      }
    },
    syncNow() {
      if (fd !== undefined && unsynced) disk.syncNow(fd);
      unsynced = false;
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

/** The openings that are still kept, by commitment. What was forgotten is simply not here. */
export function readOpenings(dir: string): ReadonlyMap<string, CommitmentOpening> {
  const kept = new Map<string, CommitmentOpening>();
  for (const segment of listSegments(dir)) {
    const path = openingsPath(segment);
    if (!existsSync(path)) continue;
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      const opening = parseLine(line);
      if (opening !== undefined) kept.set(opening.commitment, opening);
    }
  }
  return kept;
}

function parseLine(line: string): CommitmentOpening | undefined {
  if (line === '') return undefined;
  try {
    const { commitment, salt, value } = JSON.parse(line) as Record<string, unknown>;
    if (typeof commitment !== 'string' || typeof salt !== 'string' || typeof value !== 'string')
      return undefined;
    return { commitment, salt, value };
  } catch {
    // A line that a crash cut short; its record came after it and so was never written.
    return undefined;
  }
}
