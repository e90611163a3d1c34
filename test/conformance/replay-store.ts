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
      expect(await store.claim(freshKey(), 'a', 60_000)).toBe(true);
    });

    test('the same claimant gets it again', async () => {
      const { store } = await make();
      const key = freshKey();
      await store.claim(key, 'a', 60_000);
      expect([await store.claim(key, 'a', 60_000), await store.claim(key, 'a', 60_000)]).toEqual([
        true,
        true,
      ]);
    });

    test('another claimant does not, and does not take it over', async () => {
      const { store } = await make();
      const key = freshKey();
      await store.claim(key, 'a', 60_000);
      expect(await store.claim(key, 'b', 60_000)).toBe(false);
      expect(await store.claim(key, 'a', 60_000)).toBe(true);
      expect(await store.claim(key, 'b', 60_000)).toBe(false);
    });

    test('keys are apart', async () => {
      const { store } = await make();
      await store.claim(freshKey(), 'a', 60_000);
      expect(await store.claim(freshKey(), 'b', 60_000)).toBe(true);
    });

    test('a claim past its time is free for anybody', async () => {
      const { store, advance } = await make();
      const key = freshKey();
      await store.claim(key, 'a', 40);
      await advance(80);
      expect(await store.claim(key, 'b', 60_000)).toBe(true);
      expect(await store.claim(key, 'a', 60_000)).toBe(false);
    });

    test('claiming again does not make a claim live longer', async () => {
      const { store, advance } = await make();
      const key = freshKey();
      await store.claim(key, 'a', 150);
      await advance(100);
      await store.claim(key, 'a', 150);
      await advance(100);
      expect(await store.claim(key, 'b', 60_000)).toBe(true);
    });

    test('of many claimants at one moment exactly one gets the key, through any door', async () => {
      const { store, other = store } = await make();
      const key = freshKey();
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          (i % 2 === 0 ? store : other).claim(key, `claimant-${i}`, 60_000),
        ),
      );
      expect(answers.filter(Boolean)).toHaveLength(1);
    });
  });
}
