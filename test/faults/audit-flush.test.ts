/** What a process before wrote and never flushed is on disk before anything is added to it. */
import type * as FileSystem from 'node:fs';
import { basename } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { openFileLog } from '../../src/audit/file.ts';
import { plain, scratch } from '../audit/fixture.ts';

const watched = vi.hoisted(() => ({ names: new Map<number, string>(), flushed: [] as string[] }));

// The real calls, overheard.
vi.mock('node:fs', async (original) => {
  const real = await original<typeof FileSystem>();
  const openSync: typeof real.openSync = (path, flags, mode) => {
    const fd = real.openSync(path, flags, mode);
    watched.names.set(fd, String(path));
    return fd;
  };
  const fsyncSync: typeof real.fsyncSync = (fd) => {
    real.fsyncSync(fd);
    watched.flushed.push(watched.names.get(fd) ?? '');
  };
  return { ...real, openSync, fsyncSync };
});

afterEach(() => {
  watched.flushed = [];
});

test.each(['os', 'disk'] as const)('opening flushes the last segment (%s)', async (durability) => {
  const dir = scratch();
  const before = openFileLog({ dir, durability: 'os' });
  await before.append(plain());
  await before.close();
  watched.flushed = [];
  const log = openFileLog({ dir, durability });
  expect(watched.flushed.map((path) => basename(path))).toEqual(['0000000000000000.records']);
  await log.close();
});
