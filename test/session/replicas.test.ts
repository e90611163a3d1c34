/** Two replicas on one Redis are one decision point. */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Decision } from '../../src/model/decision.ts';
import { createRedisSessionStore } from '../../src/session/redis.ts';
import { logName, type SessionStore } from '../../src/session/store.ts';
import { connectTo } from '../conformance/connections.ts';
import { allow, createWorld, MANDATE, NOW, pep, requestId, said, type Wish, type World } from './world.ts';

const url = process.env['ASSENT_TEST_REDIS'];

describe.skipIf(url === undefined)('two replicas on one Redis (ASSENT_TEST_REDIS)', () => {
  const tenant = `t-${randomBytes(8).toString('hex')}`;
  const us = pep('pep-1', tenant);
  const stores: SessionStore[] = [];
  let redis: Redis;
  let a: World;
  let b: World;

  const replica = async (): Promise<World> => {
    const store = createRedisSessionStore(await connectTo(url ?? ''), 2000);
    stores.push(store);
    return createWorld(store);
  };
  const open = async (limit = '1000'): Promise<string> =>
    (await a.room.verbs.open(us, { ...MANDATE, limits: { money: limit } }, undefined)).id;
  const spend = (session: string, more: Wish = {}): Wish => ({
    session,
    pep: us,
    policy: () => allow({ budget: 'money', amount: '1' }),
    ...more,
  });

  beforeAll(async () => {
    redis = new Redis(url ?? '');
    [a, b] = [await replica(), await replica()];
  });
  afterAll(async () => {
    redis.disconnect();
    await Promise.all(stores.map((store) => store.close()));
  });

  test('2,000 asks race for a budget of 700: exactly 700 are allowed', { timeout: 120_000 }, async () => {
    const session = await open('700');
    const untilSettled = async (world: World): Promise<Decision> => {
      for (let tries = 0; tries < 200; tries += 1) {
        const decision = await world.ask(spend(session));
        if (said(decision) !== 'session.contended') return decision;
      }
      throw new Error('contended for ever');
    };
    const racing: Promise<Decision>[] = [];
    for (let i = 0; i < 2000; i += 1) {
      racing.push(untilSettled(i % 2 ? a : b));
      // Waves, as a server would get them, so that both replicas are always in the race.
      if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
    }
    const decisions = await Promise.all(racing);
    expect(decisions.filter(({ effect }) => effect === 'allow')).toHaveLength(700);
    expect(decisions.filter((decision) => said(decision) === 'session.budget')).toHaveLength(1300);
    for (const world of [a, b])
      expect(await world.room.verbs.get(us, session)).toMatchObject({
        steps: 2000,
        denials: 1300,
        spent: { money: '700' },
      });
    const c = await replica();
    expect(await c.room.verbs.get(us, session)).toMatchObject({ steps: 2000, spent: { money: '700' } });
  });

  test('after an acknowledged close neither replica allows anything, retries included', {
    timeout: 60_000,
  }, async () => {
    for (let round = 0; round < 10; round += 1) {
      const session = await open();
      const retried = spend(session, { request: requestId(NOW) });
      await a.ask(retried);
      await b.ask(spend(session));
      let closed = false;
      const late: string[] = [];
      const asking = [a, b, a, b].map(async (world, i) => {
        for (let n = 0; n < 30; n += 1) {
          const after = closed;
          const decision = await world.ask(i < 2 ? retried : spend(session));
          if (after && decision.effect === 'allow') late.push(decision.id);
        }
      });
      await new Promise((resolve) => setTimeout(resolve, round));
      await b.room.verbs.close(us, session);
      closed = true;
      await Promise.all(asking);
      expect(late).toEqual([]);
      for (const world of [a, b])
        for (const wish of [retried, spend(session)])
          expect(said(await world.ask(wish))).toBe('session.task_closed');
    }
  });

  test('what one replica suspends, resumes, amends or learns the other knows', async () => {
    const session = await open();
    const operation = spend(session, { identity: 'x', operation: 'op' });
    const { id, executionKey } = await a.ask(operation);
    const again = await b.ask(operation);
    expect(again).toMatchObject({ effect: 'allow', executionKey });
    expect((await a.room.verbs.get(us, session)).spent).toEqual({ money: '1' });
    await b.report(session, id, 'failed', { pep: us, proof: 'p' });
    expect((await a.room.verbs.get(us, session)).spent).toEqual({ money: '1' });
    await a.report(session, again.id, 'failed', { pep: us, proof: 'p' });
    expect((await b.room.verbs.get(us, session)).spent).toEqual({ money: '0' });
    await a.room.verbs.suspend(us, session, '');
    expect(said(await b.ask(spend(session)))).toBe('session.suspended');
    await a.room.verbs.resume(us, session);
    expect(said(await b.ask(spend(session)))).toBe('allow');
    await b.room.verbs.amend(us, session, { ...MANDATE, limits: { money: '1' } });
    expect(said(await a.ask(spend(session)))).toBe('session.budget');
  });

  test('of two amounts asked for under one operation at once, one is allowed and the other frees nothing', async () => {
    for (let round = 0; round < 20; round += 1) {
      const session = await open();
      await b.ask(spend(session));
      const asked = (amount: string) => ({
        ...spend(session, { operation: 'op', args: { amount } }),
        policy: () => allow({ budget: 'money', amount }),
      });
      const decisions = await Promise.all([a.ask(asked('400')), b.ask(asked('300'))]);
      expect(decisions.map(said).sort()).toEqual(['allow', 'session.operation_changed']);
      const held = decisions[0]?.effect === 'allow' ? '401' : '301';
      expect((await a.room.verbs.get(us, session)).spent).toEqual({ money: held });
    }
  });

  test('an allow that was reported at one replica is not given again at the other', async () => {
    const session = await open();
    const wish = spend(session, { request: requestId(NOW), operation: 'op' });
    const { id } = await a.ask(wish);
    expect(await b.ask(wish)).toMatchObject({ id, replayed: true });
    await a.report(session, id, 'executed', { pep: us });
    expect(said(await b.ask(wish))).toBe('session.duplicate');
    expect(said(await b.ask({ ...wish, request: requestId(NOW) }))).toBe('session.duplicate');
  });

  test('a retry finds its answer on the other replica', async () => {
    const session = await open();
    const wish = spend(session, { request: requestId(NOW) });
    await b.ask(spend(session));
    const first = await a.ask(wish);
    const again = await b.ask(wish);
    expect(again).toEqual({ ...first, replayed: true });
    expect((await a.room.verbs.get(us, session)).steps).toBe(2);
  });

  test('a known session costs one command a decision', async () => {
    const session = await open();
    await a.ask(spend(session));
    const calls = async (): Promise<number> =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
    await redis.config('RESETSTAT');
    for (let i = 0; i < 20; i += 1) await a.ask(spend(session));
    expect(await calls()).toBe(20);
  });

  test.each<[string, (log: string) => Promise<unknown>]>([
    ['deleted', (log) => redis.del(log)],
    [
      'shortened',
      async (log) => redis.xdel(log, (await redis.xrevrange(log, '+', '-', 'COUNT', 1))[0]?.[0] ?? ''),
    ],
    [
      'forked',
      async (log) => {
        const [last] = await redis.xrevrange(log, '+', '-', 'COUNT', 1);
        const [id, fields] = last ?? ['', []];
        await redis.xdel(log, id);
        await redis.call(
          'XADD',
          log,
          `${Number.parseInt(id, 10)}-1`,
          'd',
          `A${fields[1]?.slice(1)}`,
          'p',
          fields[3] ?? '',
        );
      },
    ],
  ])('a log that was %s in Redis is torn for whoever knew it', async (_what, tear) => {
    const session = await open();
    for (let i = 0; i < 3; i += 1) await a.ask(spend(session));
    await tear(logName({ tenant, session }));
    expect(said(await a.ask(spend(session)))).toBe('session.torn');
  });

  test('a log that was deleted is torn for a replica that never knew it too, and one that never was is unknown', async () => {
    const sessions = [await open(), await open()] as const;
    for (let i = 0; i < 100; i += 1) await a.ask(spend(sessions[1]));
    const snapshot = logName({ tenant, session: sessions[1] }).replace(/log$/, 'snapshot');
    await expect.poll(() => redis.exists(snapshot)).toBe(1);
    for (const session of sessions) await redis.del(logName({ tenant, session }), snapshot);
    const c = await replica();
    for (const session of sessions) {
      expect(said(await c.ask(spend(session)))).toBe('session.torn');
      await expect(c.room.verbs.get(us, session)).rejects.toMatchObject({ reason: { code: 'session.torn' } });
    }
    expect(said(await c.ask(spend(randomBytes(16).toString('base64url'))))).toBe('session.unknown');
    const theirs = pep('pep-1', `${tenant}-other`);
    expect(said(await c.ask(spend(sessions[0], { pep: theirs })))).toBe('session.unknown');
  });

  test('a server that lost its scripts is taught them again', async () => {
    const session = await open();
    await a.ask(spend(session));
    await redis.script('FLUSH');
    expect(said(await a.ask(spend(session)))).toBe('allow');
    expect((await b.room.verbs.get(us, session)).steps).toBe(2);
  });

  test('snapshots are kept and logs trimmed while both write', async () => {
    const session = await open();
    for (let i = 0; i < 150; i += 1) await (i % 2 ? a : b).ask(spend(session));
    const log = logName({ tenant, session });
    await expect.poll(() => redis.exists(log.replace(/log$/, 'snapshot'))).toBe(1);
    expect(await redis.xlen(log)).toBeLessThan(151);
    const c = await replica();
    const view = await c.room.verbs.get(us, session);
    expect(view).toEqual(await a.room.verbs.get(us, session));
    expect(view.steps).toBe(150);
  });
});
