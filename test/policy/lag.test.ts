import { expect, test } from 'vitest';
import { createLag, type Version } from '../../src/policy/lag.ts';

const at = (activation: number, dataVersion: number): Version => ({ activation, dataVersion });

function open() {
  const clock = { now: 0 };
  return { clock, lag: createLag(at(2, 5), 100, () => clock.now) };
}

test.each<[what: string, stored: Version]>([
  ['a newer activation', at(3, 5)],
  ['newer data', at(2, 6)],
  ['newer data under an older activation', at(1, 6)],
])('%s that is known for longer than the grace is behind, until it is in force', (_what, stored) => {
  const { clock, lag } = open();
  lag.learn(stored);
  expect([lag.isKnown(), lag.isBehind()]).toEqual([true, false]);
  clock.now = 100;
  lag.learn(stored);
  expect(lag.isBehind()).toBe(false);
  clock.now = 101;
  expect(lag.isBehind()).toBe(true);
  lag.learn(at(0, 0));
  expect(lag.isBehind()).toBe(true);
  lag.reach(at(3, 6));
  expect([lag.isKnown(), lag.isBehind()]).toEqual([false, false]);
});

test('what is in force, or older, is nothing to be behind of', () => {
  const { clock, lag } = open();
  for (const stored of [at(2, 5), at(1, 5), at(2, 4), at(0, 0)]) lag.learn(stored);
  clock.now = 1000;
  expect([lag.isKnown(), lag.isBehind()]).toEqual([false, false]);
});

test('getting nearer leaves each newer version the time since it was learned', () => {
  const { clock, lag } = open();
  lag.learn(at(2, 6));
  clock.now = 50;
  lag.learn(at(2, 7));
  clock.now = 101;
  lag.reach(at(2, 6));
  expect([lag.isKnown(), lag.isBehind()]).toEqual([true, false]);
  clock.now = 151;
  expect(lag.isBehind()).toBe(true);
});

test('versions beyond those that are told apart have been known as long as the last of them', () => {
  const { clock, lag } = open();
  for (let version = 6; version < 6 + 64; version += 1) lag.learn(at(2, version));
  clock.now = 50;
  lag.learn(at(2, 70));
  lag.reach(at(2, 69));
  clock.now = 100;
  expect([lag.isKnown(), lag.isBehind()]).toEqual([true, false]);
  clock.now = 101;
  expect(lag.isBehind()).toBe(true);
});

test('after many newer versions the last ones are no less known', () => {
  const { clock, lag } = open();
  for (let version = 6; version < 1006; version += 1) lag.learn(at(2, version));
  lag.reach(at(2, 1004));
  expect(lag.isKnown()).toBe(true);
  clock.now = 101;
  expect(lag.isBehind()).toBe(true);
  lag.reach(at(2, 1005));
  expect(lag.isKnown()).toBe(false);
});
