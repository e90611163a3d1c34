import { describe, expect, test } from 'vitest';
import { Malformed } from '../../src/model/refusal.ts';
import { layOver, lookUp, replacedBy } from '../../src/policy/data.ts';
import { readPath } from '../../src/policy/path.ts';

const base = { finance: { blocked: { a: true }, limit: 5 }, limits: {} };
const lay = (...documents: { path: string; value: never | object | number | undefined }[]) =>
  layOver(base, documents as never, ['finance', 'limits']);

describe('documents over the data of a bundle', () => {
  test.each([
    [
      'replace what stands there',
      { path: 'finance/blocked', value: { b: true } },
      { blocked: { b: true }, limit: 5 },
    ],
    ['add beside', { path: 'finance/blocked/b', value: 1 }, { blocked: { a: true, b: 1 }, limit: 5 }],
    ['make the way', { path: 'finance/x/y', value: 1 }, { blocked: { a: true }, limit: 5, x: { y: 1 } }],
    [
      'replace a scalar on the way',
      { path: 'finance/limit/y', value: 1 },
      { blocked: { a: true }, limit: { y: 1 } },
    ],
    ['take away', { path: 'finance/blocked/a', value: undefined }, { blocked: {}, limit: 5 }],
    ['take away nothing', { path: 'finance/x/y', value: undefined }, { blocked: { a: true }, limit: 5 }],
    ['stay away outside the roots', { path: 'other/x', value: 1 }, { blocked: { a: true }, limit: 5 }],
  ])('%s', (_, document, finance) => {
    expect(lay(document)).toEqual({ ...base, finance });
    expect(base.finance).toEqual({ blocked: { a: true }, limit: 5 });
  });

  test('later ones win', () => {
    const laid = lay({ path: 'finance', value: { limit: 1 } }, { path: 'finance/limit', value: 2 });
    expect(laid['finance']).toEqual({ limit: 2 });
  });

  test('a document makes those at and below its path moot', () => {
    const at = (path: string) => ({ path, value: '1', version: 1, by: '', at: 0 });
    const documents = ['finance', 'finance/a', 'finance/a/b', 'finance/ab'].map(at);
    expect(replacedBy('finance/a', documents)).toEqual(['finance/a', 'finance/a/b']);
  });
});

test('looks up what is there, and no name that every object has', () => {
  expect(lookUp(base, ['finance', 'limit'])).toBe(5);
  expect(lookUp(base, [])).toBe(base);
  expect(lookUp(base, ['finance', 'toString'])).toBeUndefined();
  expect(lookUp(base, ['finance', 'limit', 'x'])).toBeUndefined();
});

test.each([
  '/finance',
  'finance/',
  'a//b',
  '__proto__',
  'a/__proto__',
  'a\u0000',
  'x'.repeat(513),
  `${'a/'.repeat(16)}a`,
])('the path `%s` is malformed', (path) => {
  expect(() => readPath(path)).toThrow(Malformed);
});
