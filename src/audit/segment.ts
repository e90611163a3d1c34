import { closeSync, openSync } from 'node:fs';
import type { Disk } from './disk.ts';
import { encodeFrame, LONGEST_FRAME } from './frame.ts';
import type { BuildRecord } from './log.ts';
import { createOpeningsFile } from './openings.ts';
import { createSegment, type Joint, sizeOf } from './segments.ts';

/** Records written together by one call of the file system. */
export const MAX_BATCH = 64;

/** What became of one record of a batch: written at an index, or refused by its own builder. */
export type Written = { readonly index: number } | { readonly refused: unknown };

/** The open end of the log: writes batches, and undoes what was written in part. */
export interface SegmentWriter {
  readonly joint: Joint;
  /**
   * Builds and appends up to 64 records as one write; none of them is in the file when it throws.
   * @throws whatever the file system threw, or what kept an earlier failed write from being undone
   */
  write(builders: readonly BuildRecord[]): readonly Written[];
  /** Takes back everything after `joint`: its records were never promised. */
  undo(joint: Joint): void;
  sync(): Promise<void>;
  /** Closes this segment for good, whole and on disk, and goes on in a new one. */
  roll(): void;
  close(): void;
}

export interface SegmentOptions {
  readonly dir: string;
  readonly path: string;
  readonly joint: Joint;
  readonly disk: Disk;
}

/** A batch in the buffer, not yet in the file. */
interface Filled {
  readonly joint: Joint;
  readonly length: number;
}

export function openSegmentWriter({ dir, path, joint: end, disk }: SegmentOptions): SegmentWriter {
  let fd = openSync(path, 'a', 0o600);
  let openings = createOpeningsFile(path, disk);
  let joint = end;
  // True while the file may hold bytes after the joint; nothing is appended until they are gone.
  let soiled = false;
  let closed = false;
  let buffer = Buffer.alloc(2 * LONGEST_FRAME);

  function clean(): void {
    if (!soiled) return;
    disk.truncate(fd, joint.bytes);
    // Or a loss of power could leave sectors of what was taken back among those of what is written in its place.
    disk.syncNow(fd);
    soiled = false;
  }

  function fill(builders: readonly BuildRecord[], written: Written[]): Filled {
    let { nextIndex, previous } = joint;
    let length = 0;
    for (const build of builders) {
      if (length + LONGEST_FRAME > buffer.length) buffer = Buffer.concat([buffer], 2 * buffer.length);
      try {
        const record = build(nextIndex, previous);
        const frame = encodeFrame(record.text, buffer, length);
        openings.add(nextIndex, record);
        written.push({ index: nextIndex });
        length = frame.end;
        previous = frame.hash;
        nextIndex += 1;
      } catch (refused) {
        // Its place goes to the next one: the frame was not counted.
        written.push({ refused });
      }
    }
    return { joint: { nextIndex, previous, bytes: joint.bytes + length }, length };
  }

  return {
    get joint() {
      return joint;
    },
    write(builders) {
      // The number of a closed file may be another file's by now.
      if (closed) throw new Error('record log is closed');
      clean();
      const written: Written[] = [];
      const filled = fill(builders, written);
      openings.write();
      soiled = true;
      // A crash inside this write leaves a cut frame, which recovery sets aside; nobody was answered by it.
      const out = filled.length === 0 ? 0 : disk.write(fd, buffer, filled.length);
      if (out !== filled.length) throw new Error('record was cut short');
      joint = filled.joint;
      soiled = false;
      return written;
    },
    undo(earlier) {
      joint = earlier;
      soiled = true;
      clean();
    },
    async sync() {
      await openings.sync();
      await disk.sync(fd);
    },
    roll() {
      clean();
      openings.syncNow();
      disk.syncNow(fd);
      // A crash from here on leaves either no successor or a whole empty one.
      const header = { firstIndex: joint.nextIndex, previous: joint.previous, previousBytes: joint.bytes };
      const next = createSegment(dir, header);
      const nextFd = openSync(next, 'a');
      closeSync(fd);
      openings.close();
      fd = nextFd;
      openings = createOpeningsFile(next, disk);
      joint = { ...joint, bytes: sizeOf(next) };
    },
    close() {
      closed = true;
      openings.close();
      closeSync(fd);
    },
  };
}
