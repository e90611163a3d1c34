/** Redis killed, stopped, full, demoted or busy: a Fault, nothing spent twice, and no hand needed afterwards. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Decision } from '../../src/model/decision.ts';
import { Fault } from '../../src/model/refusal.ts';
import { createRedisSessionStore } from '../../src/session/redis.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { connectTo } from '../conformance/connections.ts';
import { allow, createWorld, NOW, pep, requestId, said, type Wish, type World } from '../session/world.ts';
import { HAS_REDIS_SERVER, type RedisServer, startRedis } from './redis-server.ts';

describe.skipIf(!HAS_REDIS_SERVER)(
  'a Redis that fails (redis-server on the PATH)',
  { timeout: 60_000 },
  () => {
    let server: RedisServer;
    let admin: Redis;
    let store: SessionStore;
    let world: World;
    let session: string;
    const spend = (): Wish => ({
      session,
      request: requestId(NOW),
      policy: () => allow({ budget: 'money', amount: '1' }),
    });

    beforeAll(async () => {
      server = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
      admin = server.admin();
      store = createRedisSessionStore(await connectTo(server.url), 50);
    });
    beforeEach(async () => {
      world = createWorld(store);
      session = (await settled(() => world.open())) ?? '';
    });
    afterAll(async () => {
      await store.close();
      await server.stop();
    });

    /** Tries until the store is back. */
    async function settled<T>(work: () => Promise<T>): Promise<T> {
      for (let tries = 0; tries < 500; tries += 1) {
        try {
          return await work();
        } catch (cause) {
          if (!(cause instanceof Fault)) throw cause;
          await sleep(20);
        }
      }
      throw new Error('the store did not come back');
    }

    /** Asks without pause from eight sides until told to stop; hands back every wish, answered or not. */
    function load(): {
      wishes: Wish[];
      answers: Map<Wish, Decision>;
      faults: unknown[];
      stop: () => Promise<void>;
    } {
      const wishes: Wish[] = [];
      const answers = new Map<Wish, Decision>();
      const faults: unknown[] = [];
      let going = true;
      const sides = Array.from({ length: 8 }, async () => {
        while (going && wishes.length < 900) {
          const wish = spend();
          wishes.push(wish);
          await world.ask(wish).then(
            (decision) => answers.set(wish, decision),
            (cause: unknown) => faults.push(cause),
          );
          await sleep(1);
        }
      });
      return {
        wishes,
        answers,
        faults,
        stop: async () => {
          going = false;
          await Promise.all(sides);
        },
      };
    }

    async function eachIsSpentOnce({ wishes, answers, faults }: ReturnType<typeof load>): Promise<void> {
      for (const fault of faults) expect(fault).toMatchObject({ reason: 'SESSION_STORE_UNAVAILABLE' });
      for (const wish of wishes) {
        const again = await settled(() => world.ask(wish));
        expect(again.effect).toBe('allow');
        const before = answers.get(wish);
        if (before !== undefined) expect([again.id, again.replayed]).toEqual([before.id, true]);
      }
      const other = createWorld(store);
      const view = await settled(() => other.room.verbs.get(pep(), session));
      expect(view).toMatchObject({ steps: wishes.length, spent: { money: String(wishes.length) } });
    }

    test('killed under load and started again: it heals, and each request is spent once', async () => {
      const loaded = load();
      await sleep(100);
      await server.signal('SIGKILL');
      await expect(world.ask(spend())).rejects.toMatchObject({ reason: 'SESSION_STORE_UNAVAILABLE' });
      await server.restart();
      await settled(() => world.room.verbs.get(pep(), session));
      await loaded.stop();
      expect(loaded.answers.size).toBeGreaterThan(0);
      expect(loaded.faults.length).toBeGreaterThan(0);
      await eachIsSpentOnce(loaded);
    });

    test('stopped under load: every ask ends in a Fault while it is still stopped, and each request is spent once', async () => {
      const loaded = load();
      await sleep(100);
      await server.signal('SIGSTOP');
      const waiting = Array.from({ length: 20 }, () => world.ask(spend()));
      for (const result of await Promise.allSettled(waiting))
        expect(result).toMatchObject({ status: 'rejected', reason: { reason: 'SESSION_STORE_UNAVAILABLE' } });
      await loaded.stop();
      await server.signal('SIGCONT');
      expect(loaded.faults.length).toBeGreaterThan(0);
      const view = await settled(() => world.room.verbs.get(pep(), session));
      expect(Number(view.spent['money'])).toBeGreaterThanOrEqual(loaded.answers.size);
      // Asks that were given up and never repeated were spent at most once; repeated, exactly once.
      const unanswered = view.steps - loaded.answers.size;
      expect(unanswered).toBeLessThanOrEqual(loaded.faults.length + waiting.length);
      for (const wish of loaded.wishes) expect((await settled(() => world.ask(wish))).effect).toBe('allow');
      const ids = new Set(loaded.wishes.map(({ request }) => request));
      const after = await settled(() => world.room.verbs.get(pep(), session));
      expect(after.steps).toBeGreaterThanOrEqual(ids.size);
      expect(after.steps).toBeLessThanOrEqual(ids.size + waiting.length);
      expect(after.spent).toEqual({ money: String(after.steps) });
    });

    test('an answer lost after the append was applied is found by the retry', async () => {
      let lose = false;
      const lossy = createWorld({
        ...bound(store),
        append: async (...args) => {
          const appended = await store.append(...args);
          if (!lose) return appended;
          lose = false;
          throw new Fault('SESSION_STORE_UNAVAILABLE', 'the answer was lost on its way');
        },
      });
      session = await lossy.open();
      const wish = spend();
      lose = true;
      await expect(lossy.ask(wish)).rejects.toMatchObject({ reason: 'SESSION_STORE_UNAVAILABLE' });
      expect(await lossy.ask(wish)).toMatchObject({ effect: 'allow', replayed: true });
      expect((await lossy.room.verbs.get(pep(), session)).spent).toEqual({ money: '1' });
    });

    test.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
      [
        'out of memory',
        () => admin.config('SET', 'maxmemory', '1'),
        () => admin.config('SET', 'maxmemory', '0'),
      ],
      ['made a replica', () => admin.replicaof('127.0.0.1', 1), () => admin.replicaof('NO', 'ONE')],
      [
        'short of replicas',
        () => admin.config('SET', 'min-replicas-to-write', '1'),
        () => admin.config('SET', 'min-replicas-to-write', '0'),
      ],
      ['paused for writes', () => admin.client('PAUSE', 300, 'ALL'), () => sleep(400)],
      [
        'busy with a script',
        async () => {
          await admin.config('SET', 'busy-reply-threshold', '5');
          void server
            .admin()
            .eval('while true do end', 0)
            .catch(() => {}); // ends by SCRIPT KILL
          await sleep(50);
        },
        () => admin.script('KILL'),
      ],
    ])('a server that is %s is a Fault, nothing is appended, and it heals', async (_what, breakIt, mend) => {
      const first = spend();
      // On a slow disk even a healthy Redis may miss the 50 ms: the same request asked again is spent once.
      await settled(() => world.ask(first));
      await breakIt();
      await expect(world.ask(spend())).rejects.toMatchObject({ reason: 'SESSION_STORE_UNAVAILABLE' });
      await mend();
      const view = await settled(() => world.room.verbs.get(pep(), session));
      expect(view.steps).toBeLessThanOrEqual(2);
      expect(said(await settled(() => world.ask(spend())))).toBe('allow');
      const after = await settled(() => world.room.verbs.get(pep(), session));
      expect(after.spent).toEqual({ money: String(after.steps) });
    });

    test('without a server there is no connection, and the password is not told', async () => {
      const url = 'redis://:secret@127.0.0.1:1';
      await expect(connectTo(url, { connectTimeoutMs: 200 })).rejects.toThrow(
        /^redis at `127\.0\.0\.1:1` cannot be reached: connect ECONNREFUSED 127\.0\.0\.1:1$/,
      );
    });
  },
);

/** Methods that keep their store when they are taken out of it. */
function bound(store: SessionStore): SessionStore {
  return {
    append: (...args) => store.append(...args),
    load: (key) => store.load(key),
    snapshot: (...args) => store.snapshot(...args),
    open: (...args) => store.open(...args),
    find: (...args) => store.find(...args),
    list: (...args) => store.list(...args),
    close: () => store.close(),
  };
}
