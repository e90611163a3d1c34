/** Redis is well and this thread is not, or the other way round: who is held to the timeout, and what it costs. */
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createRedisSessionStore } from '../../src/session/redis.ts';
import { createRedisReplayStore } from '../../src/token/redis.ts';
import { connectTo } from '../conformance/connections.ts';
import { HAS_REDIS_SERVER, type RedisServer, startRedis } from './redis-server.ts';

const NOBODY = { tenant: 'acme', session: 'AAAAAAAAAAAAAAAAAAAAAA' };

describe.skipIf(!HAS_REDIS_SERVER)('patience with Redis (redis-server on the PATH)', () => {
  let server: RedisServer;
  const ends: (() => unknown)[] = [];

  beforeAll(async () => {
    server = await startRedis();
    return () => server.stop();
  });
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });

  const connect = async (url: string): ReturnType<typeof connectTo> => {
    const redis = await connectTo(url);
    ends.push(() => redis.disconnect());
    return redis;
  };

  test('commands that were sent in a turn longer than the timeout are answered', async () => {
    const redis = await connect(server.url);
    const sessions = createRedisSessionStore(redis, 100);
    const proofs = createRedisReplayStore(redis, 100);
    for (let round = 0; round < 3; round += 1) {
      const answers = Array.from({ length: 20 }, (_, i) => [
        sessions.load(NOBODY),
        proofs.claim(`${round}-${i}`, ['a'], 60_000),
      ]).flat();
      // As asks of one batch do: what they send leaves once all of them have computed.
      await undefined;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      expect(new Set(await Promise.all(answers))).toEqual(new Set([undefined, true]));
    }
  });

  /** In front of Redis; holds back all but the first `passes` bytes of what Redis says. */
  async function createBrake(): Promise<{
    url: string;
    connections: Socket[];
    hold(passes: number): void;
    letGo(): void;
  }> {
    const connections: Socket[] = [];
    let left = Number.POSITIVE_INFINITY;
    let held: (() => void)[] = [];
    const brake = createServer((near) => {
      connections.push(near);
      const far = createConnection(server.port, '127.0.0.1');
      near.pipe(far);
      far.on('data', (bytes: Buffer) => {
        const now = bytes.subarray(0, left);
        left -= now.length;
        if (now.length > 0) near.write(now);
        if (now.length < bytes.length) held.push(() => near.write(bytes.subarray(now.length)));
      });
      for (const socket of [near, far])
        socket
          .on('error', () => undefined) // an end that is gone takes the other along
          .on('close', () => [near, far].forEach((end) => void end.destroy()));
      ends.push(() => near.destroy());
    });
    await new Promise<void>((resolve) => brake.listen(0, '127.0.0.1', resolve));
    ends.push(() => brake.close());
    return {
      url: `redis://127.0.0.1:${(brake.address() as AddressInfo).port}`,
      connections,
      hold: (passes) => {
        left = passes;
      },
      letGo: () => {
        left = Number.POSITIVE_INFINITY;
        for (const go of held) go();
        held = [];
      },
    };
  }

  const lost = expect.objectContaining({ reason: 'SESSION_STORE_UNAVAILABLE' });

  test('an answer that has only begun to come costs its command, and not the connection', async () => {
    const brake = await createBrake();
    const redis = await connect(brake.url);
    const sessions = createRedisSessionStore(redis, 50);
    expect(await sessions.load(NOBODY)).toBeUndefined();
    brake.hold(1);
    await expect(sessions.load(NOBODY)).rejects.toEqual(lost);
    const other = redis.get('what another ask waits for');
    brake.letGo();
    expect(await other).toBeNull();
    expect(brake.connections).toHaveLength(1);
  });

  test('a connection on which nothing comes is made anew, and everything on it fails', async () => {
    const brake = await createBrake();
    const redis = await connect(brake.url);
    const sessions = createRedisSessionStore(redis, 50);
    expect(await sessions.load(NOBODY)).toBeUndefined();
    brake.hold(0);
    const other = redis.get('what another ask waits for');
    const both = await Promise.allSettled([sessions.load(NOBODY), other]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(both[0]).toEqual({ status: 'rejected', reason: lost });
    brake.letGo();
    await expect.poll(() => redis.status, { timeout: 10_000 }).toBe('ready');
    expect(await redis.get('it is there again')).toBeNull();
    expect(brake.connections).toHaveLength(2);
  });
});
