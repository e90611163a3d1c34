import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'assent-start-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Starts the server in a folder of its own; resolves with its exit code once it has ended by itself. */
function ends(...args: string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(root, 'bin/assent.js'), 'serve', ...args], {
      cwd: directory,
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const stuck = setTimeout(() => {
      child.kill('SIGKILL');
      fail(new Error(`still alive after a failed start: ${said}`));
    }, 30_000);
    child.once('exit', (code) => {
      clearTimeout(stuck);
      done({ code, said });
    });
  });
}

test('a start that fails ends the process, with metrics configured too', async () => {
  const config = join(directory, 'config.json');
  writeFileSync(config, JSON.stringify({ telemetry: { listen: '127.0.0.1:0' } }));
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => taken.once('listening', listening));
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    const { code, said } = await ends('--dev', '--config', config, '--listen', `127.0.0.1:${port}`);
    expect(code).toBe(1);
    expect(said).toContain(`127.0.0.1:${port}`);
  } finally {
    taken.close();
  }
});

test('a metrics address that is taken fails the start as well', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => taken.once('listening', listening));
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    const { code } = await ends('--dev', '--listen', '127.0.0.1:0', '--telemetry', `127.0.0.1:${port}`);
    expect(code).toBe(1);
  } finally {
    taken.close();
  }
});

test('plaintext away from loopback is refused, and the process ends', async () => {
  const { code } = await ends('--dev', '--listen', '0.0.0.0:0', '--telemetry', '127.0.0.1:0');
  expect(code).toBe(1);
});
