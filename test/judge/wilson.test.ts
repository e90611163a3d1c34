import fc from 'fast-check';
import { expect, test } from 'vitest';
import { wilson } from '../../bench/judge/wilson.ts';

// Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
test.each([
  [81, 263, 0.2553, 0.3662],
  [15, 148, 0.0624, 0.1605],
  [0, 20, 0, 0.1611],
  [1, 29, 0.0061, 0.1718],
  [29, 29, 0.883, 1],
])('the interval of %i in %i is the published one', (hits, of, low, high) => {
  const interval = wilson(hits, of);
  expect(interval.low).toBeCloseTo(low, 4);
  expect(interval.high).toBeCloseTo(high, 4);
});

test('of nothing seen, everything is possible', () => {
  expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
});

test('an interval holds its proportion, mirrors, and stays within 0 and 1', () => {
  const pairs = fc
    .integer({ min: 1, max: 5000 })
    .chain((of) => fc.tuple(fc.integer({ min: 0, max: of }), fc.constant(of)));
  fc.assert(
    fc.property(pairs, ([hits, of]) => {
      const { low, high } = wilson(hits, of);
      const mirror = wilson(of - hits, of);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(high).toBeLessThanOrEqual(1);
      expect(low).toBeLessThanOrEqual(hits / of);
      expect(high).toBeGreaterThanOrEqual(hits / of);
      expect(low).toBeCloseTo(1 - mirror.high, 10);
    }),
  );
});

test.each([
  [2, 1],
  [-1, 3],
  [0.5, 3],
  [Number.NaN, 3],
])('%d hits in %d are refused', (hits, of) => {
  expect(() => wilson(hits, of)).toThrow(RangeError);
});
