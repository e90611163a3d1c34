/** A server that is told to stop while policies are pushed to it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endless, follow } from '../policy/stalling.ts';
import { createFleet, type Fleet } from './fleet.ts';

const TIMEOUT = 60_000;

let fleet: Fleet;
beforeEach(() => {
  fleet = createFleet();
});
afterEach(() => fleet.end());

test('stops in time, and tells those who push that it goes away', { timeout: TIMEOUT }, async () => {
  const replica = await fleet.start({ name: 'only' });
  const push = () =>
    follow(replica.client.pushBundle({ kind: 'bundle', bytes: endless }, { allowUntested: true }));
  const pushes = [push(), push(), push()];
  // What is sent on one connection comes in its order.
  await replica.client.getData();
  expect(pushes.map(({ state }) => state.open)).toEqual([true, true, true]);
  process.kill(replica.pid, 'SIGTERM');
  for (const { end } of pushes)
    expect(await end).toMatchObject({ status: 'UNAVAILABLE', reason: 'DRAINING' });
  replica.client.close();
  while (isRunning(replica.pid)) await sleep(20);
  expect(await replica.end('SIGTERM')).toBe(0);
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
    return false;
  }
}
