/** More asks than the server takes, and askers who do not wait long enough. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HAS_REDIS_SERVER, type RedisServer, startRedis } from '../faults/redis-server.ts';
import {
  isAllow,
  liftLimits,
  mandate,
  payment,
  read,
  request,
  said,
  settle,
  tell,
  tellBatch,
} from './asking.ts';
import { createFleet, type Fleet, type Replica } from './fleet.ts';

const MAX_ASKS = 8;

describe.skipIf(!HAS_REDIS_SERVER)('a server that is full or slow (redis-server on the PATH)', () => {
  let server: RedisServer;
  let fleet: Fleet;
  let at: Replica;
  let token: string;
  let session: string;

  beforeAll(async () => {
    server = await startRedis();
    fleet = createFleet();
    token = await fleet.token();
    // Rates first: a server that takes eight asks at a time answers no batch of thirty.
    const wide = await fleet.start({ name: 'a', store: server.url });
    await liftLimits(fleet, [wide]);
    await wide.end('SIGTERM');
    at = await fleet.start({
      name: 'a',
      store: server.url,
      maxAsks: MAX_ASKS,
      // A stopped Redis holds asks up rather than failing them.
      session: { redis_timeout_ms: 5000 },
    });
  });
  beforeEach(async () => {
    session = (await at.client.openSession(mandate())).id;
  });
  afterAll(async () => {
    await server.signal('SIGCONT');
    await fleet.end();
    await server.stop();
  });

  test('of a batch larger than it takes, the rest is shed with a delay, and the next batch is served', async () => {
    const asks = Array.from({ length: 200 }, (_, i) => request({ ...payment(session, `INV-${i}`), token }));
    const answers = await tellBatch(at, asks);
    // A batch begins over several turns: by a later one some of the first asks may be answered.
    const allows = answers.filter(isAllow).length;
    expect(answers.slice(0, MAX_ASKS).every(isAllow)).toBe(true);
    expect(allows).toBeLessThan(asks.length);
    const shed = answers.flatMap((answer) => ('failure' in answer ? [answer.failure] : []));
    expect(shed).toHaveLength(asks.length - allows);
    for (const failure of shed) {
      expect(failure).toMatchObject({ status: 'RESOURCE_EXHAUSTED', reason: 'OVERLOADED' });
      expect(failure.retryDelayMs).toBeGreaterThan(0);
    }
    expect((await at.client.getSession(session)).spent).toEqual({ payments: String(allows) });
    const again = await tellBatch(at, asks.slice(0, MAX_ASKS));
    expect(again.every(isAllow)).toBe(true);
  });

  test('while its store stands still it takes as many as it may, sheds the others at once, and then serves all', async () => {
    const warm = await settle(at, request({ ...payment(session, 'INV-warm'), token }));
    expect(warm.effect).toBe('allow');
    const messages = Array.from({ length: 100 }, (_, i) =>
      request({ ...payment(session, `INV-${i}`), token }),
    );
    await server.signal('SIGSTOP');
    const shed: string[] = [];
    const told = messages.map(async (message) => {
      const answer = await tell(at, message);
      if ('failure' in answer) shed.push(said(answer));
      return answer;
    });
    await expect.poll(() => shed.length, { timeout: 20_000 }).toBe(messages.length - MAX_ASKS);
    await server.signal('SIGCONT');
    const answers = await Promise.all(told);
    expect(answers.filter(isAllow)).toHaveLength(MAX_ASKS);
    expect(new Set(shed)).toEqual(new Set(['RESOURCE_EXHAUSTED']));
    const decisions = await Promise.all(messages.map((message) => settle(at, message)));
    expect(decisions.every(({ effect }) => effect === 'allow')).toBe(true);
    expect((await at.client.getSession(session)).spent).toEqual({ payments: String(messages.length + 1) });
  });

  test('a flood on many connections at once ends nothing', async () => {
    const flood = Array.from({ length: 2000 }, () => tell(at, request({ ...read(session), token })));
    const answers = new Set((await Promise.all(flood)).map(said));
    answers.delete('allow');
    answers.delete('RESOURCE_EXHAUSTED');
    expect([...answers]).toEqual([]);
    expect((await settle(at, request({ ...read(session), token }))).effect).toBe('allow');
  });

  test.each<[where: string, timeoutMs: number, callMs: number]>([
    ['the ask', 30, 5000],
    ['the call', 5000, 30],
  ])(
    'past the deadline of %s there is no allow, and the retry is spent once',
    async (_where, timeoutMs, callMs) => {
      const warm = await settle(at, request({ ...payment(session, 'INV-warm'), token }));
      expect(warm.effect).toBe('allow');
      await server.signal('SIGSTOP');
      const messages = Array.from({ length: MAX_ASKS }, (_, i) =>
        request({ ...payment(session, `INV-${i}`), token }, timeoutMs),
      );
      const late = await Promise.all(messages.map((message) => tell(at, message, callMs)));
      expect(new Set(late.map(said))).toEqual(new Set(['DEADLINE_EXCEEDED']));
      await server.signal('SIGCONT');
      // At most the one that was on its way to the store is in the log: those behind it were dropped unsent.
      const { payments } = (await at.client.getSession(session)).spent;
      expect(['1', '2']).toContain(payments);
      for (const message of messages) {
        // A timeout is no part of the content: the retry may have more time.
        const patient = { ...message };
        delete patient.timeout;
        expect((await settle(at, patient)).effect).toBe('allow');
      }
      expect((await at.client.getSession(session)).spent).toEqual({ payments: String(MAX_ASKS + 1) });
    },
  );

  test('a timeout of a millisecond or none at all brings a decision in time or none', async () => {
    const answers: string[] = [];
    const spentOnce: string[] = [];
    for (let n = 0; n < 60; n += 1) {
      const message = request({ ...payment(session, `INV-${n}`), token }, 1 + (n % 3));
      answers.push(said(await tell(at, message)));
      const patient = { ...message };
      delete patient.timeout;
      spentOnce.push((await settle(at, patient)).effect);
    }
    expect(answers.filter((answer) => answer !== 'allow' && answer !== 'DEADLINE_EXCEEDED')).toEqual([]);
    expect(new Set(spentOnce)).toEqual(new Set(['allow']));
    expect((await at.client.getSession(session)).spent).toEqual({ payments: '60' });
  });
});
