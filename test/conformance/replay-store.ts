import { describe, expect, test } from 'vitest';
import type { ReplayStore } from '../../src/token/replay.ts';

export interface ReplayHarness {
  readonly store: ReplayStore;
  /** A second door to the same claims, as another replica has it; absent where the driver is for one process. */
  readonly other?: ReplayStore;
  /** Lets this much time pass for the store. */
  advance(ms: number): Promise<void> | void;
}

let made = 0;
/** Keys of different tests never meet, whatever the store kept from earlier runs. */
function freshKey(): string {
  made += 1;
  return `${process.pid}-${process.hrtime.bigint()}-${made}`;
}

/** What every store of used proofs promises. */
export function describeReplayStore(name: string, make: () => Promise<ReplayHarness> | ReplayHarness): void {
  describe(`replay store: ${name}`, () => {
    test('the first claimant gets the key', async () => {
      const { store } = await make();
      expect(await store.claim(freshKey(), ['a'], 60_000)).toBe(true);
    });

    test('the same claimant gets it again', async () => {
      const { store } = await make();
      const key = freshKey();
      await store.claim(key, ['a'], 60_000);
      expect([await store.claim(key, ['a'], 60_000), await store.claim(key, ['a'], 60_000)]).toEqual([
        true,
        true,
      ]);
    });

    test('another claimant does not, and does not take it over', async () => {
      const { store } = await make();
      const key = freshKey();
      await store.claim(key, ['a'], 60_000);
      expect(await store.claim(key, ['b'], 60_000)).toBe(false);
      expect(await store.claim(key, ['a'], 60_000)).toBe(true);
      expect(await store.claim(key, ['b'], 60_000)).toBe(false);
    });

    test('of those who claimed together each may claim again, alone or with some of the others', async () => {
      const { store, other = store } = await make();
      const key = freshKey();
      expect(await store.claim(key, ['a', 'b', 'c'], 60_000)).toBe(true);
      for (const some of [['a'], ['c'], ['b', 'c'], ['c', 'a'], ['c', 'b', 'a'], ['b', 'b']])
        expect([some, await other.claim(key, some, 60_000)]).toEqual([some, true]);
    });

    test('whoever was not among them does not get the key, in whatever company, and never joins', async () => {
      const { store, other = store } = await make();
      const key = freshKey();
      await store.claim(key, ['aa', 'bb'], 60_000);
      const strangers = [
        ['cc'],
        ['aa', 'cc'],
        ['cc', 'aa'],
        ['aa', 'bb', 'cc'],
        ['a'],
        ['aab'],
        ['aabb'],
        [],
      ];
      for (let i = 0; i < 2; i += 1)
        for (const some of strangers)
          expect([some, await other.claim(key, some, 60_000)]).toEqual([some, false]);
      expect(await store.claim(key, ['aa', 'bb'], 60_000)).toBe(true);
    });

    test('one who claimed alone lets nobody in by claiming again with others', async () => {
      const { store } = await make();
      const key = freshKey();
      await store.claim(key, ['a'], 60_000);
      expect(await store.claim(key, ['a', 'b'], 60_000)).toBe(false);
      expect([await store.claim(key, ['a'], 60_000), await store.claim(key, ['b'], 60_000)]).toEqual([
        true,
        false,
      ]);
    });

    test('whether one may claim is what claiming would come to, and claims nothing', async () => {
      const { store, other = store, advance } = await make();
      const key = freshKey();
      for (const claimant of ['a', 'b']) expect(await store.mayClaim(key, [claimant])).toBe(true);
      await store.claim(key, ['b', 'c'], 40);
      for (const some of [['b'], ['c', 'b'], ['a'], ['a', 'b'], []]) {
        const may = await other.mayClaim(key, some);
        expect([some, may]).toEqual([some, await store.claim(key, some, 40)]);
      }
      await advance(80);
      expect(await other.mayClaim(key, ['a'])).toBe(true);
      expect(await store.claim(key, ['d'], 60_000)).toBe(true);
      expect(await other.mayClaim(key, ['b'])).toBe(false);
    });

    test('256 may claim together', async () => {
      const { store, other = store } = await make();
      const key = freshKey();
      const all = Array.from({ length: 256 }, (_, i) => `claimant-of-22-letters-${i}`);
      expect(await store.claim(key, all, 60_000)).toBe(true);
      expect(await other.claim(key, all.slice(255), 60_000)).toBe(true);
      expect(await other.claim(key, [...all.slice(255), 'one-more'], 60_000)).toBe(false);
    });

    test('keys are apart', async () => {
      const { store } = await make();
      await store.claim(freshKey(), ['a'], 60_000);
      expect(await store.claim(freshKey(), ['b'], 60_000)).toBe(true);
    });

    test('a claim past its time is free for anybody', async () => {
      const { store, advance } = await make();
      const key = freshKey();
      await store.claim(key, ['a'], 40);
      await advance(80);
      expect(await store.claim(key, ['b'], 60_000)).toBe(true);
      expect(await store.claim(key, ['a'], 60_000)).toBe(false);
    });

    test('claiming again does not make a claim live longer, for all of them or for some', async () => {
      const { store, advance } = await make();
      const key = freshKey();
      await store.claim(key, ['a', 'b'], 150);
      await advance(100);
      await store.claim(key, ['a', 'b'], 150);
      await store.claim(key, ['b'], 150);
      await advance(100);
      expect(await store.claim(key, ['c'], 60_000)).toBe(true);
      expect(await store.claim(key, ['a'], 60_000)).toBe(false);
    });

    test('of many claimants at one moment exactly one gets the key, through any door', async () => {
      const { store, other = store } = await make();
      const key = freshKey();
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          (i % 2 === 0 ? store : other).claim(key, [`claimant-${i}`], 60_000),
        ),
      );
      expect(answers.filter(Boolean)).toHaveLength(1);
    });

    test('of many groups that overlap at one moment exactly one gets the key, through any door', async () => {
      const { store, other = store } = await make();
      const key = freshKey();
      const groups = Array.from({ length: 40 }, (_, i) => ['all', `own-${i}`]);
      const answers = await Promise.all(
        groups.map((group, i) => (i % 2 === 0 ? store : other).claim(key, group, 60_000)),
      );
      expect(answers.filter(Boolean)).toHaveLength(1);
      const again = await Promise.all(groups.map((group) => other.claim(key, group.slice(1), 60_000)));
      expect(again).toEqual(answers);
    });
  });
}
