/** What callers may put into a record so that a part of it looks like a whole one. */
import { crc32 } from 'node:zlib';
import { canonicalJson, type JsonValue } from '../../src/model/json.ts';

const HASH = 'A'.repeat(43);
/** An index that no record of the batch under way can have. */
const FAR = 1000;

/**
 * Padding that gives a text this checksum. A checksum is linear: which bits of the padding to flip is a system of 32
 * equations.
 * @param textOf the text around padding of a fixed length, which must be 11 characters or more
 */
function padFor(length: number, textOf: (pad: string) => string, wanted: number): string {
  const flipped = (flips: readonly number[]) => {
    const bytes = Buffer.from('`'.repeat(length));
    for (const flip of flips) bytes[flip >> 2] = (bytes[flip >> 2] ?? 0) ^ (1 << (flip & 3));
    return bytes.toString();
  };
  const sumOf = (flips: readonly number[]) => crc32(textOf(flipped(flips)));
  const rows: { sum: number; flips: readonly number[] }[] = [];
  const reduced = (sum: number, flips: readonly number[]) => {
    let left = { sum: sum >>> 0, flips };
    for (const row of rows) {
      const less = (left.sum ^ row.sum) >>> 0;
      if (less < left.sum) left = { sum: less, flips: [...left.flips, ...row.flips] };
    }
    return left;
  };
  for (let flip = 0; flip < length * 4; flip += 1) {
    const row = reduced(sumOf([flip]) ^ sumOf([]), [flip]);
    if (row.sum !== 0) rows.push(row);
    rows.sort((a, b) => b.sum - a.sum);
  }
  const { flips } = reduced(sumOf([]) ^ wanted, []);
  if (sumOf(flips) !== wanted) throw new Error('no padding gives this checksum');
  return flipped(flips);
}

const PAD = 12;

/**
 * Members whose name and colon are what a frame of their value begins with: each value looks like a record, and so many
 * stand one behind the other.
 */
function forgedMembers(count: number): Record<string, JsonValue> {
  const room = Buffer.from('":').readUInt16BE();
  const bare = canonicalJson({ index: FAR, pad: '', previous: HASH }).length;
  const padded = (pad: string) => ({ index: FAR, pad: pad.padStart(room - bare, 'a'), previous: HASH });
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => {
      const name = `a${i}`;
      const checksum = Buffer.from(`${i === 0 ? '{' : ','}"${name}`).readUInt32BE();
      return [name, padded(padFor(PAD, (pad) => `":${canonicalJson(padded(pad))}`, checksum))];
    }),
  );
}

/** As many as there is room for in one record. */
export const FORGED: Readonly<Record<string, JsonValue>> = forgedMembers(7);

/** As long as an opening bracket says, behind a byte of zero, and with both a checksum of zero. */
export function fitted(): JsonValue {
  const room = '['.charCodeAt(0) - canonicalJson({ index: FAR, pad: '', previous: HASH }).length;
  const padded = (pad: string) => ({ index: FAR, pad, previous: HASH });
  return padded(padFor(room, (pad) => `\0[${canonicalJson(padded(pad))}`, 0));
}
