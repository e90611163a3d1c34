import { mkdirSync } from 'node:fs';
import { Fault } from '../model/refusal.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { lockDirectory } from './lock.ts';
import type { BuildRecord, RecordLog } from './log.ts';
import { type Recovery, recover } from './recover.ts';
import { MAX_BATCH, openSegmentWriter, type SegmentWriter, type Written } from './segment.ts';

export interface FileLogOptions {
  /** Made when it is not there, readable by the owner alone. */
  readonly dir: string;
  /** `os`: handed to the kernel, survives the process. `disk`: on the medium, survives the machine. */
  readonly durability: 'os' | 'disk';
  /** Size from which the next record goes to a new segment. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Whether opening goes through every record or only through the last two segments. Default `all`. */
  readonly verify?: 'all' | 'tail';
  /** The file system, for tests that make it fail. */
  readonly disk?: Disk;
}

/** A record log in a directory of segment files. */
export interface FileLog extends RecordLog {
  readonly recovered: Recovery;
}

const SEGMENT_BYTES = 64 * 1024 * 1024;

/**
 * Opens or makes the log, and keeps every other process out of it until it is closed or the process dies.
 * @throws LogDamaged when what is there is not a log that was written whole but for its end
 * @throws Error when another process holds it
 */
export function openFileLog(options: FileLogOptions): FileLog {
  const { dir, durability, segmentBytes = SEGMENT_BYTES, verify = 'all', disk = nodeDisk } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const unlock = lockDirectory(dir);
  try {
    const unflushed = durability === 'disk' ? MAX_BATCH : Number.POSITIVE_INFINITY;
    const { path, joint, recovery } = recover(dir, { verify, unflushed });
    const segment = openSegmentWriter({ dir, path, joint, disk });
    const log =
      durability === 'os' ? createOsLog(segment, segmentBytes) : createDiskLog(segment, segmentBytes);
    return {
      recovered: recovery,
      append: log.append,
      async close() {
        try {
          await log.close();
        } finally {
          segment.close();
          unlock();
        }
      },
    };
  } catch (cause) {
    unlock();
    throw cause;
  }
}

function unavailable(cause: unknown): Fault {
  return new Fault('AUDIT_UNAVAILABLE', cause);
}

interface Waiting {
  readonly build: BuildRecord;
  readonly resolve: (place: { readonly index: number }) => void;
  readonly reject: (cause: Fault) => void;
}

function settle(batch: readonly Waiting[], written: readonly Written[]): void {
  written.forEach((place, i) => {
    if ('refused' in place) batch[i]?.reject(unavailable(place.refused));
    else batch[i]?.resolve(place);
  });
}

/**
 * One synchronous write for the records that are ready at one moment: a few microseconds into the page cache,
 * against 200 and more by way of the thread pool. Records that a batch of commits released together go out together
 * (a system call each cost more than building them); one alone waits for nobody. A segment's bytes are flushed off
 * the event loop before it is closed for good.
 */
function createOsLog(segment: SegmentWriter, segmentBytes: number): RecordLog {
  let flushed: 'no' | 'under way' | 'yes' = 'no';
  let flushing: Promise<void> = Promise.resolve();
  let waiting: Waiting[] = [];

  function flushAhead(): void {
    flushed = 'under way';
    flushing = segment.sync().then(
      () => {
        flushed = 'yes';
      },
      () => {
        // Rolling flushes again and throws what it meets; until then appends go on in this segment.
        flushed = 'yes';
      },
    );
  }

  function writeWaiting(): void {
    const ready = waiting;
    waiting = [];
    for (let from = 0; from < ready.length; from += MAX_BATCH)
      writeBatch(ready.slice(from, from + MAX_BATCH));
  }

  function writeBatch(batch: readonly Waiting[]): void {
    try {
      if (flushed === 'yes') {
        segment.roll();
        flushed = 'no';
      }
      settle(batch, segment.write(batch.map(({ build }) => build)));
      if (flushed === 'no' && segment.joint.bytes >= segmentBytes) flushAhead();
    } catch (cause) {
      for (const { reject } of batch) reject(unavailable(cause));
    }
  }

  return {
    append: (build) =>
      new Promise((resolve, reject) => {
        waiting.push({ build, resolve, reject });
        // Runs once the promises that are ready have run.
        if (waiting.length === 1) process.nextTick(writeWaiting);
      }),
    async close() {
      writeWaiting();
      await flushing;
      await segment.sync();
    },
  };
}

/** Group commit: while one batch is flushed, what arrives waits and goes out together; the first never waits. */
function createDiskLog(segment: SegmentWriter, segmentBytes: number): RecordLog {
  const waiting: Waiting[] = [];
  let working: Promise<void> | undefined;

  async function work(): Promise<void> {
    while (waiting.length > 0) await commit(waiting.splice(0, MAX_BATCH));
    working = undefined;
  }

  async function commit(batch: readonly Waiting[]): Promise<void> {
    try {
      if (segment.joint.bytes >= segmentBytes) segment.roll();
      const before = segment.joint;
      const written = segment.write(batch.map(({ build }) => build));
      await segment.sync().catch((cause: unknown) => {
        // The kernel may have dropped the dirty pages, and a second flush would call that a success: the
        // records go out of the file and the next ones are written afresh.
        segment.undo(before);
        throw cause;
      });
      settle(batch, written);
    } catch (cause) {
      for (const { reject } of batch) reject(unavailable(cause));
    }
  }

  return {
    append: (build) =>
      new Promise((resolve, reject) => {
        waiting.push({ build, resolve, reject });
        working ??= work();
      }),
    async close() {
      await working;
      await segment.sync();
    },
  };
}
