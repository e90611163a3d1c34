import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FOLDS, groupOf, partsOf } from '../../bench/judge/folds.ts';
import { DAYS, PRINCIPALS, personOf } from '../../bench/judge/people.ts';
import type { Trace } from '../../bench/judge/traces.ts';
import { trace } from './made.ts';

const MODELS = ['alpha-20250101', 'alpha-20250601', 'beta-001', 'gamma', 'delta-2024-05-13', 'eps-exp'];

function many(): readonly Trace[] {
  return ['estate', 'bank'].flatMap((suite) =>
    Array.from({ length: 120 }, (_, index) =>
      trace({
        suite,
        line: index + 1,
        kind: index % 3 === 0 ? 'attack' : 'benign',
        task: `task_${index % 17}`,
        model: MODELS[index % MODELS.length] ?? '',
      }),
    ),
  );
}

const taskOf = ({ suite, task }: Trace): string => `${suite}/${task}`;
const editionless = ({ model }: Trace): string => groupOf(model);

test('cold learns nothing and judges everything', () => {
  const traces = many();
  expect(partsOf('cold', traces, 1)).toEqual([{ held: [], learn: [], judge: traces }]);
});

describe.each([
  ['unseen', taskOf],
  ['known', editionless],
] as const)('%s', (protocol, keyOf) => {
  test('judges every session once', () => {
    const judged = partsOf(protocol, many(), 1).flatMap(({ judge }) => judge);
    expect(judged.map(({ suite, line }) => `${suite}:${line}`).sort()).toEqual(
      many()
        .map(({ suite, line }) => `${suite}:${line}`)
        .sort(),
    );
  });

  test('learns from no session of what is judged, whatever the seed, and only from benign ones', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), (seed) => {
        const parts = partsOf(protocol, many(), seed);
        expect(parts).toHaveLength(FOLDS);
        for (const { learn, judge, held } of parts) {
          const judged = new Set(judge.map(keyOf));
          expect([...judged].sort()).toEqual([...held].sort());
          expect(learn.filter((each) => judged.has(keyOf(each)) || each.kind !== 'benign')).toEqual([]);
          expect(learn.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 25 },
    );
  });

  test('is the same for the same seed and another for another', () => {
    const held = (seed: number): string =>
      JSON.stringify(partsOf(protocol, many(), seed).map((part) => part.held));
    expect(held(7)).toBe(held(7));
    expect(new Set([1, 2, 3, 4, 5].map(held)).size).toBeGreaterThan(1);
  });
});

test('every fold has its share of the tasks of every suite', () => {
  for (const { held } of partsOf('unseen', many(), 3))
    for (const suite of ['estate', 'bank']) {
      const share = held.filter((task) => task.startsWith(`${suite}/`)).length;
      expect(share).toBeGreaterThanOrEqual(3);
      expect(share).toBeLessThanOrEqual(4);
    }
});

test('fewer tasks than folds make fewer folds', () => {
  expect(partsOf('unseen', [trace({ task: 'a' }), trace({ task: 'b', line: 2 })], 1)).toHaveLength(2);
  expect(partsOf('unseen', [], 1)).toEqual([]);
});

test.each([
  ['claude-3-5-sonnet-20240620', 'claude-3-5-sonnet'],
  ['gpt-4o-2024-05-13', 'gpt-4o'],
  ['gpt-4o-mini-2024-07-18', 'gpt-4o-mini'],
  ['gemini-1.5-pro-002', 'gemini-1.5-pro'],
  ['gemini-2.0-flash-exp', 'gemini-2.0-flash'],
  ['gpt-4-0125-preview', 'gpt-4'],
  ['Llama-3.3-70B-Instruct', 'llama-3.3-70b-instruct'],
  ['command-r-plus', 'command-r-plus'],
])('%s is an edition of %s', (model, group) => {
  expect(groupOf(model)).toBe(group);
});

test('principals and days are of the seed, within their bounds, and all of them occur', () => {
  const people = many().map((each) => personOf(each, 1));
  expect(people).toEqual(many().map((each) => personOf(each, 1)));
  expect(people).not.toEqual(many().map((each) => personOf(each, 2)));
  expect(new Set(people.map(({ principal }) => principal)).size).toBe(PRINCIPALS);
  expect([...new Set(people.map(({ daysAgo }) => daysAgo))].sort((a, b) => a - b)).toEqual(
    Array.from({ length: DAYS }, (_, index) => index + 1),
  );
});
