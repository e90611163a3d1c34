import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { HAS_REDIS_SERVER, startRedis } from '../faults/redis-server.ts';

const root = resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'assent-start-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [join(root, 'bin/assent.js'), 'serve', ...args], { cwd: directory });
}

/** Starts the server in a folder of its own; resolves with its exit code once it has ended by itself. */
function ends(...args: string[]): ReturnType<typeof endOf> {
  return endOf(start(...args));
}

function endOf(child: ChildProcess): Promise<{ readonly code: number | null; readonly said: string }> {
  return new Promise((done, fail) => {
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const stuck = setTimeout(() => {
      child.kill('SIGKILL');
      fail(new Error(`still alive: ${said}`));
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

test('a metrics address that is taken fails the start as well, before anybody could ask', async () => {
  const config = join(directory, 'talkative.json');
  writeFileSync(config, JSON.stringify({ telemetry: { log_level: 'info' } }));
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => taken.once('listening', listening));
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    const metrics = ['--telemetry', `127.0.0.1:${port}`];
    const { code, said } = await ends('--dev', '--config', config, '--listen', '127.0.0.1:0', ...metrics);
    expect(code).toBe(1);
    expect(said).toContain('`telemetry.listen` cannot be used');
    expect(said).not.toContain('listening');
  } finally {
    taken.close();
  }
});

test('plaintext away from loopback is refused, and the process ends', async () => {
  const { code } = await ends('--dev', '--listen', '0.0.0.0:0', '--telemetry', '127.0.0.1:0');
  expect(code).toBe(1);
});

test('a server that is told to stop while it starts drains as soon as it has started', async () => {
  const catalog = join(directory, 'catalog.fifo');
  execFileSync('mkfifo', [catalog]);
  const config = join(directory, 'slow.json');
  writeFileSync(config, JSON.stringify({ catalog, telemetry: { log_level: 'info' } }));
  const child = start('--dev', '--config', config, '--listen', '127.0.0.1:0');
  const ended = endOf(child);
  // Opens once the server reads at the other end: it is in the middle of its start, and waits for a catalog.
  const end = await open(catalog, 'w');
  child.kill('SIGTERM');
  await end.writeFile(readFileSync(join(root, 'policies/catalog.json')));
  await end.close();
  const { code, said } = await ended;
  expect(code).toBe(0);
  expect(said).toContain('listening');
  expect(said).toContain('draining');
});

test.skipIf(!HAS_REDIS_SERVER)(
  'a password that Redis does not want is told in a line of the log',
  async () => {
    const redis = await startRedis();
    const store = redis.url.replace('//', '//:correct-horse@');
    const child = start('--dev', '--listen', '127.0.0.1:0', '--store', store);
    const ended = endOf(child);
    // It prints one thing only, and then serves.
    child.stdout?.once('data', () => child.kill('SIGTERM'));
    const { code, said } = await ended;
    await redis.stop();
    expect(code).toBe(0);
    expect(said).not.toContain('correct-horse');
    const lines = said.split('\n').filter((line) => line.startsWith('{'));
    const warned = lines.map((line) => (JSON.parse(line) as { readonly words?: string }).words);
    expect(warned).toContainEqual(expect.stringContaining('does not require a password'));
    expect(said.split('\n').filter((line) => line !== '' && !lines.includes(line))).toEqual([
      'draining; once more to stop at once',
    ]);
  },
);
