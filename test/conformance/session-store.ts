/** What every driver of SessionStore promises. A driver's own test file calls `describeSessionStore`. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Head } from '../../src/model/session.ts';
import { createSessionKeys } from '../../src/session/keys.ts';
import {
  type Birth,
  GENESIS,
  KEPT_BELOW_SNAPSHOT,
  type OpenName,
  type SessionKey,
  type SessionStore,
  type StoredEntry,
  type StoredSnapshot,
} from '../../src/session/store.ts';
import { openNameOf } from '../../src/session/verbs.ts';

export interface StoreUnderTest {
  /** Opens the store; called twice for drivers that replicas share. */
  readonly make: () => Promise<SessionStore>;
  /** Whether two stores made here see the same logs. */
  readonly shared: boolean;
  /**
   * Destroys the logs of these sessions behind the store's back, listings excepted, and hands back the store that
   * goes on: another one where it had to be closed for that. Absent where nobody but the store can reach its logs.
   */
  readonly destroy?: (store: SessionStore, keys: readonly SessionKey[]) => Promise<SessionStore>;
  /** Makes names hold something else, likewise; `held` is told what each holds. */
  readonly lead?: (
    store: SessionStore,
    names: readonly OpenName[],
    change: { readonly tenant: string; readonly held: (before: string, at: number) => string },
  ) => Promise<SessionStore>;
}

const id = (): string => randomBytes(16).toString('base64url');
const entry = (version: number, mark: string): StoredEntry => ({
  version,
  digest: `digest-${version}-${mark}`,
  payload: `{"mark":"${mark}","words":"żółw 🐢 \\u0000"}`,
});
const run = (from: number, to: number, mark = 'a'): StoredEntry[] =>
  Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, mark));
const headOf = ({ version, digest }: StoredEntry): Head => ({ version, digest });
const snapshotAt = (version: number, body = 'fold'): StoredSnapshot => ({
  ...headOf(entry(version, 'a')),
  body,
  mac: `mac-${version}`,
});

/** As a name is sealed under this fleet's key, or under another's. */
const named = (pep: string, openKey: string, { fleetKey = 1, tenant = 't' } = {}): OpenName => {
  const keys = createSessionKeys(Buffer.alloc(32, fleetKey), 'k');
  return openNameOf(keys, { id: pep, tenant, roles: new Set() }, openKey);
};
const TORN = { reason: { code: 'session.torn' } };

export function describeSessionStore(name: string, { make, shared, destroy, lead }: StoreUnderTest): void {
  describe(`session store: ${name}`, () => {
    let store: SessionStore;
    let other: SessionStore;
    const tenant = `t-${id()}`;
    const fresh = (): SessionKey => ({ tenant, session: id() });
    const birthOf = (key: SessionKey, openedAt = 1_700_000_000_000): Birth => ({
      key,
      openedAt,
      entry: entry(1, key.session),
    });
    const withEntries = async (count: number): Promise<SessionKey> => {
      const key = fresh();
      for (let from = 1; from <= count; from += 50) {
        const expected = from === 1 ? GENESIS : headOf(entry(from - 1, 'a'));
        await store.append(key, expected, run(from, Math.min(count, from + 49)));
      }
      return key;
    };

    beforeAll(async () => {
      store = await make();
      other = shared ? await make() : store;
    });
    afterAll(async () => {
      await store.close();
      if (shared) await other.close();
    });

    test('an unknown log is not there', async () => {
      expect(await store.load(fresh())).toBeUndefined();
    });

    test('what was appended is loaded, byte for byte and in order', async () => {
      const key = fresh();
      expect(await store.append(key, GENESIS, run(1, 3))).toEqual({ kind: 'appended' });
      expect(await store.append(key, headOf(entry(3, 'a')), run(4, 4))).toEqual({ kind: 'appended' });
      expect(await other.load(key)).toEqual({ snapshot: undefined, entries: run(1, 4) });
    });

    test.each([
      ['an older version', { version: 2, digest: entry(2, 'a').digest }, run(3, 3)],
      ['the start', GENESIS, run(1, 3)],
      ['a version yet to come', { version: 4, digest: 'digest-4-a' }, []],
      ['the right version with another digest', { version: 3, digest: 'digest-3-b' }, []],
    ])(
      'an append that expects %s appends nothing and learns what it missed',
      async (_what, expected, missed) => {
        const key = await withEntries(3);
        const appended = await other.append(key, expected, [entry(expected.version + 1, 'late')]);
        expect(appended).toEqual({ kind: 'behind', missed: { snapshot: undefined, entries: missed } });
        expect((await store.load(key))?.entries).toEqual(run(1, 3));
      },
    );

    test('an append to a log that is gone appends nothing', async () => {
      const appended = await store.append(fresh(), headOf(entry(7, 'a')), run(8, 8));
      expect(appended).toEqual({ kind: 'behind', missed: { snapshot: undefined, entries: [] } });
    });

    test('an append of no entries compares and changes nothing', async () => {
      const key = await withEntries(2);
      expect(await store.append(key, headOf(entry(2, 'a')), [])).toEqual({ kind: 'appended' });
      const behind = await store.append(key, headOf(entry(1, 'a')), []);
      expect(behind).toEqual({ kind: 'behind', missed: { snapshot: undefined, entries: run(2, 2) } });
      expect((await store.load(key))?.entries).toEqual(run(1, 2));
    });

    test('of many appends that race for one place exactly one is in, whole', async () => {
      const key = await withEntries(1);
      const racers = Array.from({ length: 40 }, (_, i) => i);
      const results = await Promise.all(
        racers.map((i) => (i % 2 ? store : other).append(key, headOf(entry(1, 'a')), run(2, 4, `racer${i}`))),
      );
      const winners = racers.filter((i) => results[i]?.kind === 'appended');
      expect(winners).toHaveLength(1);
      const won = run(2, 4, `racer${winners[0]}`);
      expect((await store.load(key))?.entries.slice(1)).toEqual(won);
      for (const result of results)
        if (result.kind === 'behind') expect(result.missed).toEqual({ snapshot: undefined, entries: won });
    });

    test('a racing chain of appends loses and doubles nothing', async () => {
      const key = await withEntries(1);
      const chase = async (by: SessionStore, mark: string, count: number): Promise<void> => {
        let head = headOf(entry(1, 'a'));
        for (let done = 0, tries = 0; done < count && tries < 1000; tries += 1) {
          const next = entry(head.version + 1, mark);
          const result = await by.append(key, head, [next]);
          if (result.kind === 'appended') {
            head = headOf(next);
            done += 1;
          } else head = headOf(result.missed.entries.at(-1) ?? next);
        }
      };
      await Promise.all([chase(store, 'x', 25), chase(other, 'y', 25), chase(store, 'z', 25)]);
      const entries = (await store.load(key))?.entries ?? [];
      expect(entries.map(({ version }) => version)).toEqual(Array.from({ length: 76 }, (_, i) => i + 1));
      for (const mark of ['x', 'y', 'z'])
        expect(entries.filter(({ digest }) => digest.endsWith(mark))).toHaveLength(25);
    });

    test('a snapshot trims what lies well below it, and is loaded with the entries from its own on', async () => {
      const key = await withEntries(150);
      await store.snapshot(key, snapshotAt(140));
      expect(await other.load(key)).toEqual({ snapshot: snapshotAt(140), entries: run(140, 150) });
      const kept = 140 - KEPT_BELOW_SNAPSHOT;
      const near = await store.append(key, headOf(entry(kept - 1, 'a')), []);
      expect(near).toEqual({ kind: 'behind', missed: { snapshot: undefined, entries: run(kept, 150) } });
      const far = await store.append(key, headOf(entry(kept - 2, 'a')), []);
      expect(far).toEqual({ kind: 'behind', missed: { snapshot: snapshotAt(140), entries: run(140, 150) } });
    });

    test('a snapshot never goes back, and is not kept for a head that the log does not have', async () => {
      const key = await withEntries(20);
      await store.snapshot(key, snapshotAt(10, 'ten'));
      await store.snapshot(key, snapshotAt(10, 'ten again'));
      await store.snapshot(key, snapshotAt(5, 'five'));
      await store.snapshot(key, { ...snapshotAt(15), digest: 'digest-15-forged' });
      await store.snapshot(key, snapshotAt(21));
      expect((await store.load(key))?.snapshot).toEqual(snapshotAt(10, 'ten'));
    });

    test('a session opened is loaded and listed', async () => {
      const birth = birthOf(fresh());
      expect(await store.open(birth)).toBe(birth.key.session);
      expect(await other.load(birth.key)).toEqual({ snapshot: undefined, entries: [birth.entry] });
      expect((await other.list(tenant, 200)).sessions).toContain(birth.key.session);
    });

    test('of many who open one name exactly one session begins, and all learn it', async () => {
      const name = named('pep/1', `thread ${id()}`);
      const births = Array.from({ length: 20 }, () => birthOf(fresh()));
      const held = await Promise.all(births.map((birth, i) => (i % 2 ? store : other).open(birth, name)));
      expect(new Set(held).size).toBe(1);
      const winner = births.find(({ key }) => key.session === held[0]);
      for (const birth of births) {
        const stored = await store.load(birth.key);
        expect(stored?.entries).toEqual(birth === winner ? [birth.entry] : undefined);
      }
    });

    test('names of other enforcement points, tenants and keys are other names', async () => {
      const openKey = id();
      const first = await store.open(birthOf(fresh()), named('a', openKey));
      const second = await store.open(birthOf(fresh()), named('b', openKey));
      const third = await store.open(birthOf({ tenant: `t-${id()}`, session: id() }), named('a', openKey));
      const fourth = await store.open(birthOf(fresh()), named('a', `${openKey}}`));
      expect(new Set([first, second, third, fourth]).size).toBe(4);
      expect(await store.open(birthOf(fresh()), named('a', openKey))).toBe(first);
    });

    test('a name is found as soon as its session is open, and finding takes no name', async () => {
      const name = named('pep/1', `thread {${id()}}`);
      expect(await store.find(tenant, name)).toBeUndefined();
      const birth = birthOf(fresh());
      expect(await other.open(birth, name)).toBe(birth.key.session);
      expect(await store.find(tenant, name)).toBe(birth.key.session);
      expect(await store.find(tenant, named('pep/2', name.openKey))).toBeUndefined();
      expect(await store.find(`${tenant}-2`, name)).toBeUndefined();
    });

    test('what a name holds is believed under the key that it was sealed with only', async () => {
      const openKey = id();
      const birth = birthOf(fresh());
      await store.open(birth, named('a', openKey));
      const stranger = named('a', openKey, { fleetKey: 2 });
      const late = birthOf(fresh());
      await expect(other.find(tenant, stranger)).rejects.toMatchObject(TORN);
      await expect(other.open(late, stranger)).rejects.toMatchObject(TORN);
      expect(await store.load(late.key)).toBeUndefined();
      expect(await other.find(tenant, named('a', openKey))).toBe(birth.key.session);
    });

    test.each<[string, (openKey: string) => OpenName]>([
      ['open key', (openKey) => named('a', `${openKey}2`)],
      ['enforcement point', (openKey) => named('b', openKey)],
      ['tenant', (openKey) => named('a', openKey, { tenant: 't2' })],
    ])('what a name holds is not believed when it was sealed for another %s', async (_what, sealedFor) => {
      const openKey = id();
      const birth = birthOf(fresh());
      await store.open(birth, named('a', openKey));
      const led: OpenName = { ...named('a', openKey), seal: sealedFor(openKey).seal };
      await expect(other.find(tenant, led)).rejects.toMatchObject(TORN);
      await expect(other.open(birthOf(fresh()), led)).rejects.toMatchObject(TORN);
      expect(await other.find(tenant, named('a', openKey))).toBe(birth.key.session);
    });

    test('listing pages through a tenant newest first, and through no other', async () => {
      const mine = `t-${id()}`;
      const births = Array.from({ length: 7 }, (_, i) =>
        birthOf({ tenant: mine, session: id() }, 1000 + Math.floor(i / 2)),
      );
      for (const birth of births) await store.open(birth);
      const pages: (readonly string[])[] = [];
      let after: string | undefined;
      do {
        const page = after === undefined ? await other.list(mine, 3) : await other.list(mine, 3, after);
        pages.push(page.sessions);
        after = page.next;
      } while (after !== undefined);
      expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
      const newestFirst = births
        .toSorted((a, b) => b.openedAt - a.openedAt || (a.key.session < b.key.session ? 1 : -1))
        .map(({ key }) => key.session);
      expect(pages.flat()).toEqual(newestFirst);
      expect((await store.list(`t-${id()}`, 3)).sessions).toEqual([]);
    });

    test.skipIf(lead === undefined)(
      'a name that somebody led elsewhere leads nowhere, and its session is not begun again',
      async () => {
        const rich = birthOf(fresh());
        const richName = named('a', id());
        await store.open(rich, richName);
        const theirs: string[] = [];
        const note = (before: string): string => {
          theirs.push(before);
          return before;
        };
        store = (await lead?.(store, [richName], { tenant, held: note })) ?? store;
        const birthOfRich = JSON.stringify(rich);
        const changes: readonly ((before: string) => string)[] = [
          () => rich.key.session,
          () => birthOfRich,
          () => theirs[0] ?? '',
          () => `${richName.seal(birthOfRich)}.${birthOfRich}`,
          () => '',
          () => '{bad',
          () => 'no key of ours',
          (before) => before.slice(0, -1),
          (before) => `${before}A`,
          (before) => before.replace('.', ''),
        ];
        const names = changes.map(() => named('a', id()));
        for (const poor of names) await store.open(birthOf(fresh()), poor);
        const held = (before: string, at: number): string => changes[at]?.(before) ?? '';
        store = (await lead?.(store, names, { tenant, held })) ?? store;
        const door = shared ? other : store;
        for (const poor of names) {
          const late = birthOf(fresh());
          await expect(door.find(tenant, poor)).rejects.toMatchObject(TORN);
          await expect(door.open(late, poor)).rejects.toMatchObject(TORN);
          expect(await door.load(late.key)).toBeUndefined();
        }
        expect((await door.load(rich.key))?.entries).toEqual([rich.entry]);
        expect(await door.find(tenant, richName)).toBe(rich.key.session);
      },
    );

    test.skipIf(destroy === undefined)(
      'a log that is gone is told from one that never began, as long as its session is listed',
      async () => {
        const births = [birthOf(fresh()), birthOf(fresh()), birthOf(fresh())] as const;
        const [lost, trimmed, whole] = births;
        for (const birth of births) await store.open(birth);
        await store.append(trimmed.key, headOf(trimmed.entry), run(2, 10));
        await store.snapshot(trimmed.key, snapshotAt(10));
        store = (await destroy?.(store, [lost.key, trimmed.key])) ?? store;
        const door = shared ? other : store;
        for (const { key } of [lost, trimmed])
          expect(await door.load(key)).toEqual({ snapshot: undefined, entries: [] });
        expect(await door.load(whole.key)).toEqual({ snapshot: undefined, entries: [whole.entry] });
        expect(await door.load(fresh())).toBeUndefined();
        expect(await door.load({ tenant: `t-${id()}`, session: lost.key.session })).toBeUndefined();
        expect((await door.list(tenant, 1000)).sessions).toContain(lost.key.session);
      },
    );
  });
}
