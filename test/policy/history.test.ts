import { expect, test } from 'vitest';
import { BundleRefused } from '../../src/model/verbs.ts';
import { nextActivation } from '../../src/policy/history.ts';
import type { StoredActivation } from '../../src/policy/store.ts';
import { activationOf } from '../conformance/policy-store.ts';

const activate = (
  newest: StoredActivation | undefined,
  sequence: number | undefined,
  kind: StoredActivation['kind'] = 'push',
) =>
  nextActivation(
    newest,
    { manifest: { name: 'a', roots: ['rules', 'a'], codes: new Map(), sequence }, revision: 'r' },
    { by: 'pep-1', at: 1, kind },
  );

test.each([
  [4, 5, 5],
  [0, 1, 1],
  // What its author does not number is taken, and lets nothing older back in.
  [5, undefined, 5],
])('after a push of sequence %s one of %s is taken, and %s is the highest', (before, sequence, highest) => {
  const next = activate({ ...activationOf(7), sequence: before }, sequence);
  expect(next).toMatchObject({ number: 8, sequence: highest, dataRoots: ['a'] });
});

test.each([
  [5, 4],
  [5, 5],
  [1, 0],
])('after a push of sequence %s one of %s is refused', (before, sequence) => {
  const newest = { ...activationOf(7), sequence: before };
  expect(() => activate(newest, sequence)).toThrow(BundleRefused);
});

test('neither a push without a sequence nor a rollback lets a lower one back in', () => {
  const five = activate(undefined, 5);
  const unnumbered = activate(five, undefined);
  expect(() => activate(unnumbered, 5)).toThrow(BundleRefused);
  const back = activate(unnumbered, 2, 'rollback');
  expect(back).toMatchObject({ number: 3, sequence: 5 });
  expect(() => activate(back, 5)).toThrow(BundleRefused);
});
