/** Redis stops answering: public reads are decided all the same, and their records say by what. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readRecords } from '../../src/audit/read.ts';
import type { Ask } from '../../src/client/ask.ts';
import { HAS_REDIS_SERVER, type RedisServer, startRedis } from '../faults/redis-server.ts';
import { mandate, read, request, said, settle, tell } from './asking.ts';
import { createFleet, type Fleet, type Replica } from './fleet.ts';

describe.skipIf(!HAS_REDIS_SERVER)('public reads without Redis (redis-server on the PATH)', () => {
  let server: RedisServer;
  let fleet: Fleet;
  let token: string;
  let knows: Replica;
  let never: Replica;

  beforeAll(async () => {
    server = await startRedis();
    fleet = createFleet();
    token = await fleet.token();
    knows = await fleet.start({ name: 'knows', store: server.url });
    never = await fleet.start({ name: 'never', store: server.url });
  });
  afterAll(async () => {
    await server.signal('SIGCONT');
    await fleet.end();
    await server.stop();
  });

  const lookup = (session?: string): Ask => ({
    action: 'exchange_rate.read',
    ...(session === undefined ? {} : { session }),
    arguments: { from: 'EUR', to: 'USD' },
    token,
  });

  /** The `session` of the record of this decision. */
  function recordedSession(at: Replica, id: string): unknown {
    for (const { text } of readRecords(at.records)) {
      const record = JSON.parse(text) as { decision_id?: string; session?: unknown };
      if (record.decision_id === id) return record.session;
    }
    throw new Error('no such record');
  }

  test('are decided, the record says `stale`, and asks that need the session stay UNAVAILABLE', async () => {
    const opened = await knows.client.openSession(mandate({ actions: ['invoice.*', 'exchange_rate.read'] }));
    const session = opened.id;
    const before = await settle(knows, request(lookup(session)));
    expect(before).toMatchObject({ effect: 'allow', sessionId: session });
    expect(recordedSession(knows, before.id)).toMatchObject({ appended: true, id: session, version: 2 });
    expect(recordedSession(knows, before.id)).not.toHaveProperty('stale');

    await server.signal('SIGSTOP');
    for (let i = 0; i < 2; i += 1) {
      // The first notices that nothing comes, the second knows it.
      const decision = await settle(knows, request(lookup(session)), () => expect.unreachable());
      expect(decision).toMatchObject({ effect: 'allow', sessionId: '' });
      const { digest } = recordedSession(knows, before.id) as { digest: string };
      const head = { appended: false, digest, id: session, stale: true, version: 2 };
      expect(recordedSession(knows, decision.id)).toEqual(head);
    }
    const blind = await settle(never, request(lookup(session)), () => expect.unreachable());
    expect(blind).toMatchObject({ effect: 'allow', sessionId: '' });
    expect(recordedSession(never, blind.id)).toEqual({ appended: false, id: session, stale: true });
    const alone = await settle(never, request(lookup()), () => expect.unreachable());
    expect(alone.effect).toBe('allow');
    expect(recordedSession(never, alone.id)).toBeUndefined();
    for (const at of [knows, never])
      expect(said(await tell(at, request({ ...read(session), token })))).toBe('UNAVAILABLE');

    await server.signal('SIGCONT');
    const after = await settle(knows, request({ ...read(session), token }));
    expect(after).toMatchObject({ effect: 'allow', sessionId: session });
    // Of the reads in between only the first may be a step: it was on its way when Redis stopped.
    const { version } = recordedSession(knows, after.id) as { version: number };
    expect([3, 4]).toContain(version);
  });
});
