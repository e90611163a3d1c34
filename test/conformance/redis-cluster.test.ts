/** One node that owns every slot: what would cross slots is refused by it as by any cluster. */
import { afterAll, beforeAll, describe } from 'vitest';
import { createRedisPolicyStore } from '../../src/policy/redis.ts';
import { createRedisSessionStore } from '../../src/session/redis.ts';
import { createRedisReplayStore } from '../../src/token/redis.ts';
import { HAS_REDIS_SERVER, type RedisServer, startRedis } from '../faults/redis-server.ts';
import { connectTo } from './connections.ts';
import { describePolicyStore } from './policy-store.ts';
import { describeReplayStore } from './replay-store.ts';
import { describeSessionStore } from './session-store.ts';

describe.skipIf(!HAS_REDIS_SERVER)('redis cluster (redis-server on the PATH)', () => {
  let server: RedisServer;
  const proofs: { disconnect(): void }[] = [];
  const connect = () => connectTo(`redis+cluster://127.0.0.1:${server.port}`);
  beforeAll(async () => {
    server = await startRedis('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1');
    const admin = server.admin();
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    for (let tries = 0; tries < 200; tries += 1) {
      if ((await admin.cluster('INFO')).includes('cluster_state:ok')) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('the cluster did not form');
  }, 30_000);
  afterAll(async () => {
    for (const client of proofs) client.disconnect();
    await server?.stop();
  });

  describeSessionStore('cluster', {
    make: async () => createRedisSessionStore(await connect(), 2000),
    shared: true,
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

  describeReplayStore('cluster', async () => {
    const [one, other] = await Promise.all([connect(), connect()]);
    proofs.push(one, other);
    return {
      store: createRedisReplayStore(one, 2000),
      other: createRedisReplayStore(other, 2000),
      advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    };
  });
});
