import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { runToolchain } from '../../src/policy/compile-run.ts';
import { childrenOf } from './processes.ts';

const TIMEOUT = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'assent-run-'));
afterAll(() => rmSync(folder, { recursive: true }));

const [I32, I64] = [0x7f, 0x7e];
const text = (value: string) => [value.length, ...Buffer.from(value)];
const section = (id: number, items: readonly (readonly number[])[]) => {
  const bytes = [items.length, ...items.flat()];
  return [id, ...size(bytes.length), ...bytes];
};

/** Unsigned LEB128. */
function size(value: number): readonly number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...size(value >> 7)];
}

const constant = (value: number) => [0x41, ...(value < 64 ? [value] : [(value & 127) | 128, value >> 7])];
const call = (index: number) => [0x10, index];
const storeByte = [0x3a, 0, 0];

/** A program for WASI with this body; it can call `fd_prestat_get` 0, `environ_sizes_get` 1, `path_open` 2, `fd_write` 3. */
function program(name: string, body: readonly number[]): string {
  const imported = (field: string, type: number) => [
    ...text('wasi_snapshot_preview1'),
    ...text(field),
    0,
    type,
  ];
  const code = [0, ...body, 0x0b];
  const bytes = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [
      [0x60, 2, I32, I32, 1, I32],
      [0x60, 9, I32, I32, I32, I32, I32, I64, I64, I32, I32, 1, I32],
      [0x60, 4, I32, I32, I32, I32, 1, I32],
      [0x60, 0, 0],
    ]),
    ...section(2, [
      imported('fd_prestat_get', 0),
      imported('environ_sizes_get', 0),
      imported('path_open', 1),
      imported('fd_write', 2),
    ]),
    ...section(3, [[3]]),
    ...section(5, [[0, 1]]),
    ...section(7, [
      [...text('memory'), 2, 0],
      [...text('_start'), 0, 4],
    ]),
    ...section(10, [[...size(code.length), ...code]]),
  ];
  const file = join(folder, name);
  writeFileSync(file, brotliCompressSync(Uint8Array.from(bytes)));
  return file;
}

describe('the child of the compiler', () => {
  test('finds no folder, no file and no environment', { timeout: TIMEOUT }, async () => {
    const looking = program('looking', [
      // Bytes 0 to 4 of the answer: is 3 a preopened folder? how many variables? may a file be opened?
      ...[...constant(0), ...constant(3), ...constant(32), ...call(0), ...storeByte],
      ...[...constant(1), ...constant(40), ...constant(48), ...call(1), ...storeByte],
      ...[...constant(2), ...constant(40), 0x28, 2, 0, ...storeByte],
      ...[...constant(3), ...constant(3), ...constant(0), ...constant(0), ...constant(1), ...constant(0)],
      ...[0x42, 2, 0x42, 0, ...constant(0), ...constant(56), ...call(2), ...storeByte],
      // One buffer of four bytes at address 0.
      ...[...constant(12), ...constant(4), 0x36, 2, 0],
      ...[...constant(1), ...constant(8), ...constant(1), ...constant(16), ...call(3), 0x1a],
    ]);
    process.env['ASSENT_TEST_SECRET'] = 'not for the child';
    const run = await runToolchain(looking, '', { deadlineMs: 30_000, memoryMib: 16 });
    delete process.env['ASSENT_TEST_SECRET'];
    // EBADF is 8 in WASI: there is no descriptor beyond stdin, stdout and stderr.
    expect(run).toEqual({ kind: 'answer', text: '\u0008\u0000\u0000\u0008' });
  });

  test('is ended at its deadline', { timeout: TIMEOUT }, async () => {
    // loop br 0 end
    const endless = program('endless', [0x03, 0x40, 0x0c, 0, 0x0b]);
    expect(await runToolchain(endless, '', { deadlineMs: 2000, memoryMib: 16 })).toEqual({
      kind: 'deadline',
    });
  });

  test.each([
    ['SIGKILL', 'memory'],
    ['SIGSEGV', 'depth'],
  ] as const)('that %s ends ran out of %s', { timeout: TIMEOUT }, async (signal, kind) => {
    const endless = program(`ended-by-${signal}`, [0x03, 0x40, 0x0c, 0, 0x0b]);
    const before = childrenOf(process.pid).map(({ pid }) => pid);
    const run = runToolchain(endless, '', { deadlineMs: 30_000, memoryMib: 16 });
    const child = childrenOf(process.pid).find(({ pid }) => !before.includes(pid));
    if (child === undefined) throw new Error('a child runs');
    process.kill(child.pid, signal);
    expect(await run).toEqual({ kind });
  });

  test('gets no memory past its limit', { timeout: TIMEOUT }, async () => {
    // memory.grow by 15 MiB beside the first page, whose answer is stored, then by one page more than is left.
    const growing = program('growing', [
      ...[...constant(0), 0x41, 0xf0, 0x01, 0x40, 0, ...storeByte],
      ...[...constant(1), ...constant(16), 0x40, 0, ...storeByte],
      ...[...constant(12), ...constant(2), 0x36, 2, 0],
      ...[...constant(1), ...constant(8), ...constant(1), ...constant(16), ...call(3), 0x1a],
    ]);
    const run = await runToolchain(growing, '', { deadlineMs: 30_000, memoryMib: 16 });
    // Grown from one page; then refused, -1.
    expect(run).toEqual({ kind: 'answer', text: '\u0001\ufffd' });
  });
});
