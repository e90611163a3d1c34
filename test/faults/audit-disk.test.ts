import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Disk, nodeDisk } from '../../src/audit/disk.ts';
import { readRecords, verifyLog } from '../../src/audit/read.ts';
import { buildRecord } from '../../src/audit/record.ts';
import { Fault } from '../../src/model/refusal.ts';
import { ALLOW, openLog, PLACE, parsed, plain, SESSION, scratch, trailOf } from '../audit/fixture.ts';

function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** The real file system, failing where it is told to. */
interface Failing extends Disk {
  fail: Partial<Record<'write' | 'truncate' | 'sync', () => unknown>>;
}

function failing(): Failing {
  const disk: Failing = {
    fail: {},
    write(fd, bytes, length) {
      const partial = disk.fail.write?.();
      if (typeof partial === 'number') return writeSync(fd, bytes, 0, Math.min(partial, length));
      return nodeDisk.write(fd, bytes, length);
    },
    truncate(fd, length) {
      disk.fail.truncate?.();
      nodeDisk.truncate(fd, length);
    },
    async sync(fd) {
      disk.fail.sync?.();
      await nodeDisk.sync(fd);
    },
    syncNow(fd) {
      disk.fail.sync?.();
      nodeDisk.syncNow(fd);
    },
  };
  return disk;
}

function raise(code: string): () => never {
  return () => {
    throw errno(code);
  };
}

const FAULTS: readonly (readonly [string, Failing['fail']])[] = [
  ['the disk is full', { write: raise('ENOSPC') }],
  ['the disk is full after nothing', { write: () => 0 }],
  ['the disk is full inside the checksum', { write: () => 3 }],
  ['the disk is full inside the record', { write: () => 40 }],
  ['the disk fails to read and write', { write: raise('EIO') }],
  ['the write is cut and cannot be taken back either', { write: () => 40, truncate: raise('EIO') }],
];

describe.each(['os', 'disk'] as const)('durability %s', (durability) => {
  const more: typeof FAULTS =
    durability === 'disk'
      ? [
          ['the flush fails', { sync: raise('EIO') }],
          ['the flush fails and nothing can be taken back', { sync: raise('EIO'), truncate: raise('EIO') }],
        ]
      : [];

  test.each([...FAULTS, ...more])(
    'when %s nothing is promised, and it recovers by itself',
    async (_, fail) => {
      const dir = scratch();
      const disk = failing();
      const log = openLog({ dir, durability, disk });
      await log.append(plain('before'));
      disk.fail = fail;
      const results = await Promise.allSettled(Array.from({ length: 20 }, () => log.append(plain('lost'))));
      for (const result of results) {
        expect(result.status).toBe('rejected');
        const reason: unknown = result.status === 'rejected' ? result.reason : undefined;
        expect(reason).toBeInstanceOf(Fault);
        expect(reason).toMatchObject({ reason: 'AUDIT_UNAVAILABLE', cause: expect.any(Error) });
      }
      disk.fail = {};
      expect(await log.append(plain('after'))).toEqual({ index: 1 });
      await log.close();
      expect([...readRecords(dir)].map(({ text }) => parsed(text)['note'])).toEqual(['before', 'after']);
      expect(verifyLog(dir)).toMatchObject({ records: 2, tornBytes: 0 });
    },
  );

  test('what is acknowledged between failures is all there, in order, and nothing else', async () => {
    const dir = scratch();
    const disk = failing();
    const log = openLog({ dir, durability, disk, segmentBytes: 3000 });
    // A fixed sequence (a linear congruential generator), so that a failure can be played again.
    let state = 42;
    const draw = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return state % below;
    };
    disk.fail = {
      write: () => (draw(5) === 0 ? draw(100) : undefined),
      sync: () => (draw(7) === 0 ? raise('EIO')() : undefined),
      truncate: () => (draw(3) === 0 ? raise('EIO')() : undefined),
    };
    const acknowledged: string[] = [];
    for (let round = 0; round < 60; round += 1)
      await Promise.all(
        Array.from({ length: 8 }, async (_, i) => {
          const note = `r${round}-${i}`;
          const place = await log.append(plain(note)).catch((fault: unknown) => {
            expect(fault).toBeInstanceOf(Fault);
            return undefined;
          });
          if (place !== undefined) acknowledged[place.index] = note;
        }),
      );
    disk.fail = {};
    await log.append(plain('end'));
    await log.close();
    const notes = [...readRecords(dir)].map(({ text }) => parsed(text)['note']);
    expect(notes).toEqual([...acknowledged, 'end']);
    expect(notes.length).toBeGreaterThan(100);
  });

  test('an opening that cannot be kept leaves no record with its commitment', async () => {
    const dir = scratch();
    const disk = failing();
    const log = openLog({ dir, durability, disk });
    disk.fail = { write: raise('ENOSPC') };
    const append = () =>
      log.append((index, previous) => buildRecord(trailOf(), ALLOW, { ...PLACE, index, previous }));
    await expect(append()).rejects.toBeInstanceOf(Fault);
    disk.fail = {};
    expect(await append()).toEqual({ index: 0 });
    await log.close();
    expect(verifyLog(dir).records).toBe(1);
  });
});

test.each<[string, 'os' | 'disk', Failing['fail']]>([
  ['was refused', 'os', { write: raise('ENOSPC') }],
  ['was cut', 'os', { write: () => 200 }],
  ['was refused', 'disk', { write: raise('EIO') }],
  ['was never flushed', 'disk', { sync: raise('EIO') }],
])(
  'openings that many records share are written again when the first write %s (%s)',
  async (_, durability, fail) => {
    const dir = scratch();
    const disk = failing();
    const log = openLog({ dir, durability, disk });
    const trail = {
      ...trailOf(),
      session: { ...SESSION, task: { ...SESSION.task, declared: { invoice: 'INV-7' } } },
    };
    const append = () =>
      log.append((index, previous) => buildRecord(trail, ALLOW, { ...PLACE, index, previous }));
    disk.fail = fail;
    await expect(append()).rejects.toBeInstanceOf(Fault);
    // What the kernel dropped with a failed flush.
    if (durability === 'disk')
      for (const name of readdirSync(dir)) if (name.endsWith('.openings')) truncateSync(join(dir, name));
    disk.fail = {};
    await append();
    await append();
    await log.close();
    const lines = readFileSync(join(dir, '0000000000000000.openings'), 'utf8').split('\n');
    expect(
      lines.filter((line) => line.endsWith('"value":"\\"Pay invoice INV-7 of Blue Harbor Ltd\\""}')),
    ).toHaveLength(1);
    expect(lines.filter((line) => line.endsWith('"value":"\\"INV-7\\""}'))).toHaveLength(1);
  },
);

test('a real file size limit is a fault, and the log is whole afterwards', { timeout: 30_000 }, () => {
  const dir = scratch();
  const writer = fileURLToPath(new URL('./audit-writer.ts', import.meta.url));
  // 64 KiB a file, in the units of the shell (512 bytes in sh, 1024 in bash): either way it is hit soon.
  const run = spawnSync(
    '/bin/sh',
    ['-c', 'ulimit -f 128; exec "$0" "$@"', process.execPath, writer, dir, 'os', '400'],
    {
      encoding: 'utf8',
      timeout: 20_000,
    },
  );
  expect(run.stderr).toBe('');
  const lines = run.stdout.trim().split('\n');
  const faults = lines.filter((line) => line.startsWith('AUDIT_UNAVAILABLE'));
  const acknowledged = lines.filter((line) => /^[0-9]+$/.test(line));
  expect(faults.length).toBeGreaterThan(0);
  expect(acknowledged.length).toBeGreaterThan(10);
  expect(verifyLog(dir)).toMatchObject({ records: acknowledged.length });
});
