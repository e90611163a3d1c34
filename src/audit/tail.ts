import { endOfFrame, FRAME_OVERHEAD, LONGEST_FRAME } from './frame.ts';
import { LogDamaged } from './log.ts';
import { endOfObject } from './prefix.ts';

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
  const later = wholeRecords(bytes, { from: afterCut(bytes, end), nextIndex, most: unflushed });
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

/**
 * Where records may follow a damaged one. Callers choose much of what stands in a record, and can make it look like
 * whole records: nothing that lies in one text with its beginning is a record of its own. A zero byte ends that text,
 * since no record holds one; it may also be one of the bytes before a record's text, so the search begins where those
 * would. Where the damage is in the text itself the search begins with it.
 */
function afterCut(bytes: Buffer, start: number): number {
  const rest = bytes.toString('latin1', start + FRAME_OVERHEAD, start + LONGEST_FRAME);
  const zero = rest.indexOf('\0');
  const text = zero === -1 ? rest : rest.slice(0, zero);
  const end = endOfObject(text);
  if (end === undefined) return start;
  // A record that follows has the zero among its first bytes, or behind it.
  return end === zero ? start + end + 1 : start + FRAME_OVERHEAD + end;
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

const HASH = /^[A-Za-z0-9_-]{43}$/;

/**
 * Whether it is a record as they are written, and would stand at this index or behind it: an older one may be what a
 * reused sector held before.
 */
function isRecord(text: string, nextIndex: number): boolean {
  const record = parsed(text);
  if (record === undefined) return false;
  const { index, previous } = record;
  const names = Object.keys(record);
  return (
    typeof index === 'number' &&
    Number.isSafeInteger(index) &&
    index >= nextIndex &&
    typeof previous === 'string' &&
    HASH.test(previous) &&
    text.startsWith(`{${JSON.stringify(names[0])}:`) &&
    names.every((name, i) => i === 0 || (names[i - 1] ?? '') < name)
  );
}

/** Undefined where it is no JSON object. */
function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    // Bytes that only begin like a record.
    return undefined;
  }
}

/** Also the rest of the sector in which the batch begins: what stood in it before was on disk already. */
function hasBlankSector(bytes: Buffer, from: number, to: number): boolean {
  const border = Math.ceil(from / SECTOR) * SECTOR;
  if (border > from && border <= to && isBlank(bytes, from, border)) return true;
  for (let at = border; at + SECTOR <= to; at += SECTOR) if (isBlank(bytes, at, at + SECTOR)) return true;
  return false;
}

function isBlank(bytes: Buffer, from: number, to: number): boolean {
  return bytes.subarray(from, to).every((byte) => byte === 0);
}
