/** Two processes on one Redis are one decision point. */
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshProofKey } from '../../src/cli/dev-material.ts';
import type { Decision } from '../../src/client/permission.ts';
import { liftLimits, mandate, payment, read, request, said, settle, tell, untilSettled } from './asking.ts';
import { createFleet, type Fleet, type Replica } from './fleet.ts';
import { HAS_REDIS, type OwnRedis, ownRedis } from './own-redis.ts';

describe.skipIf(!HAS_REDIS)('two processes on one Redis (redis-server or ASSENT_TEST_REDIS)', () => {
  let own: OwnRedis;
  let redis: Redis;
  let fleet: Fleet;
  let a: Replica;
  let b: Replica;
  let token: string;

  beforeAll(async () => {
    own = await ownRedis();
    redis = own.redis;
    fleet = createFleet();
    // One after the other: the first to come activates the bundle that ships.
    a = await fleet.start({ name: 'a', store: own.url });
    b = await fleet.start({ name: 'b', store: own.url });
    token = await fleet.token();
    await liftLimits(fleet, [a, b]);
  });
  afterAll(async () => {
    await fleet.end();
    await own.stop();
  });

  const open = async (payments = '700'): Promise<string> =>
    (await a.client.openSession(mandate({ limits: { payments } }))).id;

  test('2,000 actions race for a budget of 700: exactly 700 are allowed', async () => {
    const session = await open('700');
    const decisions: Decision[] = [];
    const again = new Map<string, number>();
    const began = performance.now();
    let next = 0;
    const racer = async (at: Replica): Promise<void> => {
      while (next < 2000) {
        const invoice = `INV-${next}`;
        next += 1;
        const ask = { ...payment(session, invoice), token };
        decisions.push(await untilSettled(at, ask, (why) => again.set(why, (again.get(why) ?? 0) + 1)));
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, i) => racer(i % 2 ? a : b)));
    const seconds = (performance.now() - began) / 1000;
    const asks = 2000 + [...again.values()].reduce((sum, count) => sum + count, 0);
    console.log(
      `race: 2000 actions settled in ${seconds.toFixed(1)} s by ${asks} asks, ${Math.round(asks / seconds)} a second; again:`,
      Object.fromEntries(again),
    );
    const allowed = decisions.filter(({ effect }) => effect === 'allow');
    expect(allowed).toHaveLength(700);
    expect(new Set(allowed.map(({ id }) => id)).size).toBe(700);
    const refused = decisions.filter(({ effect }) => effect !== 'allow');
    expect(new Set(refused.map((decision) => said({ decision })))).toEqual(new Set(['session.budget']));
    expect(decisions).toHaveLength(2000);
    for (const at of [a, b])
      expect(await at.client.getSession(session)).toMatchObject({
        spent: { payments: '700' },
        remaining: { payments: '0' },
      });
  });

  test('after an acknowledged close nothing that is asked of either process is allowed', async () => {
    for (let round = 0; round < 5; round += 1) {
      const session = await open();
      const retried = request({ ...payment(session, 'INV-0'), token });
      expect((await settle(a, retried)).effect).toBe('allow');
      let closed = false;
      let asked = 0;
      let before = 0;
      const late: string[] = [];
      const hammer = async (at: Replica, side: number): Promise<void> => {
        for (let n = 0; n < 400; n += 1) {
          const after = closed;
          const message =
            side % 4 === 0 ? retried : request({ ...payment(session, `INV-${round}-${side}-${n}`), token });
          const told = await tell(at, message);
          if (said(told) === 'allow') {
            if (after) late.push(message.requestId);
            else before += 1;
          }
          asked += 1;
          // A few more after the close, then the next round.
          if (after && n > 20 && said(told) === 'session.task_closed') return;
        }
      };
      const hammers = Array.from({ length: 8 }, (_, side) => hammer(side % 2 ? a : b, side));
      while (before < 20 + 10 * round && asked < 1000) await new Promise((resolve) => setTimeout(resolve, 1));
      await (round % 2 ? a : b).client.closeSession(session);
      closed = true;
      await Promise.all(hammers);
      expect(before).toBeGreaterThan(0);
      expect(late).toEqual([]);
      for (const at of [a, b])
        for (const message of [retried, request({ ...payment(session, 'INV-new'), token })])
          expect(said({ decision: await settle(at, message) })).toBe('session.task_closed');
    }
  });

  test('a vendor that is blocked through one process is denied by the other', async () => {
    const session = await open();
    const pay = async (at: Replica, invoice: string): Promise<string> =>
      said({
        decision: await untilSettled(at, { ...payment(session, invoice, { vendor: 'globex' }), token }),
      });
    expect(await pay(b, 'INV-G0')).toBe('allow');
    await a.client.patchData('finance/blocked_vendors/globex', { value: true });
    expect(await pay(a, 'INV-G1')).toBe('policy.vendor_blocked');
    let n = 2;
    await expect.poll(() => pay(b, `INV-G${(n += 1)}`), { timeout: 20_000 }).toBe('policy.vendor_blocked');
    await b.client.patchData('finance/blocked_vendors/globex', { remove: true });
    await expect.poll(() => pay(a, `INV-G${(n += 1)}`), { timeout: 20_000 }).toBe('allow');
  });

  test('a session opened at one is known at the other, and closed for both', async () => {
    const session = await open();
    expect((await settle(b, request({ ...payment(session, 'INV-1'), token }))).effect).toBe('allow');
    expect(said({ decision: await settle(a, request({ ...payment(session, 'INV-1'), token })) })).toBe(
      'session.duplicate',
    );
    expect(await a.client.getSession(session)).toEqual(await b.client.getSession(session));
    await b.client.suspend(session);
    expect(said({ decision: await settle(a, request({ ...read(session), token })) })).toBe(
      'session.suspended',
    );
    await a.client.resume(session);
    expect((await settle(b, request({ ...read(session), token }))).effect).toBe('allow');
  });

  test('one open key is one session, whichever process is asked first', async () => {
    const asks = Array.from({ length: 8 }, (_, i) => ({
      at: i % 2 ? a : b,
      message: request({
        ...payment('', `INV-K${i}`),
        session: { key: 'thread-1', mandate: mandate() },
        token,
      }),
    }));
    const decisions = await Promise.all(asks.map(({ at, message }) => settle(at, message)));
    expect(new Set(decisions.map(({ sessionId }) => sessionId)).size).toBe(1);
    expect(decisions.every(({ effect }) => effect === 'allow')).toBe(true);
  });

  test('a retry at the other process gets the same decision and consumes nothing', async () => {
    const session = await open();
    const message = request({ ...payment(session, 'INV-1'), token });
    const first = await settle(a, message);
    const again = await settle(b, message);
    expect(first).toMatchObject({ effect: 'allow', replayed: false });
    expect(again).toMatchObject({ id: first.id, effect: 'allow', replayed: true });
    expect(again).toMatchObject({ executionKey: first.executionKey, expiresAt: first.expiresAt });
    for (const at of [a, b])
      expect(await at.client.getSession(session)).toMatchObject({ steps: 1, spent: { payments: '1' } });
    const changed = request({ ...payment(session, 'INV-2'), token });
    changed.requestId = message.requestId;
    expect(said({ decision: await settle(b, changed) })).toBe('request.changed');
  });

  test('a proof of possession that one process took is refused by the other', async () => {
    const session = await open();
    const url = 'https://tools.example/pay';
    const key = freshProofKey();
    const bound = await fleet.token(key.jkt);
    const shown = { token: bound, proof: await key.prove(bound, 'POST', url), method: 'POST', url };
    const message = request({ ...payment(session, 'INV-1'), token: shown });
    const first = await settle(a, message);
    expect(first.effect).toBe('allow');
    const replayed = request({ ...payment(session, 'INV-2'), token: shown });
    for (const at of [b, a]) expect(said({ decision: await settle(at, replayed) })).toBe('token.replayed');
    expect(await settle(b, message)).toMatchObject({ id: first.id, replayed: true });
    expect(await a.client.getSession(session)).toMatchObject({ spent: { payments: '1' } });
  });

  describe('a log that was changed behind their backs', () => {
    const logOf = (session: string): string => `assent:{dev/${session}}:log`;
    const topOf = async (log: string): Promise<[id: string, fields: string[]]> =>
      (await redis.xrevrange(log, '+', '-', 'COUNT', 1))[0] ?? ['', []];

    test.each<[what: string, tear: (log: string) => Promise<unknown>]>([
      ['deleted', (log) => redis.del(log)],
      ['shortened', async (log) => redis.xdel(log, (await topOf(log))[0])],
      [
        'forked',
        async (log) => {
          const [id, [, digest = '', , payload = '']] = await topOf(log);
          await redis.xdel(log, id);
          const forged = `${digest.startsWith('A') ? 'B' : 'A'}${digest.slice(1)}`;
          await redis.call('XADD', log, `${Number.parseInt(id, 10)}-1`, 'd', forged, 'p', payload);
        },
      ],
      [
        'continued by somebody without the key',
        async (log) => {
          const [id, [, digest = '', , payload = '']] = await topOf(log);
          await redis.call('XADD', log, `${Number.parseInt(id, 10) + 1}-0`, 'd', digest, 'p', payload);
        },
      ],
    ])('and %s is torn for every process that knew it', async (_what, tear) => {
      const session = await open();
      for (const [at, invoice] of [
        [a, 'INV-1'],
        [b, 'INV-2'],
        [a, 'INV-3'],
        [b, 'INV-4'],
      ] as const)
        expect((await settle(at, request({ ...payment(session, invoice), token }))).effect).toBe('allow');
      // Looking reads the log anew, so that both know its last entry.
      for (const at of [a, b]) expect(await at.client.getSession(session)).toMatchObject({ steps: 4 });
      expect(await redis.exists(logOf(session))).toBe(1);
      await tear(logOf(session));
      // Neither once nor on the second look.
      for (const at of [b, a, b, a])
        expect(said({ decision: await settle(at, request({ ...payment(session, 'INV-5'), token })) })).toBe(
          'session.torn',
        );
    });

    test('and shortened to what one process knows is torn for that one too, and not unavailable for ever', async () => {
      const session = await open();
      for (const [at, invoice] of [
        [a, 'INV-1'],
        [b, 'INV-2'],
      ] as const)
        expect((await settle(at, request({ ...payment(session, invoice), token }))).effect).toBe('allow');
      await redis.xdel(logOf(session), (await topOf(logOf(session)))[0]);
      for (const at of [a, b, a])
        expect(said(await tell(at, request({ ...payment(session, 'INV-3'), token })))).toBe('session.torn');
    });
  });
});
