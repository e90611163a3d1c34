/** A cluster of three masters: what would cross slots is refused by it, and slots move under use. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Decision } from '../../src/model/decision.ts';
import { Fault } from '../../src/model/refusal.ts';
import { createRedisPolicyStore } from '../../src/policy/redis.ts';
import { createRedisSessionStore } from '../../src/session/redis.ts';
import { logName, type SessionStore } from '../../src/session/store.ts';
import { createRedisReplayStore } from '../../src/token/redis.ts';
import { type ClusterNode, type RedisCluster, startCluster } from '../faults/redis-cluster.ts';
import { HAS_REDIS_SERVER } from '../faults/redis-server.ts';
import {
  allow,
  createWorld,
  MANDATE,
  NOW,
  pep,
  requestId,
  said,
  type Wish,
  type World,
} from '../session/world.ts';
import { connectTo, destroyLogs, leadNames } from './connections.ts';
import { activationOf, describePolicyStore } from './policy-store.ts';
import { describeReplayStore } from './replay-store.ts';
import { describeSessionStore } from './session-store.ts';

describe.skipIf(!HAS_REDIS_SERVER)('redis cluster (redis-server on the PATH)', () => {
  let cluster: RedisCluster;
  const proofs: { disconnect(): void }[] = [];
  const connect = () => connectTo(cluster.url);
  beforeAll(async () => {
    cluster = await startCluster(3);
  }, 60_000);
  afterAll(async () => {
    for (const client of proofs) client.disconnect();
    await cluster?.stop();
  });

  describeSessionStore('cluster', {
    make: async () => createRedisSessionStore(await connect(), 2000),
    shared: true,
    destroy: async (store, keys) => {
      const hand = await connect();
      await destroyLogs(hand, keys);
      hand.disconnect();
      return store;
    },
    async lead(store, names, change) {
      const hand = await connect();
      await leadNames(hand, names, change);
      hand.disconnect();
      return store;
    },
  });

  let made = 0;
  describePolicyStore('cluster', async () => {
    made += 1;
    const prefix = `assent:{policy-${made}}`;
    const open = async () => {
      const [redis, listener] = await Promise.all([connect(), connect()]);
      return createRedisPolicyStore({ redis, listener, prefix });
    };
    return { store: await open(), other: open };
  });

  test('a change of policies is heard by whoever listens, on whichever node the keys are', async () => {
    for (const prefix of [
      'assent:{a}',
      'assent:{b}',
      'assent:{c}',
      'assent:{d}',
      'assent:{e}',
      'assent:{f}',
    ]) {
      const open = async () => {
        const [redis, listener] = await Promise.all([connect(), connect()]);
        return createRedisPolicyStore({ redis, listener, prefix });
      };
      const [store, other] = await Promise.all([open(), open()]);
      const heard = new Promise<void>((resolve) => other.watch(resolve));
      expect(await store.activate(activationOf(1))).toBe(true);
      await heard;
      await Promise.all([store.close(), other.close()]);
    }
  });

  describeReplayStore('cluster', async () => {
    const [one, other] = await Promise.all([connect(), connect()]);
    proofs.push(one, other);
    return {
      store: createRedisReplayStore(one, 2000),
      other: createRedisReplayStore(other, 2000),
      advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    };
  });

  describe('sessions', { timeout: 120_000 }, () => {
    const tenant = `t-${randomBytes(8).toString('hex')}`;
    const us = pep('pep-1', tenant);
    const stores: SessionStore[] = [];
    let worlds: readonly World[];
    const replica = async (snapshotEvery = 8): Promise<World> => {
      const store = createRedisSessionStore(await connect(), 1000);
      stores.push(store);
      return createWorld(store, { snapshotEvery });
    };
    beforeAll(async () => {
      worlds = [await replica(), await replica()];
    });
    afterAll(async () => {
      await Promise.all(stores.map((store) => store.close()));
    });

    const open = async (): Promise<string> => {
      const [world] = worlds;
      if (world === undefined) throw new Error('two replicas were made');
      return (await world.room.verbs.open(us, { ...MANDATE, limits: { money: '100000' } }, undefined)).id;
    };
    const spend = (session: string): Wish => ({
      session,
      pep: us,
      request: requestId(NOW),
      policy: () => allow({ budget: 'money', amount: '1' }),
    });

    async function settled(world: World, wish: Wish): Promise<Decision> {
      for (let tries = 0; tries < 3000; tries += 1) {
        try {
          const decision = await world.ask(wish);
          if (decision.effect !== 'throttle') return decision;
        } catch (cause) {
          expect(cause).toMatchObject({ reason: 'SESSION_STORE_UNAVAILABLE' });
        }
        await sleep(10);
      }
      throw new Error('it never was decided');
    }

    test('lie on all nodes, and all keys of one in one slot', async () => {
      const sessions = await Promise.all(Array.from({ length: 30 }, open));
      const owners = new Set<ClusterNode>();
      for (const session of sessions) {
        for (let i = 0; i < 20; i += 1) await settled(worlds[i % 2] as World, spend(session));
        const keys = (await Promise.all(cluster.nodes.map(({ hand }) => hand.keys(`*${session}*`)))).flat();
        const log = logName({ tenant, session });
        expect(keys.toSorted()).toEqual([log, log.replace(/log$/, 'snapshot')]);
        const slots = new Set(await Promise.all(keys.map((key) => cluster.slotOf(key))));
        expect(slots.size).toBe(1);
        owners.add(await cluster.ownerOf([...slots][0] ?? -1));
      }
      expect(owners.size).toBe(3);
    });

    /** Asks from both replicas until told to stop. */
    function asking(
      session: string,
      by: readonly World[],
    ): { outcomes: Map<Wish, Decision | Fault>; stop(): Promise<void> } {
      const outcomes = new Map<Wish, Decision | Fault>();
      let going = true;
      const side = async (world: World): Promise<void> => {
        while (going) {
          const wish = spend(session);
          const outcome = await world.ask(wish).catch((cause: unknown) => {
            if (cause instanceof Fault) return cause;
            throw cause;
          });
          outcomes.set(wish, outcome);
          await sleep(2);
        }
      };
      const sides = Promise.all(by.map(side));
      return {
        outcomes,
        async stop() {
          going = false;
          await sides;
        },
      };
    }

    test('go on by themselves when the connections to one node, or to all, are cut', async () => {
      const sessions = await Promise.all(Array.from({ length: 6 }, open));
      const under = sessions.map((session) => asking(session, worlds));
      for (const cut of [cluster.nodes.slice(0, 1), cluster.nodes]) {
        for (const { hand } of cut) await hand.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        for (const { outcomes } of under) {
          const enough = allowed(outcomes) + 10;
          await expect.poll(() => allowed(outcomes), { timeout: 30_000 }).toBeGreaterThanOrEqual(enough);
        }
      }
      await Promise.all(under.map(({ stop }) => stop()));
      for (const [i, { outcomes }] of under.entries()) {
        for (const wish of outcomes.keys())
          expect(said(await settled(worlds[0] as World, wish))).toBe('allow');
        const view = await (worlds[1] as World).room.verbs.get(us, sessions[i] ?? '');
        expect(view.spent).toEqual({ money: String(outcomes.size) });
      }
    });

    const allowed = (outcomes: Map<Wish, Decision | Fault>): number =>
      [...outcomes.values()].filter((told) => !(told instanceof Fault) && told.effect === 'allow').length;

    test.each<[string, number]>([
      ['without a snapshot', 1_000_000],
      ['with snapshots', 8],
    ])(
      'a slot that moves under a session %s loses no append and doubles none',
      async (_what, snapshotEvery) => {
        const session = await open();
        const log = logName({ tenant, session });
        const slot = await cluster.slotOf(log);
        const from = await cluster.ownerOf(slot);
        const to = cluster.nodes.find((node) => node !== from);
        if (to === undefined) throw new Error('three nodes were started');
        const under = asking(session, [await replica(snapshotEvery), await replica(snapshotEvery)]);
        const more = async (count: number): Promise<void> => {
          const enough = allowed(under.outcomes) + count;
          await expect
            .poll(() => allowed(under.outcomes), { timeout: 30_000 })
            .toBeGreaterThanOrEqual(enough);
        };
        await more(20);
        await to.hand.call('CLUSTER', 'SETSLOT', `${slot}`, 'IMPORTING', from.id);
        await from.hand.call('CLUSTER', 'SETSLOT', `${slot}`, 'MIGRATING', to.id);
        // Its keys have not moved: it is still served where it was.
        await more(20);
        for (const key of [log, log.replace(/log$/, 'snapshot')]) {
          await from.hand.call('MIGRATE', '127.0.0.1', `${to.server.port}`, key, '0', '5000');
          await sleep(50);
        }
        // They have, and the slot has not: ASK.
        await more(20);
        for (const node of [to, from, ...cluster.nodes])
          await node.hand.call('CLUSTER', 'SETSLOT', `${slot}`, 'NODE', to.id);
        // MOVED.
        await more(20);
        await under.stop();
        expect(await cluster.ownerOf(slot)).toBe(to);
        for (const [wish, told] of under.outcomes) {
          const again = await settled(worlds[1] as World, wish);
          expect(said(again)).toBe('allow');
          if (!(told instanceof Fault) && told.effect === 'allow') expect(again.id).toBe(told.id);
        }
        const view = await (await replica()).room.verbs.get(us, session);
        const permits = under.outcomes.size;
        expect(view.spent).toEqual({ money: String(permits) });
      },
    );
  });
});
