import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRedisSessionStore } from '../../src/session/redis.ts';
import { logName, type SessionStore } from '../../src/session/store.ts';
import { createWorld, MANDATE, pep, said, type World } from '../session/world.ts';
import { connectTo, destroyLogs, leadNames, nameKeyOf } from './connections.ts';
import { describeSessionStore } from './session-store.ts';

const url = process.env['ASSENT_TEST_REDIS'];

if (url === undefined) describe('session store: redis', () => test.skip('ASSENT_TEST_REDIS is not set'));
else {
  describeSessionStore('redis', {
    make: async () => createRedisSessionStore(await connectTo(url), 2000),
    shared: true,
    destroy: async (store, keys) => {
      const hand = await connectTo(url);
      await destroyLogs(hand, keys);
      hand.disconnect();
      return store;
    },
    async lead(store, names, change) {
      const hand = await connectTo(url);
      await leadNames(hand, names, change);
      hand.disconnect();
      return store;
    },
  });
  describeDamage(url);
}

/** A hand in Redis that puts something else where a session was: Redis itself is well. */
function describeDamage(to: string): void {
  type Hand = Awaited<ReturnType<typeof connectTo>>;
  type Damage = (hand: Hand, log: string, snapshot: string) => Promise<unknown>;

  describe('session store: redis, keys of one session that hold something else', () => {
    const stores: SessionStore[] = [];
    let hand: Hand;
    beforeAll(async () => {
      hand = await connectTo(to);
    });
    afterAll(async () => {
      hand.disconnect();
      await Promise.all(stores.map((store) => store.close()));
    });

    const replica = async (): Promise<World> => {
      const store = createRedisSessionStore(await connectTo(to), 2000);
      stores.push(store);
      return createWorld(store, { snapshotEvery: 100 });
    };
    const put = (type: 'set' | 'list' | 'hash', key: 'log' | 'snapshot'): Damage => {
      return async (by, log, snapshot) => {
        const name = key === 'log' ? log : snapshot;
        await by.del(name);
        if (type === 'set') await by.set(name, 'x');
        if (type === 'list') await by.rpush(name, 'x');
        if (type === 'hash') await by.hset(name, 'x', 'y');
      };
    };
    const setField = (field: string, value: string): Damage => {
      return (by, _log, snapshot) => by.hset(snapshot, field, value);
    };
    const dropField = (field: string): Damage => {
      return (by, _log, snapshot) => by.hdel(snapshot, field);
    };

    /** A tenant with a session that has a snapshot, between two others; who knows it, and who does not. */
    async function seated() {
      const us = pep('pep-1', `t-${randomBytes(8).toString('hex')}`);
      const [known, fresh] = [await replica(), await replica()];
      const open = async (): Promise<string> => (await known.room.verbs.open(us, MANDATE, undefined)).id;
      const [before, session, after] = [await open(), await open(), await open()];
      const log = logName({ tenant: us.tenant, session });
      const snapshot = log.replace(/log$/, 'snapshot');
      for (let i = 0; i < 110; i += 1) await known.ask({ session, pep: us });
      await expect.poll(async () => (await hand.xrange(log, '-', '+', 'COUNT', 1))[0]?.[0]).not.toBe('1-0');
      const list = async (world: World) =>
        (await world.room.verbs.list(us, { size: 10, token: '' })).sessions.map(({ id }) => id).toSorted();
      return { us, known, fresh, session, log, snapshot, list, others: [before, after].toSorted() };
    }

    test.each<[string, Damage]>([
      ['a string for a log', put('set', 'log')],
      ['a list for a log', put('list', 'log')],
      ['a hash for a log', put('hash', 'log')],
    ])('%s is a torn session for everybody, and hides no other', async (_what, damage) => {
      const { us, known, fresh, session, log, snapshot, list, others } = await seated();
      await damage(hand, log, snapshot);
      for (const world of [fresh, known]) {
        expect(await list(world)).toEqual(others);
        for (let i = 0; i < 2; i += 1)
          expect(said(await world.ask({ session, pep: us }))).toBe('session.torn');
        await expect(world.room.verbs.get(us, session)).rejects.toMatchObject({
          reason: { code: 'session.torn' },
        });
        expect(said(await world.ask({ session: others[0] ?? '', pep: us }))).toBe('allow');
      }
    });

    test.each<[string, Damage]>([
      ['a string for a snapshot', put('set', 'snapshot')],
      ['a list for a snapshot', put('list', 'snapshot')],
      ['a snapshot of nothing', put('hash', 'snapshot')],
      ['a snapshot of no version', setField('version', 'x')],
      ['a snapshot of another version', setField('version', '3')],
      ['a snapshot without its digest', dropField('digest')],
      ['a snapshot without its body', dropField('body')],
      ['a snapshot without its mac', dropField('mac')],
    ])('%s is a torn session for whoever has to read it, and hides no other', async (_what, damage) => {
      const { us, known, fresh, session, log, snapshot, list, others } = await seated();
      await damage(hand, log, snapshot);
      expect(await list(fresh)).toEqual(others);
      for (let i = 0; i < 2; i += 1) expect(said(await fresh.ask({ session, pep: us }))).toBe('session.torn');
      // Who holds the session needs no snapshot to go on.
      expect(said(await known.ask({ session, pep: us }))).toBe('allow');
    });

    test.each<[string, Damage]>([
      ['a string for a log', put('set', 'log')],
      ['a string for a snapshot', put('set', 'snapshot')],
      ['a snapshot of no version', setField('version', 'x')],
    ])(
      '%s is no fault of the store, which is well, and nothing is written over it',
      async (_what, damage) => {
        const { us, session, log, snapshot } = await seated();
        const store = stores.at(-1) as SessionStore;
        const key = { tenant: us.tenant, session };
        const nothing = { snapshot: undefined, entries: [] };
        const [last] = (await store.load(key))?.entries.slice(-1) ?? [];
        if (last === undefined) throw new Error('the session has entries');
        await damage(hand, log, snapshot);
        const held = [await hand.dump(log), await hand.dump(snapshot)];
        expect(await store.load(key)).toEqual(nothing);
        const behind = await store.append(key, { version: 1, digest: 'd' }, [{ ...last, version: 2 }]);
        expect(behind).toEqual({ kind: 'behind', missed: nothing });
        await expect(store.snapshot(key, { ...last, body: 'b', mac: 'm' })).rejects.toMatchObject({
          reason: { code: 'session.torn' },
        });
        expect([await hand.dump(log), await hand.dump(snapshot)]).toEqual(held);
      },
    );

    test.each<[string, (key: string) => Promise<unknown>]>([
      ['a list', (key) => hand.rpush(key, 'x')],
      ['a hash', (key) => hand.hset(key, 'x', 'y')],
    ])(
      '%s for what a name holds is a torn session, asked for or opened, and no fault',
      async (_what, put) => {
        const us = pep('pep-1', `t-${randomBytes(8).toString('hex')}`);
        const openKey = randomBytes(8).toString('hex');
        const known = await replica();
        const { id } = await known.room.verbs.open(us, MANDATE, openKey);
        const name = nameKeyOf(us.tenant, { pep: us.id, openKey });
        await hand.del(name);
        await put(name);
        const fresh = await replica();
        const ref = { kind: 'open', key: openKey, mandate: MANDATE } as const;
        for (const dryRun of [false, true])
          expect(said(await fresh.ask({ session: ref, pep: us, dryRun }))).toBe('session.torn');
        await expect(fresh.room.verbs.open(us, MANDATE, openKey)).rejects.toMatchObject({
          reason: { code: 'session.torn' },
        });
        expect(said(await fresh.ask({ session: id, pep: us }))).toBe('allow');
      },
    );

    test('a key whose name was led to a richer session neither spends nor asks there', async () => {
      const us = pep('pep-1', `t-${randomBytes(8).toString('hex')}`);
      const openKey = randomBytes(8).toString('hex');
      const known = await replica();
      await known.room.verbs.open(us, MANDATE, openKey);
      const rich = { ...MANDATE, limits: { money: '1000000' } };
      const other = await known.room.verbs.open(us, rich, 'another');
      const theirs = (await hand.get(nameKeyOf(us.tenant, { pep: us.id, openKey: 'another' }))) ?? '';
      for (const held of [other.id, theirs]) {
        await hand.set(nameKeyOf(us.tenant, { pep: us.id, openKey }), held);
        const fresh = await replica();
        const ref = { kind: 'open', key: openKey, mandate: MANDATE } as const;
        expect(said(await fresh.ask({ session: ref, pep: us }))).toBe('session.torn');
      }
      expect((await known.room.verbs.get(us, other.id)).steps).toBe(0);
    });
  });
}
