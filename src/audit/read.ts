import { readFileSync } from 'node:fs';
import { decodeHeader, type StoredRecord, scanFrames } from './frame.ts';
import { LogDamaged } from './log.ts';
import { BEGINNING } from './recover.ts';
import { checkJoint, type Joint, listSegments } from './segments.ts';
import { checkTail } from './tail.ts';

/** What a whole log comes to. */
export interface Verified {
  readonly records: number;
  /** base64url leaf hash of the last record; 32 zero bytes for an empty log. */
  readonly head: string;
  /** Bytes behind the last intact record, which the next opening sets aside. */
  readonly tornBytes: number;
}

/**
 * Every record of the log in order, checked as it is read; also while another process writes, up to the last
 * whole record.
 * @throws LogDamaged when a record before the end is damaged or does not continue the chain
 */
export function* readRecords(dir: string): Generator<StoredRecord, Verified> {
  const segments = listSegments(dir);
  let joint: Joint = BEGINNING;
  let tornBytes = 0;
  for (const path of segments) {
    const bytes = readFileSync(path);
    const header = decodeHeader(bytes, path);
    checkJoint(header, joint, path);
    const { end, nextIndex, previous } = yield* scanFrames(bytes, header, path);
    tornBytes = bytes.length - end;
    if (tornBytes > 0) {
      if (path !== segments.at(-1)) throw new LogDamaged('record is damaged', path, end);
      // With which durability it was written is not known here.
      checkTail(bytes, { file: path, end, nextIndex }, Number.POSITIVE_INFINITY);
    }
    joint = { nextIndex, previous, bytes: end };
  }
  return { records: joint.nextIndex, head: joint.previous, tornBytes };
}

/** Goes through the whole log. @throws LogDamaged as readRecords */
export function verifyLog(dir: string): Verified {
  const records = readRecords(dir);
  for (;;) {
    const step = records.next();
    if (step.done === true) return step.value;
  }
}
