/** A Redis that no other test disturbs: a server of the test's own, else a database of the one that was given. */
import { Redis } from 'ioredis';
import { HAS_REDIS_SERVER, startRedis } from '../faults/redis-server.ts';

const given = process.env['ASSENT_TEST_REDIS'];

export const HAS_REDIS: boolean = HAS_REDIS_SERVER || given !== undefined;

export interface OwnRedis {
  readonly url: string;
  readonly redis: Redis;
  stop(): Promise<void>;
}

/** Kept free of everything else: databases of a server are sixteen by default. */
const DATABASE = 11;

export async function ownRedis(): Promise<OwnRedis> {
  if (HAS_REDIS_SERVER) {
    const server = await startRedis();
    return { url: server.url, redis: server.admin(), stop: () => server.stop() };
  }
  const url = new URL(given ?? '');
  url.pathname = `/${DATABASE}`;
  const redis = new Redis(url.href);
  await redis.flushdb();
  return {
    url: url.href,
    redis,
    async stop() {
      await redis.flushdb();
      redis.disconnect();
    },
  };
}
