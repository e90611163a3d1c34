/**
 * A rule that searches for what is nowhere, by comparing at every place nearly to the end: hours of work that take no
 * memory, of which an instance would run out.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mandate, payment, request, said, tell } from './asking.ts';
import { createFleet, type Fleet, type Replica } from './fleet.ts';

const SLOW = new Map([
  ['manifest.json', '{"name": "slow", "codes": ["policy.slow"], "data": ["slow"]}'],
  ['data.json', JSON.stringify({ slow: { text: 'a'.repeat(1 << 20), sought: `${'a'.repeat(1 << 19)}b` } })],
  [
    'rules/slow.rego',
    `package rules.slow

deny contains {"code": "policy.slow"} if {
	input.args.amount == 2
	contains(data.slow.text, data.slow.sought)
}

allow contains {"code": "policy.slow"} if input.args.amount
`,
  ],
  [
    'rules/slow_test.rego',
    `package rules.slow_test

import data.rules.slow

test_allows if count(slow.allow) == 1 with input as {"args": {"amount": 1}}

test_does_not_deny if count(slow.deny) == 0 with input as {"args": {"amount": 1}}
`,
  ],
]);

let fleet: Fleet;
let at: Replica;
beforeAll(async () => {
  fleet = createFleet();
  at = await fleet.start({ name: 'only', watchdogMs: 1000 });
});
afterAll(() => fleet.end());

const isGone = (pid: number): boolean => {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
};

test('a process that was stopped for longer than that, and continued, is not taken for one that stands still', async () => {
  process.kill(at.pid, 'SIGSTOP');
  await sleep(3000);
  process.kill(at.pid, 'SIGCONT');
  // As long again: whatever the watcher makes of the pause, it has made of it by then.
  await sleep(2000);
  const { id } = await at.client.openSession(mandate());
  expect(id).not.toBe('');
  expect(isGone(at.pid)).toBe(false);
}, 60_000);

test('an evaluation that does not end ends the process, which says where it stood, and what was answered stays', async () => {
  const token = await fleet.token();
  const { id } = await at.client.openSession(mandate({ limits: {} }));
  const pay = (invoice: string, amount: string) => request({ ...payment(id, invoice, { amount }), token });
  await at.client.pushBundle({ kind: 'sources', files: SLOW });
  const answered = pay('INV-1', '1');
  expect(said(await tell(at, answered))).toBe('allow');
  // The asker fails closed while the server stands still.
  expect(said(await tell(at, pay('INV-2', '2'), 1000))).not.toBe('allow');
  for (let tries = 0; tries < 300 && !isGone(at.pid); tries += 1) await sleep(100);
  expect(isGone(at.pid)).toBe(true);
  await at.end('SIGKILL');
  const stall = readFileSync(at.log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { revision?: string; stalledMs?: number; stack?: string[] })
    .find(({ stalledMs }) => stalledMs !== undefined);
  expect(stall).toMatchObject({ stalledMs: 1000, stack: expect.arrayContaining(['evaluatePolicy']) });

  at = await fleet.start({ name: 'only', watchdogMs: 1000 });
  const [active] = (await at.client.listBundles()).activations;
  expect(active?.revision).toBe(stall?.revision);
  expect(said(await tell(at, answered))).toBe('allow');
  // What the operator does about it.
  await at.client.rollback();
  expect(said(await tell(at, pay('INV-2', '2')))).not.toBe('UNAVAILABLE');
}, 120_000);
