import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createDepartures } from '../../src/wire/grpc/departures.ts';

/** As a busy server does: timers are due before anybody hears of the writes of this turn. */
function block(until: number): void {
  while (Date.now() <= until);
}

test('what has left is not late because word of it comes after the timer', async () => {
  const departures = createDepartures(Date.now);
  const late: string[] = [];
  await turn();
  const deadline = Date.now() + 5;
  const left = departures.watch(deadline, () => late.push('left'));
  departures.watch(deadline, () => late.push('stuck'));
  block(deadline);
  setImmediate(left);
  await sleep(20);
  expect(late).toEqual(['stuck']);
});

test('each is late at its own deadline, whatever came before', async () => {
  const departures = createDepartures(Date.now);
  const late: string[] = [];
  const now = Date.now();
  departures.watch(now + 60, () => late.push('second'));
  departures.watch(now + 5, () => late.push('first'));
  await expect.poll(() => late).toEqual(['first', 'second']);
});
