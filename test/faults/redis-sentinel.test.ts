/** The master goes: no answer hangs or permits, the next master serves, and what it never got is noticed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Decision } from '../../src/model/decision.ts';
import { Fault } from '../../src/model/refusal.ts';
import { openStores, type Stores } from '../../src/stores.ts';
import { serverOf } from '../conformance/connections.ts';
import { activationOf } from '../conformance/policy-store.ts';
import { allow, createWorld, NOW, pep, requestId, said, type Wish, type World } from '../session/world.ts';
import { HAS_REDIS_SERVER } from './redis-server.ts';
import { type SentinelGroup, startSentinelGroup } from './sentinel-group.ts';

/** The longest that an ask may take over the wire. */
const DEADLINE_MS = 5000;

const UNAVAILABLE = { reason: 'SESSION_STORE_UNAVAILABLE' };

describe.skipIf(!HAS_REDIS_SERVER)(
  'failover by sentinels (redis-server on the PATH)',
  {
    timeout: 180_000,
  },
  () => {
    let group: SentinelGroup;
    let stores: Stores;
    let world: World;

    beforeEach(async () => {
      group = await startSentinelGroup();
      stores = await open();
      world = createWorld(stores.sessions);
    }, 90_000);
    afterEach(async () => {
      await stores.close();
      await group.stop();
    });

    function open(): Promise<Stores> {
      const server = serverOf(group.url);
      // The limit of a command is of the order that a server has; a busy machine only makes it fault more often.
      const store = { kind: 'redis', server, connectTimeoutMs: 10_000, commandTimeoutMs: 100 } as const;
      return openStores(store, Date.now);
    }

    const spend = (session: string): Wish => ({
      session,
      request: requestId(NOW),
      policy: () => allow({ budget: 'money', amount: '1' }),
    });

    /** The decision or what it failed with; an ask that hangs fails the test. */
    async function outcome(wish: Wish, by = world): Promise<Decision | Fault> {
      const late = new AbortController();
      const hung = sleep(DEADLINE_MS, undefined, { signal: late.signal, ref: false }).then(() => {
        throw new Error('an ask hangs');
      });
      hung.catch(() => {}); // aborted below
      try {
        return await Promise.race([by.ask(wish), hung]);
      } catch (cause) {
        if (cause instanceof Fault) return cause;
        throw cause;
      } finally {
        late.abort();
      }
    }

    /** Asks until there is a decision. */
    async function settled<T>(work: () => Promise<T>): Promise<T> {
      for (let tries = 0; tries < 3000; tries += 1) {
        try {
          return await work();
        } catch (cause) {
          if (!(cause instanceof Fault)) throw cause;
          await sleep(20);
        }
      }
      throw new Error('the store did not come back');
    }
    const decided = (wish: Wish, by = world): Promise<Decision> => settled(() => by.ask(wish));

    /** The replica has all that the master acknowledged. */
    async function caughtUp(): Promise<void> {
      // WAIT is about writes of its own connection.
      const hand = group.first.admin();
      await hand.set('mark', '1');
      expect(await hand.wait(1, 10_000)).toBe(1);
    }

    /** Asks one after the other until told to stop. */
    function asking(session: string): { outcomes: Map<Wish, Decision | Fault>; stop(): Promise<void> } {
      const outcomes = new Map<Wish, Decision | Fault>();
      let going = true;
      const side = async (): Promise<void> => {
        while (going) {
          const wish = spend(session);
          outcomes.set(wish, await outcome(wish));
          await sleep(20);
        }
      };
      const sides = Promise.all([side(), side(), side()]);
      return {
        outcomes,
        async stop() {
          going = false;
          await sides;
        },
      };
    }

    test.each<[string, () => Promise<void>]>([
      ['is killed', () => group.first.signal('SIGKILL')],
      ['hangs, and goes on when another is master', () => group.first.signal('SIGSTOP')],
    ])(
      'a master that %s: UNAVAILABLE meanwhile, then everything goes on, and nothing is spent twice',
      async (_what, away) => {
        const session = await settled(() => world.open({ limits: { money: '100000' } }));
        const before = spend(session);
        const earlier = await decided(before);
        expect(await stores.policies.activate(activationOf(1))).toBe(true);
        expect(await stores.replay.claim('proof', ['one'], 600_000)).toBe(true);
        await caughtUp();

        await away();
        const under = asking(session);
        expect(said(await decided(spend(session)))).toBe('allow');
        await group.promoted(group.second);
        await group.first.signal('SIGCONT');
        await decided(spend(session));
        await under.stop();

        // Until somebody else was master nothing was permitted, and nobody waited for it.
        const [first, ...later] = [...under.outcomes.values()];
        expect(first).toMatchObject(UNAVAILABLE);
        expect(later.filter((one) => one instanceof Fault).length).toBeGreaterThan(10);
        for (const [wish, told] of under.outcomes) {
          expect(told).toMatchObject(told instanceof Fault ? UNAVAILABLE : { effect: 'allow' });
          const again = await decided(wish);
          expect(again).toMatchObject({ effect: 'allow', ...(told instanceof Fault ? {} : { id: told.id }) });
        }
        expect(await decided(before)).toMatchObject({ id: earlier.id, replayed: true });
        // One before, two by hand, and each of the others once.
        const steps = under.outcomes.size + 3;
        const fresh = await settled(open);
        const other = createWorld(fresh.sessions);
        const view = await settled(() => other.room.verbs.get(pep(), session));
        expect(view).toMatchObject({ steps, spent: { money: String(steps) } });
        await fresh.close();

        expect(await settled(() => stores.replay.claim('proof', ['another'], 600_000))).toBe(false);
        expect(await settled(() => stores.policies.head())).toMatchObject({ activation: 1 });
        const hinted = new Promise<void>((resolve) => stores.policies.watch(resolve));
        expect(await settled(() => stores.policies.activate(activationOf(2)))).toBe(true);
        await hinted;
      },
    );

    test('a master that is told to step down while it serves: it goes on with the next one', async () => {
      const session = await settled(() => world.open({ limits: { money: '100000' } }));
      await decided(spend(session));
      await caughtUp();
      const under = asking(session);
      await group.failOver();
      await group.promoted(group.second);
      await group.follows(group.first);
      await under.stop();
      // What the old master still took after the new one had its copy is lost, and then the session says so.
      for (const told of [...under.outcomes.values(), await decided(spend(session))])
        if (told instanceof Fault) expect(told).toMatchObject(UNAVAILABLE);
        else expect(['allow', 'session.torn']).toContain(said(told));
      const next = await settled(() => world.open());
      expect(said(await decided(spend(next)))).toBe('allow');
    });

    test('entries that the next master never got are missed: the session is torn, and nothing is allowed a second time', async () => {
      const [touched, untouched] = [await settled(() => world.open()), await settled(() => world.open())];
      await decided(spend(touched));
      await decided(spend(untouched));
      await caughtUp();
      // The replica is thrown out and cannot come back: connections that are there stay.
      const hand = group.first.admin();
      await hand.config('SET', 'requirepass', 'not-for-replicas');
      await hand.call('CLIENT', 'KILL', 'TYPE', 'replica');
      const lost = spend(touched);
      const first = await decided(lost);
      expect(first.effect).toBe('allow');
      const newborn = await settled(() => world.open());
      await decided(spend(newborn));

      await group.first.signal('SIGKILL');
      expect(await outcome(lost)).toMatchObject(UNAVAILABLE);
      await group.promoted(group.second);
      for (const wish of [lost, spend(touched), spend(newborn)])
        expect(said(await decided(wish))).toBe('session.torn');
      await expect(settled(() => world.room.verbs.get(pep(), touched))).rejects.toMatchObject({
        reason: { code: 'session.torn' },
      });
      expect(said(await decided(spend(untouched)))).toBe('allow');
      expect((await settled(() => world.room.verbs.get(pep(), untouched))).spent).toEqual({ money: '2' });
    });
  },
);
