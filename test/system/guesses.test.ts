/** A draft that nobody has read through is taken, and told of at each start. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const BIN = fileURLToPath(new URL('../../bin/assent.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'assent-guesses-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** How a server with this catalog ends that is stopped once it serves, and what it logs until then. */
function served(actions: object): Promise<{ readonly code: number | null; readonly log: readonly object[] }> {
  const catalog = join(directory, 'catalog.json');
  const config = join(directory, 'config.json');
  writeFileSync(catalog, JSON.stringify({ version: 1, actions }));
  writeFileSync(config, JSON.stringify({ catalog }));
  const child = spawn(
    process.execPath,
    [BIN, 'serve', '--dev', '--config', config, '--listen', '127.0.0.1:0'],
    {
      cwd: directory,
      env: { PATH: process.env['PATH'] ?? '' },
      timeout: 45_000,
    },
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  // It prints one thing only, and then serves.
  child.stdout.once('data', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const lines = said.split('\n').filter((line) => line.startsWith('{'));
      resolve({ code, log: lines.map((line) => JSON.parse(line) as object) });
    });
  });
}

test('a server warns of guesses that are left in its catalog, and of none that are gone', async () => {
  const guessed = { class: 'read', guess: { class: 'likely: `get` in its name' } };
  const { code, log } = await served({ get_shelf: guessed, get_box: { class: 'read', guess: {} } });
  expect(code).toBe(0);
  const msg = 'the catalog holds guesses that nobody has confirmed';
  expect(log).toEqual([expect.objectContaining({ level: 40, actions: ['get_shelf'], count: 1, msg })]);
  expect(await served({ get_shelf: { class: 'read' } })).toEqual({ code: 0, log: [] });
});
