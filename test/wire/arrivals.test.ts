import { expect, test } from 'vitest';
import { Arrivals } from '../../src/wire/grpc/arrivals.ts';

const HIGH = { readableHighWaterMark: 16 };

test('what lay in the buffer during a pause is dated back to it, and nothing else', () => {
  const arrivals = new Arrivals();
  expect(arrivals.read(100, 10)).toBe(10);
  arrivals.paused(20);
  arrivals.paused(25);
  arrivals.resumed({ ...HIGH, readableLength: 2 });
  expect([30, 31, 32].map((now) => arrivals.read(100, now))).toEqual([20, 20, 32]);
});

test('a pause in which nothing came dates nothing back', () => {
  const arrivals = new Arrivals();
  arrivals.paused(20);
  arrivals.resumed({ ...HIGH, readableLength: 0 });
  expect(arrivals.read(100, 90_000)).toBe(90_000);
});

test('behind a full buffer more may have lain: a window of bytes is dated back, however long the pause', () => {
  const arrivals = new Arrivals();
  arrivals.paused(20);
  arrivals.resumed({ ...HIGH, readableLength: 16 });
  const dates = Array.from({ length: 300 }, () => arrivals.read(1024, 90));
  expect(dates.lastIndexOf(20)).toBe(127);
  expect(dates.slice(128).every((date) => date === 90)).toBe(true);
});

test('of two pauses that a message may have lain through, the earlier counts', () => {
  const arrivals = new Arrivals();
  arrivals.paused(20);
  arrivals.resumed({ ...HIGH, readableLength: 2 });
  expect(arrivals.read(100, 30)).toBe(20);
  arrivals.paused(40);
  arrivals.resumed({ ...HIGH, readableLength: 3 });
  expect([50, 51, 52, 53].map((now) => arrivals.read(100, now))).toEqual([20, 40, 40, 53]);
});

test('once all that lay there has been read, what comes is fresh', () => {
  const arrivals = new Arrivals();
  arrivals.paused(20);
  arrivals.resumed({ ...HIGH, readableLength: 16 });
  expect(arrivals.read(100, 30)).toBe(20);
  arrivals.caughtUp();
  expect(arrivals.read(100, 2000)).toBe(2000);
});
