import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { DataChange, PolicyStore, StoredActivation } from '../../src/policy/store.ts';

export interface PolicyStoreHarness {
  readonly store: PolicyStore;
  /** Another door to the same store, as another replica or the next start has it; absent for one process. */
  readonly other?: () => PolicyStore | Promise<PolicyStore>;
}

export function activationOf(number: number, revision = `revision-${number}`): StoredActivation {
  return {
    number,
    revision,
    name: 'finance',
    kind: 'push',
    by: 'pep-1',
    at: 1_767_225_600_000 + number,
    sequence: 0,
    dataRoots: ['finance'],
  };
}

function changeOf(path: string, version: number, value: string | undefined = '{}'): DataChange {
  return {
    document: { path, value, version, by: 'pep-1', at: 1_767_225_600_000 + version },
    replaced: [path],
  };
}

/** What every store of policies promises; `make` gives an empty one each time. */
export function describePolicyStore(
  name: string,
  make: () => Promise<PolicyStoreHarness> | PolicyStoreHarness,
): void {
  describe(`policy store: ${name}`, () => {
    const opened: PolicyStore[] = [];
    const open = async () => {
      const { store, other } = await make();
      opened.push(store);
      const again = async () => {
        const second = (await other?.()) ?? store;
        opened.push(second);
        return second;
      };
      return { store, again };
    };
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()));
    });

    test('begins with nothing', async () => {
      const { store } = await open();
      expect(await store.head()).toEqual({ activation: 0, dataVersion: 0 });
      expect(await store.activations(10)).toEqual([]);
      expect(await store.data()).toEqual({ version: 0, seed: undefined, documents: [] });
      expect(await store.getBytes('none')).toBeUndefined();
    });

    test('keeps bytes as they are, the first under a name for good', async () => {
      const { store, again } = await open();
      const bytes = randomBytes(100_000);
      await store.putBytes('r', bytes);
      await store.putBytes('r', randomBytes(10));
      const kept = await (await again()).getBytes('r');
      expect(Buffer.from(kept ?? []).equals(bytes)).toBe(true);
    });

    test('numbers activations without gaps, newest first, by pages', async () => {
      const { store, again } = await open();
      for (let number = 1; number <= 5; number += 1)
        expect(await store.activate(activationOf(number))).toBe(true);
      const second = await again();
      expect(await second.head()).toMatchObject({ activation: 5 });
      expect(await second.activations(2)).toEqual([activationOf(5), activationOf(4)]);
      expect(await second.activations(10, 3)).toEqual([activationOf(2), activationOf(1)]);
      expect(await second.activations(10, 1)).toEqual([]);
      expect(await second.activations(0)).toEqual([]);
    });

    test('of activations that race for one number, one gets it', async () => {
      const { store, again } = await open();
      const second = await again();
      const racers = Array.from({ length: 10 }, (_, i) => [i % 2 === 0 ? store : second, i] as const);
      const won = await Promise.all(racers.map(([door, i]) => door.activate(activationOf(1, `r${i}`))));
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await store.activations(10)).toEqual([activationOf(1, `r${won.indexOf(true)}`)]);
    });

    test.each([0, 2, 7])('an activation numbered %i is not the first', async (number) => {
      const { store } = await open();
      expect(await store.activate(activationOf(number))).toBe(false);
      expect(await store.head()).toMatchObject({ activation: 0 });
    });

    test('gives documents oldest first, with the version they add up to', async () => {
      const { store, again } = await open();
      await store.changeData(changeOf('finance/a', 1, '"ä€💶"'));
      await store.changeData(changeOf('finance/b', 2, undefined));
      await store.changeData(changeOf('finance/a', 3, '[1]'));
      expect(await (await again()).data()).toEqual({
        version: 3,
        seed: undefined,
        documents: [changeOf('finance/b', 2, undefined).document, changeOf('finance/a', 3, '[1]').document],
      });
    });

    test('drops the documents that a change makes moot, in the same step', async () => {
      const { store } = await open();
      await store.changeData(changeOf('finance/a', 1));
      await store.changeData(changeOf('finance/a/b', 2));
      const change = { ...changeOf('finance', 3), replaced: ['finance/a', 'finance/a/b'] };
      expect(await store.changeData(change)).toBe(true);
      expect((await store.data()).documents).toEqual([change.document]);
    });

    test('of data changes that race for one version, one gets it, and nothing of the others', async () => {
      const { store, again } = await open();
      const second = await again();
      const racers = Array.from({ length: 10 }, (_, i) => [i % 2 === 0 ? store : second, i] as const);
      const won = await Promise.all(racers.map(([door, i]) => door.changeData(changeOf(`finance/${i}`, 1))));
      expect(won.filter(Boolean)).toHaveLength(1);
      const documents = [changeOf(`finance/${won.indexOf(true)}`, 1).document];
      expect(await second.data()).toEqual({ version: 1, seed: undefined, documents });
    });

    test('data and activations have versions of their own', async () => {
      const { store } = await open();
      await store.changeData(changeOf('finance/a', 1));
      await store.activate(activationOf(1));
      await store.changeData(changeOf('finance/a', 2));
      expect(await store.head()).toEqual({ activation: 1, dataVersion: 2 });
    });

    test('an activation seeds the data and raises its version, in one step', async () => {
      const { store, again } = await open();
      await store.changeData(changeOf('finance/a', 1));
      expect(await store.activate(activationOf(1), { version: 2, seed: 'first' })).toBe(true);
      await store.changeData(changeOf('finance/b', 3));
      // Without a seeding the seed stays.
      expect(await store.activate(activationOf(2))).toBe(true);
      const second = await again();
      expect(await second.head()).toEqual({ activation: 2, dataVersion: 3 });
      const documents = [changeOf('finance/a', 1).document, changeOf('finance/b', 3).document];
      expect(await second.data()).toEqual({ version: 3, seed: 'first', documents });
      expect(await second.activate(activationOf(3), { version: 4, seed: 'second' })).toBe(true);
      expect(await store.data()).toEqual({ version: 4, seed: 'second', documents });
    });

    test.each([
      ['whose data version was taken meanwhile', 2, 1],
      ['that skips a data version', 2, 3],
      ['whose number was taken meanwhile', 1, 2],
      ['that skips a number', 3, 2],
    ])('an activation %s changes nothing', async (_, number, version) => {
      const { store, again } = await open();
      await store.activate(activationOf(1), { version: 1, seed: 'first' });
      expect(await store.activate(activationOf(number, 'r'), { version, seed: 'other' })).toBe(false);
      const second = await again();
      expect(await second.activations(10)).toEqual([activationOf(1)]);
      expect(await second.data()).toEqual({ version: 1, seed: 'first', documents: [] });
    });

    test('of an activation that seeds and data changes that race for one version, one gets it', async () => {
      const { store, again } = await open();
      const second = await again();
      const won = await Promise.all([
        store.activate(activationOf(1), { version: 1, seed: 'first' }),
        second.changeData(changeOf('finance/a', 1)),
        store.changeData(changeOf('finance/b', 1)),
        second.activate(activationOf(1), { version: 1, seed: 'second' }),
      ]);
      expect(won.filter(Boolean)).toHaveLength(1);
      const { activation, dataVersion } = await store.head();
      expect(dataVersion).toBe(1);
      const { seed, documents } = await store.data();
      const seeded = won[0] || won[3];
      expect(activation).toBe(seeded ? 1 : 0);
      expect(seed).toBe(won[0] ? 'first' : won[3] ? 'second' : undefined);
      expect(documents).toHaveLength(seeded ? 0 : 1);
    });

    test('takes a document of 1 MiB', async () => {
      const { store } = await open();
      const value = JSON.stringify('x'.repeat(1024 * 1024 - 2));
      expect(await store.changeData(changeOf('finance/a', 1, value))).toBe(true);
      expect((await store.data()).documents[0]?.value).toBe(value);
    });

    test('hints at changes until told to stop', async () => {
      const { store } = await open();
      const { promise, resolve } = Promise.withResolvers<void>();
      let hints = 0;
      const stop = store.watch(() => {
        hints += 1;
        resolve();
      });
      await store.activate(activationOf(1));
      await promise;
      stop();
      const before = hints;
      await store.changeData(changeOf('finance/a', 1));
      await store.head();
      await new Promise((done) => setImmediate(done));
      expect(hints).toBe(before);
    });
  });
}
