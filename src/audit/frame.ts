import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { LogDamaged } from './log.ts';
import { memberOf } from './members.ts';

/*
 * A segment file is one header and then frames:
 *
 *   header (64 bytes)   magic "ASNTLOG1" · first index u64 · previous leaf hash [32] · bytes of the segment
 *                       before u64 · 4 zero bytes · CRC-32 of the 60 bytes before it
 *   frame               CRC-32 of what follows · length u16 · record (UTF-8 canonical JSON)
 *
 * All integers are big-endian. Length and record are an entry of a C2SP tlog-tiles entry bundle as they stand,
 * and a record's hash is the RFC 6962 leaf hash SHA-256(0x00 ‖ record): tiles, tree and checkpoints can be laid
 * over the files without rewriting any.
 */
export const HEADER_BYTES = 64;
export const FRAME_OVERHEAD = 6;
export const LONGEST_FRAME: number = FRAME_OVERHEAD + 65_535;

/** base64url of 32 zero bytes: what the first record of a log names as the one before. */
export const NO_RECORD: string = Buffer.alloc(32).toString('base64url');

const MAGIC = Buffer.from('ASNTLOG1', 'latin1');

export interface SegmentHeader {
  readonly firstIndex: number;
  /** base64url leaf hash of the last record before this segment. */
  readonly previous: string;
  /** Exact length of the segment before; 0 for the first. */
  readonly previousBytes: number;
}

export function encodeHeader({ firstIndex, previous, previousBytes }: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeBigUInt64BE(BigInt(firstIndex), 8);
  Buffer.from(previous, 'base64url').copy(bytes, 16);
  bytes.writeBigUInt64BE(BigInt(previousBytes), 48);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

/** @throws LogDamaged when it is no header */
export function decodeHeader(bytes: Buffer, file: string): SegmentHeader {
  const whole = bytes.length >= HEADER_BYTES && bytes.subarray(0, 8).equals(MAGIC);
  if (!whole || bytes.readUInt32BE(60) !== crc32(bytes.subarray(0, 60)))
    throw new LogDamaged('bad segment header', file, 0);
  return {
    firstIndex: Number(bytes.readBigUInt64BE(8)),
    previous: bytes.toString('base64url', 16, 48),
    previousBytes: Number(bytes.readBigUInt64BE(48)),
  };
}

// One byte of 0x00 and the record: the leaf is hashed in one call, without another copy of the record.
const leaf = Buffer.alloc(1 + 65_535);

/**
 * Writes one frame into `into` at `at`, which must have room for the longest.
 * @returns the offset after the frame, and the record's leaf hash (base64url)
 * @throws RangeError when the record is longer than 65,535 bytes
 */
export function encodeFrame(
  text: string,
  into: Buffer,
  at: number,
): { readonly end: number; readonly hash: string } {
  if (text.length > 65_535 || (text.length * 3 > 65_535 && Buffer.byteLength(text) > 65_535))
    throw new RangeError('record is longer than 65,535 bytes');
  const length = leaf.write(text, 1, 'utf8');
  into.writeUInt16BE(length, at + 4);
  leaf.copy(into, at + FRAME_OVERHEAD, 1, 1 + length);
  const end = at + FRAME_OVERHEAD + length;
  into.writeUInt32BE(crc32(into.subarray(at + 4, end)), at);
  return { end, hash: hash('sha256', leaf.subarray(0, 1 + length), 'base64url') };
}

/** A record as it stands in the log. */
export interface StoredRecord {
  readonly index: number;
  /** Canonical JSON. */
  readonly text: string;
  /** base64url leaf hash. */
  readonly hash: string;
  /** Offset after its frame. */
  readonly end: number;
}

/** Where a scan stopped: everything before `end` holds together. */
export interface Scanned {
  readonly end: number;
  readonly nextIndex: number;
  readonly previous: string;
}

/**
 * Goes through the frames of a segment until its end or the first frame that is cut or fails its checksum.
 * @throws LogDamaged when an intact record does not continue the one before: that is no accident
 */
export function* scanFrames(
  bytes: Buffer,
  header: SegmentHeader,
  file: string,
): Generator<StoredRecord, Scanned> {
  let at = HEADER_BYTES;
  let index = header.firstIndex;
  let previous = header.previous;
  for (;;) {
    const end = endOfFrame(bytes, at);
    if (end === undefined) break;
    const text = bytes.toString('utf8', at + FRAME_OVERHEAD, end);
    if (memberOf(text, 'index') !== String(index) || memberOf(text, 'previous') !== `"${previous}"`)
      throw new LogDamaged('record does not continue the chain', file, at);
    const recordHash = leafHash(bytes, at + FRAME_OVERHEAD, end);
    yield { index, text, hash: recordHash, end };
    at = end;
    index += 1;
    previous = recordHash;
  }
  return { end: at, nextIndex: index, previous };
}

/** The offset after the frame at `at`; undefined when it is cut or fails its checksum. */
export function endOfFrame(bytes: Buffer, at: number): number | undefined {
  if (at + FRAME_OVERHEAD > bytes.length) return undefined;
  const end = at + FRAME_OVERHEAD + bytes.readUInt16BE(at + 4);
  const whole = end <= bytes.length && bytes.readUInt32BE(at) === crc32(bytes.subarray(at + 4, end));
  return whole ? end : undefined;
}

function leafHash(bytes: Buffer, start: number, end: number): string {
  bytes.copy(leaf, 1, start, end);
  return hash('sha256', leaf.subarray(0, 1 + end - start), 'base64url');
}
