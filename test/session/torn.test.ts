/** Whoever owns the store may lose, cut, fork, edit or bring back logs: none of it may be believed. */
import { describe, expect, test } from 'vitest';
import { createMemorySessionStore } from '../../src/session/memory.ts';
import {
  type Appended,
  GENESIS,
  type SessionStore,
  type Stored,
  type StoredEntry,
} from '../../src/session/store.ts';
import { allow, createWorld, pep, said, type World } from './world.ts';

/** A store whose answers pass through the hands of an attacker. */
function tampered(): { store: SessionStore; tamper: (how: (stored: Stored) => Stored | undefined) => void } {
  const store = createMemorySessionStore();
  let how: (stored: Stored) => Stored | undefined = (stored) => stored;
  const load: SessionStore['load'] = async (key) => {
    const stored = await store.load(key);
    return stored === undefined ? undefined : how(stored);
  };
  const append: SessionStore['append'] = async (key, expected, entries): Promise<Appended> => {
    const log = await load(key);
    const head = log?.entries.at(-1);
    if (head?.version === expected.version && head.digest === expected.digest)
      return store.append(key, expected, entries);
    if (head === undefined && expected.version === 0) return store.append(key, expected, entries);
    const all = log?.entries ?? [];
    const later = all.filter(({ version }) => version > expected.version);
    const reaches = log?.snapshot === undefined || later[0]?.version === expected.version + 1;
    return {
      kind: 'behind',
      missed: { snapshot: reaches ? undefined : log?.snapshot, entries: reaches ? later : all },
    };
  };
  return {
    store: { ...store, load, append },
    tamper: (given) => {
      how = given;
    },
  };
}

/** A store that another one can be put in the place of, for whoever uses it. */
function replaceable(): { store: SessionStore; put: (other: SessionStore) => void } {
  let under = createMemorySessionStore();
  return {
    store: {
      append: (key, expected, entries) => under.append(key, expected, entries),
      load: (key) => under.load(key),
      snapshot: (key, snapshot) => under.snapshot(key, snapshot),
      open: (birth, name) => under.open(birth, name),
      find: (tenant, name) => under.find(tenant, name),
      list: (tenant, limit, after) => under.list(tenant, limit, after),
      close: () => under.close(),
    },
    put: (other) => {
      under = other;
    },
  };
}

async function played(
  store: SessionStore,
  steps: number,
  snapshotEvery = 64,
): Promise<{ world: World; session: string }> {
  const world = createWorld(store, { snapshotEvery });
  const session = await world.open();
  for (let i = 0; i < steps; i += 1)
    await world.ask({ session, policy: () => allow({ budget: 'money', amount: '1' }) });
  return { world, session };
}

const edit = (
  entries: readonly StoredEntry[],
  at: number,
  change: (entry: StoredEntry) => StoredEntry,
): StoredEntry[] => entries.map((entry, i) => (i === at ? change(entry) : entry));

const CUTS: readonly (readonly [string, (stored: Stored) => Stored | undefined])[] = [
  ['deleted', () => undefined],
  ['emptied', (stored) => ({ ...stored, entries: [] })],
  ['shortened by its last entry', (stored) => ({ ...stored, entries: stored.entries.slice(0, -1) })],
  ['shortened to its first entry', (stored) => ({ ...stored, entries: stored.entries.slice(0, 1) })],
];

describe('a replica that knew the log', () => {
  test.each(CUTS)('notices that it was %s', async (_what, cut) => {
    const { store, tamper } = tampered();
    const { world, session } = await played(store, 5);
    tamper(cut);
    expect(said(await world.ask({ session }))).toBe('session.torn');
    await expect(world.room.verbs.get(pep(), session)).rejects.toMatchObject({
      reason: { code: 'session.torn' },
    });
  });

  /** Its log written on by another replica from an earlier head, in the place of what it knew. */
  async function forked(asks: number, snapshotEvery?: number) {
    const { store, put } = replaceable();
    const { world, session } = await played(store, 5);
    const key = { tenant: 'acme', session };
    const fork = createMemorySessionStore();
    const before = await store.load(key);
    await fork.append(key, GENESIS, before?.entries.slice(0, 4) ?? []);
    const other = createWorld(fork, snapshotEvery === undefined ? {} : { snapshotEvery });
    for (let i = 0; i < asks; i += 1) expect(said(await other.ask({ session }))).toBe('allow');
    put(fork);
    return { world, session, stored: async () => (await fork.load(key)) as Stored };
  }

  test.each<[string, number, number | undefined, number]>([
    ['at its own head', 2, undefined, 1],
    ['below its head and beyond', 5, undefined, 1],
    // A trimmed log tells its history by the trail alone.
    ['behind a snapshot and a trim', 200, 8, 10],
  ])('notices that it was forked %s, and decides nothing on the fork', async (_what, asks, every, first) => {
    const { world, session, stored } = await forked(asks, every);
    const before = await stored();
    expect(before.entries[0]?.version).toBeGreaterThanOrEqual(first);
    for (let i = 0; i < 2; i += 1) expect(said(await world.ask({ session }))).toBe('session.torn');
    expect(await stored()).toEqual(before);
  });

  test('goes on when it merely lags behind a snapshot and a trim', async () => {
    const store = createMemorySessionStore();
    const { world, session } = await played(store, 5);
    const other = createWorld(store, { snapshotEvery: 8 });
    for (let i = 0; i < 200; i += 1) await other.ask({ session });
    expect(said(await world.ask({ session }))).toBe('allow');
    expect((await world.room.verbs.get(pep(), session)).steps).toBe(206);
  });

  test('stays with it: a log that was torn is not believed when it comes back', async () => {
    const { store, tamper } = tampered();
    const { world, session } = await played(store, 3);
    tamper(() => undefined);
    expect(said(await world.ask({ session }))).toBe('session.torn');
    tamper((stored) => stored);
    expect(said(await world.ask({ session }))).toBe('session.torn');
  });

  test('forgets no torn session that left its memory', async () => {
    const { store, tamper } = tampered();
    const world = createWorld(store, { maxSessions: 2 });
    const session = await world.open();
    await world.ask({ session });
    tamper((stored) => ({ ...stored, entries: stored.entries.slice(0, 1) }));
    expect(said(await world.ask({ session }))).toBe('session.torn');
    for (let i = 0; i < 5; i += 1) await world.ask({ session: await world.open() });
    expect(said(await world.ask({ session }))).toBe('session.torn');
  });
});

describe('any replica', () => {
  const EDITS: readonly (readonly [string, (stored: Stored) => Stored])[] = [
    [
      'an edited payload',
      (s) => ({
        ...s,
        entries: edit(s.entries, 3, (e) => ({ ...e, payload: e.payload.replace('"1"', '"0"') })),
      }),
    ],
    [
      'an edited digest',
      (s) => ({
        ...s,
        entries: edit(s.entries, 3, (e) => ({
          ...e,
          digest: `${e.digest.startsWith('A') ? 'B' : 'A'}${e.digest.slice(1)}`,
        })),
      }),
    ],
    ['an entry left out', (s) => ({ ...s, entries: s.entries.filter((_, i) => i !== 2) })],
    [
      'an entry left out and the rest renumbered',
      (s) => ({
        ...s,
        entries: s.entries.filter((_, i) => i !== 2).map((e, i) => ({ ...e, version: i + 1 })),
      }),
    ],
    [
      'two entries swapped',
      (s) => ({
        ...s,
        entries: edit(
          edit(s.entries, 2, () => s.entries[3] as StoredEntry),
          3,
          () => s.entries[2] as StoredEntry,
        ),
      }),
    ],
    [
      'an entry twice',
      (s) => ({
        ...s,
        entries: [...s.entries, { ...(s.entries.at(-1) as StoredEntry), version: s.entries.length + 1 }],
      }),
    ],
    ['no beginning', (s) => ({ ...s, entries: s.entries.slice(1) })],
    ['no entry at all', (s) => ({ ...s, entries: [] })],
  ];
  test.each(EDITS)('notices %s', async (_what, change) => {
    const { store, tamper } = tampered();
    const { session } = await played(store, 5);
    tamper(change);
    expect(said(await createWorld(store).ask({ session }))).toBe('session.torn');
  });

  const SNAPSHOTS: readonly (readonly [string, (stored: Stored) => Stored])[] = [
    [
      'an edited snapshot',
      (s) => ({
        ...s,
        snapshot: s.snapshot && { ...s.snapshot, body: s.snapshot.body.replace('"steps":', '"steps":1') },
      }),
    ],
    [
      'a snapshot moved to another head',
      (s) => ({
        snapshot: s.snapshot && {
          ...s.snapshot,
          version: s.entries[1]?.version ?? 0,
          digest: s.entries[1]?.digest ?? '',
        },
        entries: s.entries.slice(1),
      }),
    ],
    ['a snapshot whose log was deleted', (s) => ({ ...s, entries: [] })],
    ['a snapshot whose own entry is gone', (s) => ({ ...s, entries: s.entries.slice(1) })],
    ['a log without its snapshot', (s) => ({ snapshot: undefined, entries: s.entries })],
  ];
  test.each(SNAPSHOTS)('notices %s', async (_what, change) => {
    const { store, tamper } = tampered();
    const { session } = await played(store, 100, 8);
    expect((await store.load({ tenant: 'acme', session }))?.snapshot).toBeDefined();
    tamper(change);
    expect(said(await createWorld(store).ask({ session }))).toBe('session.torn');
  });

  test('believes no log of another session, and none made with another key or key id', async () => {
    const { store, tamper } = tampered();
    const { session } = await played(store, 3);
    const { session: other } = await played(store, 3);
    const theirs = await store.load({ tenant: 'acme', session: other });
    expect(said(await createWorld(store, { fleetKey: Buffer.alloc(32, 8) }).ask({ session }))).toBe(
      'session.torn',
    );
    expect(said(await createWorld(store, { keyId: 'k2' }).ask({ session }))).toBe('session.torn');
    tamper(() => theirs);
    expect(said(await createWorld(store).ask({ session }))).toBe('session.torn');
  });
});
