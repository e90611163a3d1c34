import { endOfFrame, FRAME_OVERHEAD } from './frame.ts';
import { LogDamaged } from './log.ts';
import { memberOf } from './members.ts';

/** Where a log's last segment stops holding together. */
export interface Stop {
  readonly file: string;
  /** Offset after the last whole record. */
  readonly end: number;
  /** Index that the next record would have. */
  readonly nextIndex: number;
}

/** A record is JSON and holds no zero byte, so a sector of zeros is one that was never written. */
const SECTOR = 512;

/**
 * Holds what follows the last whole record against what a crash can leave. A death in the middle of a write leaves
 * the beginning of what was being written: no whole record comes after it. A loss of power may leave out any part
 * of what was not flushed, in whole sectors of zeros, and keep what was written behind it: with a flush for every
 * batch that is less than a batch of records.
 * @param unflushed records that may be in the file before they are flushed
 * @throws LogDamaged when whole records follow that no crash leaves there
 */
export function checkTail(bytes: Buffer, { file, end, nextIndex }: Stop, unflushed: number): void {
  const later = wholeRecords(bytes, { from: end, nextIndex, most: unflushed });
  const [first] = later;
  if (first === undefined) return;
  // One record at least is in the gap.
  if (hasBlankSector(bytes, end, first) && later.length < unflushed) return;
  throw new LogDamaged('record is damaged', file, end, adviceOn(file, end, first));
}

function adviceOn(file: string, end: number, next: number): string {
  return (
    `, and whole records follow from byte ${next} on: put the file back from a copy, or keep a copy and ` +
    `give up what follows with \`truncate -s ${end} ${file}\``
  );
}

/** Offsets of whole records of this log or later, wherever they stand; at most `most`. */
function wholeRecords(
  bytes: Buffer,
  { from, nextIndex, most }: { from: number; nextIndex: number; most: number },
): readonly number[] {
  const found: number[] = [];
  let at = from;
  while (found.length < most) {
    // Every record is a JSON object with members: nowhere else is a checksum worth computing.
    const text = bytes.indexOf('{"', at + FRAME_OVERHEAD);
    if (text === -1) break;
    at = text - FRAME_OVERHEAD;
    const end = endOfFrame(bytes, at);
    const whole = end !== undefined && isRecord(bytes.toString('utf8', text, end), nextIndex);
    if (whole) found.push(at);
    at = whole ? end : at + 1;
  }
  return found;
}

/** Whether the record would stand at this index or behind it: an older one may be what a reused sector held before. */
function isRecord(text: string, nextIndex: number): boolean {
  const index = memberOf(text, 'index');
  return index !== undefined && Number(index) >= nextIndex && memberOf(text, 'previous') !== undefined;
}

function hasBlankSector(bytes: Buffer, from: number, to: number): boolean {
  for (let at = Math.ceil(from / SECTOR) * SECTOR; at + SECTOR <= to; at += SECTOR)
    if (bytes.subarray(at, at + SECTOR).every((byte) => byte === 0)) return true;
  return false;
}
