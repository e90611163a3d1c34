import type { Cluster, Redis } from 'ioredis';
import { Fault } from '../model/refusal.ts';
import type { DataDocument, PolicyStore, StoredActivation } from './store.ts';

/**
 * Appends to the history if it is as long as the writer saw it; with a seed, if the data's version is, too.
 * KEYS: history, hints, version, seed.
 */
const ACTIVATE = `
if redis.call('LLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
if ARGV[3] then
  if tonumber(redis.call('GET', KEYS[3]) or '0') ~= tonumber(ARGV[3]) then return 0 end
  redis.call('SET', KEYS[3], ARGV[3] + 1)
  redis.call('SET', KEYS[4], ARGV[4])
end
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('PUBLISH', KEYS[2], 'activation')
return 1`;

/** Sets one document and drops others if the version is as the writer saw it. KEYS: documents, version, hints. */
const CHANGE_DATA = `
if tonumber(redis.call('GET', KEYS[2]) or '0') ~= tonumber(ARGV[1]) then return 0 end
for i = 4, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
redis.call('SET', KEYS[2], ARGV[1] + 1)
redis.call('PUBLISH', KEYS[3], 'data')
return 1`;

export interface RedisPolicyStoreOptions {
  /** For commands; its limit must be enough for a bundle of 8 MiB. Closing the store disconnects both. */
  readonly redis: Redis | Cluster;
  /** For hints: a connection that listens can do nothing else. */
  readonly listener: Redis | Cluster;
  /** Before every key; one hash tag, so that Cluster keeps them together. */
  readonly prefix?: string;
}

/**
 * Policies in Redis, shared by every replica; as durable as the server's `appendfsync` makes it. Nothing is
 * queued, resent or retried: the room's next poll is the retry.
 * @throws Fault when Redis does not answer at the start; both connections are closed then
 */
export async function createRedisPolicyStore(options: RedisPolicyStoreOptions): Promise<PolicyStore> {
  const { redis, listener, prefix = 'assent:{policy}' } = options;
  const keys = {
    // Seeds are kept beside bundles.
    bytes: (hash: string) => `${prefix}:bundle:${hash}`,
    history: `${prefix}:activations`,
    documents: `${prefix}:data`,
    version: `${prefix}:data_version`,
    seed: `${prefix}:data_seed`,
    hints: `${prefix}:changed`,
  };
  const watchers = new Set<() => void>();
  listener.on('message', () => {
    for (const changed of watchers) changed();
  });
  // Hints sent while the connection was down are lost, so coming back is a hint itself; it resubscribes alone.
  listener.on('ready', () => {
    for (const changed of watchers) changed();
  });
  const end = (): void => {
    redis.disconnect();
    listener.disconnect();
  };
  try {
    await listener.subscribe(keys.hints);
  } catch (cause) {
    // Nobody would ever close what was never handed out: without this it reconnects for ever.
    end();
    throw new Fault('POLICY_STORE_UNAVAILABLE', cause);
  }
  return {
    putBytes: (hash, bytes) =>
      ask(async () => {
        await redis.set(keys.bytes(hash), Buffer.from(bytes), 'NX');
      }),
    getBytes: (hash) => ask(async () => (await redis.getBuffer(keys.bytes(hash))) ?? undefined),
    activate: (activation, seeding) =>
      ask(async () => {
        const { history, hints, version, seed } = keys;
        const args = [
          activation.number - 1,
          JSON.stringify(activation),
          ...(seeding === undefined ? [] : [seeding.version - 1, seeding.seed]),
        ];
        return (await redis.eval(ACTIVATE, 4, history, hints, version, seed, ...args)) === 1;
      }),
    activations: (limit, before = Number.MAX_SAFE_INTEGER) =>
      ask(async () => {
        const end = Math.min(before - 1, await redis.llen(keys.history));
        if (end < 1 || limit < 1) return [];
        const entries = await redis.lrange(keys.history, Math.max(0, end - limit), end - 1);
        return entries.reverse().map((entry): StoredActivation => JSON.parse(entry));
      }),
    changeData: ({ document, replaced }) =>
      ask(async () => {
        const { path, version } = document;
        const args = [
          version - 1,
          path,
          JSON.stringify(document),
          ...replaced.filter((moot) => moot !== path),
        ];
        const { documents, version: at, hints } = keys;
        return (await redis.eval(CHANGE_DATA, 3, documents, at, hints, ...args)) === 1;
      }),
    data: () =>
      ask(async () => {
        const read = redis.multi().get(keys.version).get(keys.seed).hvals(keys.documents);
        const [version, seed, documents] = (await read.exec()) ?? [];
        const failed = version?.[0] ?? seed?.[0] ?? documents?.[0];
        if (failed) throw failed;
        const entries = Array.isArray(documents?.[1]) ? documents[1] : [];
        return {
          version: Number(version?.[1] ?? 0),
          seed: typeof seed?.[1] === 'string' ? seed[1] : undefined,
          documents: entries
            .map((entry): DataDocument => ({ value: undefined, ...JSON.parse(String(entry)) }))
            .sort((a, b) => a.version - b.version),
        };
      }),
    head: () =>
      ask(async () => {
        const [activation, version] = await Promise.all([redis.llen(keys.history), redis.get(keys.version)]);
        return { activation, dataVersion: Number(version ?? 0) };
      }),
    watch(changed) {
      watchers.add(changed);
      return () => void watchers.delete(changed);
    },
    async close() {
      watchers.clear();
      end();
    },
  };
}

async function ask<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw new Fault('POLICY_STORE_UNAVAILABLE', cause);
  }
}
