/** One node that owns every slot: what would cross slots is refused by it as by any cluster. */
import { afterAll, beforeAll, describe } from 'vitest';
import { createRedisSessionStore } from '../../src/session/redis.ts';
import { HAS_REDIS_SERVER, type RedisServer, startRedis } from '../faults/redis-server.ts';
import { describeSessionStore } from './session-store.ts';

describe.skipIf(!HAS_REDIS_SERVER)('redis cluster (redis-server on the PATH)', () => {
  let server: RedisServer;
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
  afterAll(() => server?.stop());

  describeSessionStore('cluster', {
    make: () =>
      createRedisSessionStore({
        server: { kind: 'cluster', nodes: [{ host: '127.0.0.1', port: server.port }], tls: false },
        commandTimeoutMs: 2000,
        connectTimeoutMs: 5000,
      }),
    shared: true,
  });
});
