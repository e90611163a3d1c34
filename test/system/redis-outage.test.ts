/** Redis killed, stopped or paused under load: no allow without a commit, nothing spent twice, no hand needed afterwards. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Failure } from '../../src/client/failure.ts';
import type { Decision } from '../../src/client/permission.ts';
import { HAS_REDIS_SERVER, type RedisServer, startRedis } from '../faults/redis-server.ts';
import { liftLimits, mandate, payment, read, request, said, settle, tell } from './asking.ts';
import { createFleet, type Fleet, type Replica } from './fleet.ts';
import { recorded } from './recorded.ts';

describe.skipIf(!HAS_REDIS_SERVER)('a Redis that goes away under load (redis-server on the PATH)', () => {
  let server: RedisServer;
  let fleet: Fleet;
  let at: Replica;
  let token: string;
  let admin: Redis;

  beforeAll(async () => {
    server = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
    admin = server.admin();
    fleet = createFleet();
    token = await fleet.token();
    at = await fleet.start({ name: 'a', store: server.url });
    await liftLimits(fleet, [at]);
  });
  afterAll(async () => {
    await fleet.end();
    await server.signal('SIGCONT');
    await server.stop();
  });

  interface Load {
    readonly settled: Decision[];
    readonly failures: Failure[];
    /** Stops asking; resolves once every ask was decided. */
    finish(): Promise<void>;
  }

  /** Eight sides pay one invoice after the other, each under one request id until it is decided. */
  function load(session: string): Load {
    const settled: Decision[] = [];
    const failures: Failure[] = [];
    let going = true;
    let next = 0;
    const side = async (): Promise<void> => {
      while (going) {
        const message = request({ ...payment(session, `INV-${(next += 1)}`), token });
        settled.push(await settle(at, message, (failure) => failures.push(failure)));
      }
    };
    const sides = Promise.all(Array.from({ length: 8 }, side));
    return {
      settled,
      failures,
      async finish() {
        going = false;
        await sides;
      },
    };
  }

  const more = async (list: readonly unknown[], count: number): Promise<void> => {
    const enough = list.length + count;
    await expect.poll(() => list.length, { interval: 2, timeout: 20_000 }).toBeGreaterThanOrEqual(enough);
  };

  test.each<[what: string, away: () => Promise<unknown>, back: () => Promise<unknown>]>([
    ['killed and started again', () => server.signal('SIGKILL'), () => server.restart()],
    ['stopped and let go on', () => server.signal('SIGSTOP'), () => server.signal('SIGCONT')],
    [
      'told to pause its writers',
      // Paused for `ALL` it would not hear UNPAUSE either; scripts count as writers.
      () => admin.client('PAUSE', 60_000, 'WRITE'),
      () => admin.client('UNPAUSE'),
    ],
  ])(
    'is %s: UNAVAILABLE in between, each request spent once, and the same process goes on',
    async (_what, away, back) => {
      const { id: session } = await at.client.openSession(mandate({ limits: { payments: '100000' } }));
      const under = load(session);
      await more(under.settled, 100);
      await away();
      // Whatever was still under way has failed or been decided by now, and more was asked since.
      await more(under.failures, 40);
      const before = under.settled.length;
      const failedSince = under.failures.length;
      await more(under.failures, 40);
      // While it is away nothing is decided: not even a refusal, since nothing could be committed.
      expect(under.settled.length).toBe(before);
      const missing = request({ ...read(session), token });
      expect(said(await tell(at, missing))).toBe('UNAVAILABLE');
      await back();
      await more(under.settled, 100);
      await under.finish();
      const statuses = under.failures.map(({ status, reason }) => `${status} ${reason}`);
      expect(new Set(statuses)).toEqual(new Set(['UNAVAILABLE SESSION_STORE_UNAVAILABLE']));
      expect(under.failures.length).toBeGreaterThan(failedSince);
      expect(new Set(under.settled.map((decision) => said({ decision })))).toEqual(new Set(['allow']));
      expect(new Set(under.settled.map(({ id }) => id)).size).toBe(under.settled.length);
      expect((await settle(at, missing)).effect).toBe('allow');
      const { ids } = recorded(at.records);
      expect(under.settled.filter(({ id }) => !ids.has(id))).toEqual([]);
      // What is in the log is what was answered: no more, no less.
      expect((await at.client.getSession(session)).spent).toEqual({ payments: String(under.settled.length) });
      console.log(`${under.settled.length} settled, ${under.failures.length} UNAVAILABLE on the way`);
    },
  );

  test('goes and comes a few times without a pause for breath: nothing is spent twice', async () => {
    const { id: session } = await at.client.openSession(mandate({ limits: { payments: '100000' } }));
    const under = load(session);
    for (let n = 0; n < 4; n += 1) {
      await more(under.settled, 30);
      await server.signal('SIGKILL');
      await sleep(Math.random() * 50);
      await server.restart();
    }
    await more(under.settled, 30);
    await under.finish();
    expect(new Set(under.settled.map((decision) => said({ decision })))).toEqual(new Set(['allow']));
    expect((await at.client.getSession(session)).spent).toEqual({ payments: String(under.settled.length) });
  });
});
