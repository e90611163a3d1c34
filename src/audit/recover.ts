import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { NO_RECORD } from './frame.ts';
import { LogDamaged } from './log.ts';
import {
  checkJoint,
  createSegment,
  type Joint,
  listSegments,
  readHeader,
  scanSegment,
  sizeOf,
  syncDirectory,
} from './segments.ts';
import { checkTail } from './tail.ts';

/** What opening the log found. */
export interface Recovery {
  /** Records in the log. */
  readonly records: number;
  /** Bytes behind the last intact record: 0 unless something died while it wrote. */
  readonly droppedBytes: number;
  /** Where they were moved to, undefined when there were none. */
  readonly droppedTo: string | undefined;
}

/** The open end of the log. */
export interface Tail {
  readonly path: string;
  readonly joint: Joint;
  readonly recovery: Recovery;
}

/** A log that has nothing yet. */
export const BEGINNING: Joint = { nextIndex: 0, previous: NO_RECORD, bytes: 0 };

export interface RecoverOptions {
  /** `all` goes through every record; `tail` through the last two segments, and holds the lengths of earlier ones against the headers that follow them. */
  readonly verify: 'all' | 'tail';
  /** Records that may have been in the last segment before they were flushed. */
  readonly unflushed: number;
}

/**
 * Finds the end of the log and keeps the longest prefix of the last segment that holds together; the torn tail
 * behind it is moved aside, not destroyed.
 * @throws LogDamaged when an earlier segment is damaged, the chain does not continue, or what follows the prefix is
 * not what a crash leaves
 */
export function recover(dir: string, { verify, unflushed }: RecoverOptions): Tail {
  for (const name of readdirSync(dir)) if (name.endsWith('.records.new')) rmSync(join(dir, name));
  const segments = listSegments(dir);
  const last = segments.at(-1);
  if (last === undefined) {
    const header = { firstIndex: 0, previous: NO_RECORD, previousBytes: 0 };
    const path = createSegment(dir, header);
    const recovery = { records: 0, droppedBytes: 0, droppedTo: undefined };
    return { path, joint: { ...BEGINNING, bytes: sizeOf(path) }, recovery };
  }
  const before = checkEarlier(segments.slice(0, -1), verify);
  const { header, joint, torn } = scanSegment(last);
  checkJoint(header, before, last);
  const stop = { file: last, end: joint.bytes, nextIndex: joint.nextIndex };
  if (torn > 0) checkTail(readFileSync(last), stop, unflushed);
  else flush(last);
  const droppedTo = torn === 0 ? undefined : setAside(dir, last, joint.bytes);
  return { path: last, joint, recovery: { records: joint.nextIndex, droppedBytes: torn, droppedTo } };
}

/** Checks all segments but the last, which were whole and on disk before their successor was made. */
function checkEarlier(earlier: readonly string[], verify: 'all' | 'tail'): Joint {
  const from = verify === 'all' ? 0 : Math.max(0, earlier.length - 1);
  checkLengths(earlier.slice(0, from + 1));
  let before = from === 0 ? BEGINNING : undefined;
  for (const path of earlier.slice(from)) {
    const { header, joint, torn } = scanSegment(path);
    if (torn > 0) throw new LogDamaged('record is damaged', path, joint.bytes);
    if (before !== undefined) checkJoint(header, before, path);
    before = joint;
  }
  return before ?? BEGINNING;
}

/** Every header names the length of the file before it. */
function checkLengths(paths: readonly string[]): void {
  let before: number | undefined;
  for (const path of paths) {
    const named = readHeader(path).previousBytes;
    if (before !== undefined && named !== before)
      throw new LogDamaged('segment before it has another length', path, 48);
    before = sizeOf(path);
  }
}

/** What a process wrote before it died is on disk before anything is added: unflushed is never more than one batch. */
function flush(path: string): void {
  const fd = openSync(path, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Copies the bytes from `offset` into a `.torn` file, then cuts them off. A crash in between leaves both, and the
 * next opening does the same again.
 */
function setAside(dir: string, path: string, offset: number): string {
  const torn = path.replace(/\.records$/, `.${offset}.torn`);
  const fd = openSync(path, 'r+');
  try {
    const bytes = Buffer.alloc(sizeOf(path) - offset);
    const length = readSync(fd, bytes, 0, bytes.length, offset);
    writeFileSync(torn, bytes.subarray(0, length), { mode: 0o600, flush: true });
    syncDirectory(dir);
    ftruncateSync(fd, offset);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return torn;
}
