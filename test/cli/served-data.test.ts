import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assent, type Ran } from './run.ts';

const BIN = fileURLToPath(new URL('../../bin/assent.js', import.meta.url));
let cwd: string;
let server: ChildProcess;

const run = (...args: string[]): Promise<Ran> => assent(args, { cwd });

/** Starts a development server in `cwd`, and resolves once it says where it serves. */
function start(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [BIN, 'serve', '--dev', '--listen', '127.0.0.1:0'], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('assent demo')) resolve(child);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${text}`)));
  });
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.removeAllListeners('exit');
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

const RULES = `package rules.trade

allow contains {"code": "policy.fine"} if input.action.name == "exchange_rate.read"

deny contains {"code": "policy.blocked"} if data.trade.blocked[input.args.to]
`;
const TESTS = `package rules.trade_test

asked := {"action": {"name": "exchange_rate.read", "class": "read"}, "args": {"from": "EUR", "to": "XXX"}}

test_fine if data.assent.verdict.effect == "allow" with input as asked

test_blocked if {
	data.assent.verdict.effect == "deny" with input as asked with data.trade.blocked as {"XXX": true}
}
`;

/** A folder of rules that deny what `data.json` lists. */
function rules(name: string, data: object): string {
  const folder = join(cwd, name);
  mkdirSync(folder);
  const manifest = { name: 'trade', codes: ['policy.fine', 'policy.blocked'], data: ['trade'] };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'data.json'), JSON.stringify({ trade: data }));
  writeFileSync(join(folder, 'trade.rego'), RULES);
  writeFileSync(join(folder, 'trade_test.rego'), TESTS);
  return folder;
}

async function push(folder: string, ...more: string[]): Promise<string> {
  const { code, stdout, stderr } = await run('policy', 'push', folder, ...more);
  expect([code, stderr]).toEqual([0, expect.anything()]);
  return stdout;
}

/** The exit code of an ask for a currency: 0 allowed, 2 denied. */
const ask = async (to: string) =>
  (await run('ask', 'exchange_rate.read', '--arg', 'from=EUR', '--arg', `to=${to}`)).code;

async function version(): Promise<number> {
  const { stdout } = await run('policy', 'data', 'get', '--json');
  return (JSON.parse(stdout) as { version: number }).version;
}

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'assent-data-'));
  server = await start();
}, 60_000);
afterAll(async () => {
  await stop(server);
  rmSync(cwd, { recursive: true });
}, 30_000);

test('a longer list outlives the rules it came with, and no push drops an entry', async () => {
  const shorter = rules('shorter', { blocked: { AAA: true } });
  expect(await push(shorter)).toMatch(/in force\n$/);
  const first = await version();
  expect([await ask('AAA'), await ask('BBB')]).toEqual([2, 0]);
  await push(rules('longer', { blocked: { AAA: true, BBB: true } }));
  expect([await ask('BBB'), await version()]).toEqual([2, first + 1]);
  expect((await run('policy', 'rollback')).code).toBe(0);
  expect([await ask('AAA'), await ask('BBB'), await version()]).toEqual([2, 2, first + 1]);
  await push(rules('none', { blocked: {} }));
  expect([await ask('AAA'), await ask('BBB'), await version()]).toEqual([2, 2, first + 1]);
}, 120_000);

test('what was taken away stays away, over a push that names it and over a restart', async () => {
  const { code } = await run('policy', 'data', 'remove', 'trade/blocked/AAA');
  expect([code, await ask('AAA')]).toEqual([0, 0]);
  const naming = rules('naming', { blocked: { AAA: true, BBB: false } });
  for (const more of [['--validate-only'], []]) {
    const told = await push(naming, ...more);
    for (const path of ['trade/blocked/AAA', 'trade/blocked/BBB'])
      expect(told).toMatch(
        new RegExp(`^data kept: ${path}; .*assent policy data patch ${path} <json>$`, 'm'),
      );
  }
  expect([await ask('AAA'), await ask('BBB')]).toEqual([0, 2]);
  const before = await version();
  await stop(server);
  server = await start();
  expect([await ask('AAA'), await ask('BBB'), await version()]).toEqual([0, 2, before]);
  await run('policy', 'data', 'patch', 'trade/blocked/AAA', 'true');
  expect(await ask('AAA')).toBe(2);
}, 120_000);

test('a change that does not fit says why: nothing to remove, another version', async () => {
  const before = await version();
  const removed = await run('policy', 'data', 'remove', 'trade/blocked/none');
  expect([removed.code, removed.stderr]).toEqual([
    1,
    'assent: there is no data at that path (NOT_FOUND, DATA_NOT_FOUND)\n',
  ]);
  const stale = await run('policy', 'data', 'patch', 'trade/x', '1', '--expect-version', '0');
  expect([stale.code, stale.stderr]).toEqual([
    1,
    `assent: the data is at version ${before}, not 0 (ABORTED, DATA_VERSION_CHANGED)\n`,
  ]);
  expect(await version()).toBe(before);
}, 60_000);
