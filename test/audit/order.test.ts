import { fstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Disk, nodeDisk } from '../../src/audit/disk.ts';
import { readOpenings } from '../../src/audit/openings.ts';
import { readRecords } from '../../src/audit/read.ts';
import { buildRecord } from '../../src/audit/record.ts';
import { ALLOW, openLog, PLACE, SESSION, scratch, trailOf } from './fixture.ts';

/** How many records stand in the log, and which of their commitments have no opening. */
function missing(dir: string): { readonly records: number; readonly unopened: readonly string[] } {
  const kept = readOpenings(dir);
  const texts = [...readRecords(dir)].map(({ text }) => text);
  const commitments = texts.flatMap((text) => [...text.matchAll(/"commitment":"([^"]+)"/g)]);
  expect(commitments.length).toBeGreaterThanOrEqual(texts.length);
  return {
    records: texts.length,
    unopened: commitments.map(([, name = '']) => name).filter((name) => !kept.has(name)),
  };
}

/** The name of an open file of the log, by what the file system calls it. */
function nameOf(dir: string, fd: number): string {
  const { ino } = fstatSync(fd);
  const name = readdirSync(dir).find((each) => statSync(join(dir, each)).ino === ino);
  if (name === undefined) throw new Error('an open file is not in the directory');
  return name;
}

/** The real file system, that shows what it holds after each step. */
interface Steps {
  readonly disk: Disk;
  /** What a death of the process after each write leaves. */
  readonly afterWrites: ReturnType<typeof missing>[];
  /** For each flush of records, whether openings were written that a loss of power would take. */
  readonly atFlushes: boolean[];
}

function stepsOf(dir: string): Steps {
  const afterWrites: Steps['afterWrites'] = [];
  const atFlushes: Steps['atFlushes'] = [];
  const unflushed = new Set<string>();
  const flush = (fd: number): void => {
    const name = nameOf(dir, fd);
    if (name.endsWith('.records')) atFlushes.push(unflushed.size > 0);
    unflushed.delete(name);
  };
  const disk: Disk = {
    write(fd, bytes, length) {
      const out = nodeDisk.write(fd, bytes, length);
      const name = nameOf(dir, fd);
      if (name.endsWith('.openings')) unflushed.add(name);
      afterWrites.push(missing(dir));
      return out;
    },
    truncate: nodeDisk.truncate,
    async sync(fd) {
      await nodeDisk.sync(fd);
      flush(fd);
    },
    syncNow(fd) {
      nodeDisk.syncNow(fd);
      flush(fd);
    },
  };
  return { disk, afterWrites, atFlushes };
}

test.each(['os', 'disk'] as const)(
  'no record is there before its openings, at whatever moment a crash cuts it off (%s)',
  async (durability) => {
    const dir = scratch();
    const { disk, afterWrites, atFlushes } = stepsOf(dir);
    const log = openLog({ dir, durability, disk, segmentBytes: 6000 });
    const trail = { ...trailOf(), session: SESSION };
    for (let round = 0; round < 8; round += 1) {
      await Promise.all(
        Array.from({ length: 2 }, () =>
          log.append((index, previous) => buildRecord(trail, ALLOW, { ...PLACE, index, previous })),
        ),
      );
      // Lets the flush that precedes a new segment end.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await log.close();
    expect(afterWrites.at(-1)?.records).toBe(16);
    expect(afterWrites.flatMap(({ unopened }) => unopened)).toEqual([]);
    expect(readdirSync(dir).filter((name) => name.endsWith('.records')).length).toBeGreaterThan(1);
    expect(atFlushes.length).toBeGreaterThan(1);
    // A machine that dies is no promise of `os`: what came while a flush was under way waits for the next.
    if (durability === 'disk') expect(atFlushes).not.toContain(true);
  },
);

test('a segment is closed with its openings on disk, and they before the records, whatever the flush ahead did', async () => {
  const dir = scratch();
  const flushed: string[] = [];
  let sync: Disk['sync'] = () => Promise.reject(new Error('EIO'));
  const log = openLog({
    dir,
    durability: 'os',
    segmentBytes: 1,
    disk: {
      ...nodeDisk,
      sync: (fd) => sync(fd),
      syncNow(fd) {
        nodeDisk.syncNow(fd);
        flushed.push(nameOf(dir, fd).replace(/^.*\./, ''));
      },
    },
  });
  const append = () =>
    log.append((index, previous) => buildRecord(trailOf(), ALLOW, { ...PLACE, index, previous }));
  await append();
  // Lets the flush that precedes a new segment fail.
  await new Promise((resolve) => setImmediate(resolve));
  sync = nodeDisk.sync;
  await append();
  await log.close();
  expect(flushed).toEqual(['openings', 'records']);
});
