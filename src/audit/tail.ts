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

/** No byte of a record's text is less than a blank: no frame that lies inside one has a shorter text than this. */
const SHORTEST_INSIDE = 0x2020;
/** So many of them have room in one record, one behind the other. */
const MOST_INSIDE = Math.floor((LONGEST_FRAME - FRAME_OVERHEAD) / (SHORTEST_INSIDE + FRAME_OVERHEAD));

/**
 * Holds what follows the last whole record against what a crash can leave. A death in the middle of a write leaves
 * the beginning of what was being written: no whole record comes after it. A loss of power may leave out any part
 * of what was not flushed, in whole sectors of zeros, and keep what was written behind it: with a flush for every
 * batch that is less than a batch of records.
 * @param unflushed records that may be in the file before they are flushed
 * @throws LogDamaged when whole records follow that no crash leaves there
 */
export function checkTail(bytes: Buffer, { file, end, nextIndex }: Stop, unflushed: number): void {
  const { from, lost } = cutAt(bytes, end);
  let first: number | undefined;
  for (const { at, index, certain } of wholeRecords(bytes, from, nextIndex)) {
    first ??= at;
    if (lost && !(certain && index - nextIndex >= unflushed)) continue;
    throw new LogDamaged('record is damaged', file, end, adviceOn(file, end, first));
  }
}

function adviceOn(file: string, end: number, next: number): string {
  return (
    `, and whole records follow from byte ${next} on: put the file back from a copy, or keep a copy and ` +
    `give up what follows with \`truncate -s ${end} ${file}\``
  );
}

/** How a record stopped being one. */
interface Cut {
  /** Where others may follow it. */
  readonly from: number;
  /** Whether it stopped at a sector that was never written. */
  readonly lost: boolean;
}

/**
 * Callers choose much of what stands in a record, and can make it look like whole records: nothing that lies in one
 * text with the beginning of a damaged one is a record of its own. A zero byte ends that text, since no record holds
 * one; it may also be one of the bytes before a record's text, so the search begins where those would. Where the damage
 * is in the text itself the search begins with it.
 */
function cutAt(bytes: Buffer, start: number): Cut {
  const rest = bytes.toString('latin1', start + FRAME_OVERHEAD, start + LONGEST_FRAME);
  const zero = rest.indexOf('\0');
  const text = zero === -1 ? rest : rest.slice(0, zero);
  const end = endOfObject(text);
  const stop = start + FRAME_OVERHEAD + (end ?? 0);
  // One that is whole needed nothing of what is not there.
  const isCut = isBlank(bytes, stop - (stop % SECTOR), SECTOR) && parsed(text) === undefined;
  const lost = isCut || startsBlank(bytes, start);
  if (end === undefined) return { from: start, lost };
  // A record that follows has the zero among its first bytes, or behind it.
  return { from: end === zero ? start + end + 1 : stop, lost };
}

/** The rest of the sector in which a batch begins: what stood in it before was on disk already. */
function startsBlank(bytes: Buffer, start: number): boolean {
  const rest = -start & (SECTOR - 1);
  return rest > 0 && isBlank(bytes, start, rest);
}

function isBlank(bytes: Buffer, from: number, length: number): boolean {
  return bytes.subarray(from, from + length).every((byte) => byte === 0);
}

interface Whole {
  readonly at: number;
  readonly index: number;
  /** It is no part of a record whose beginning was lost. */
  readonly certain: boolean;
}

/** Whole records of this log or later, wherever they stand. */
function* wholeRecords(bytes: Buffer, from: number, nextIndex: number): Generator<Whole, void> {
  let at = from;
  let run = 0;
  let behind = -1;
  for (;;) {
    // Every record is a JSON object with members: nowhere else is a checksum worth computing.
    const text = bytes.indexOf('{"', at + FRAME_OVERHEAD);
    if (text === -1) return;
    at = text - FRAME_OVERHEAD;
    const end = endOfFrame(bytes, at);
    const index = end === undefined ? undefined : indexOf(bytes.toString('utf8', text, end));
    // A lost sector has zeros for a checksum too, and behind it a text may begin that was made to fit.
    if (end === undefined || index === undefined || index < nextIndex || bytes.readUInt32BE(at) === 0) {
      at += 1;
      continue;
    }
    run = at === behind ? run + 1 : 1;
    yield { at, index, certain: end - text < SHORTEST_INSIDE || run > MOST_INSIDE };
    behind = end;
    at = end;
  }
}

const HASH = /^[A-Za-z0-9_-]{43}$/;

/** The index of a record as they are written; undefined where it is none. */
function indexOf(text: string): number | undefined {
  const record = parsed(text);
  if (record === undefined) return undefined;
  const { index, previous } = record;
  const names = Object.keys(record);
  const isOne =
    typeof previous === 'string' &&
    HASH.test(previous) &&
    text.startsWith(`{${JSON.stringify(names[0])}:`) &&
    names.every((name, i) => i === 0 || (names[i - 1] ?? '') < name);
  return isOne && typeof index === 'number' && Number.isSafeInteger(index) ? index : undefined;
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
