import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { decodeHeader, encodeHeader, HEADER_BYTES, type SegmentHeader, scanFrames } from './frame.ts';
import { LogDamaged } from './log.ts';

const NAME = /^([0-9]{16})\.records$/;

/** `0000000000000000.records`: named by the index of its first record, so that names sort as the log runs. */
function segmentPath(dir: string, firstIndex: number): string {
  return join(dir, `${String(firstIndex).padStart(16, '0')}.records`);
}

/** Openings of the commitments in a segment, one JSON object a line. */
export function openingsPath(segment: string): string {
  return segment.replace(/\.records$/, '.openings');
}

export function listSegments(dir: string): readonly string[] {
  return readdirSync(dir)
    .filter((name) => NAME.test(name))
    .sort()
    .map((name) => join(dir, name));
}

/**
 * Makes an empty segment. Its header is on disk before it has its name: a crash before leaves a `.new` file that
 * nobody reads, a crash after leaves a whole segment without records.
 */
export function createSegment(dir: string, header: SegmentHeader): string {
  const path = segmentPath(dir, header.firstIndex);
  const fresh = `${path}.new`;
  const fd = openSync(fresh, 'w', 0o600);
  try {
    writeSync(fd, encodeHeader(header));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(fresh, path);
  syncDirectory(dir);
  return path;
}

export function syncDirectory(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Reads the header alone. */
export function readHeader(path: string): SegmentHeader {
  const bytes = Buffer.alloc(HEADER_BYTES);
  const fd = openSync(path, 'r');
  try {
    return decodeHeader(bytes.subarray(0, readSync(fd, bytes, 0, HEADER_BYTES, 0)), path);
  } finally {
    closeSync(fd);
  }
}

/** Where a segment stands in the log, once its header was held against the segment before. */
export interface Joint {
  readonly nextIndex: number;
  readonly previous: string;
  readonly bytes: number;
}

/** @throws LogDamaged when the header does not continue what came before */
export function checkJoint(header: SegmentHeader, before: Joint, path: string): void {
  if (
    header.firstIndex !== before.nextIndex ||
    header.previous !== before.previous ||
    header.previousBytes !== before.bytes
  )
    throw new LogDamaged('segment does not continue the one before', path, 0);
}

/** Goes through one whole segment; `torn` counts the bytes after the last intact frame. */
export function scanSegment(path: string): {
  readonly header: SegmentHeader;
  readonly joint: Joint;
  readonly torn: number;
} {
  const bytes = readFileSync(path);
  const header = decodeHeader(bytes, path);
  const frames = scanFrames(bytes, header, path);
  for (;;) {
    const step = frames.next();
    if (step.done !== true) continue;
    const { end, nextIndex, previous } = step.value;
    return { header, joint: { nextIndex, previous, bytes: end }, torn: bytes.length - end };
  }
}

export function sizeOf(path: string): number {
  return statSync(path).size;
}
