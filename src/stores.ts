/** Opens what the config names: where sessions, policies and used proofs are kept. Only parts.ts asks for it. */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createMemoryPolicyStore } from './policy/memory.ts';
import { createRedisPolicyStore } from './policy/redis.ts';
import { createSqlitePolicyStore } from './policy/sqlite.ts';
import type { PolicyStore } from './policy/store.ts';
import { connectRedis } from './redis.ts';
import type { SessionStoreConfig } from './session/config.ts';
import { createMemorySessionStore } from './session/memory.ts';
import { createRedisSessionStore } from './session/redis.ts';
import { createSqliteSessionStore } from './session/sqlite.ts';
import type { SessionStore } from './session/store.ts';
import { createRedisReplayStore } from './token/redis.ts';
import type { ReplayStore } from './token/replay.ts';
import { createMemoryReplayStore } from './token/replay-memory.ts';
import { createSqliteReplayStore } from './token/replay-sqlite.ts';

export interface Stores {
  readonly sessions: SessionStore;
  readonly policies: PolicyStore;
  readonly replay: ReplayStore;
  close(): Promise<void>;
}

/** The same stores, with all that every ask needs of them told to `hear`. */
export function listenTo(stores: Stores, hear: <T>(work: Promise<T>) => Promise<T>): Stores {
  const { sessions, replay } = stores;
  return {
    ...stores,
    sessions: {
      append: (key, expected, entries) => hear(sessions.append(key, expected, entries)),
      load: (key) => hear(sessions.load(key)),
      snapshot: (key, snapshot) => hear(sessions.snapshot(key, snapshot)),
      open: (birth, name) => hear(sessions.open(birth, name)),
      find: (tenant, name) => hear(sessions.find(tenant, name)),
      list: (tenant, limit, after) => hear(sessions.list(tenant, limit, after)),
      close: () => sessions.close(),
    },
    replay: {
      claim: (key, claimants, ttlMs) => hear(replay.claim(key, claimants, ttlMs)),
      mayClaim: (key, claimants) => hear(replay.mayClaim(key, claimants)),
    },
  };
}

/** A bundle of 8 MiB is one command; beside the sessions' appends it would make them late. */
const POLICY_TIMEOUT_MS = 2000;

/** @throws Error or Fault when a file cannot be opened or Redis not be reached; then nothing is left open */
export async function openStores(store: SessionStoreConfig, now: () => number): Promise<Stores> {
  switch (store.kind) {
    case 'memory':
      return {
        sessions: createMemorySessionStore(),
        policies: createMemoryPolicyStore(),
        replay: createMemoryReplayStore(now),
        close: async () => undefined,
      };
    case 'sqlite':
      return openSqlite(store, now);
    case 'redis':
      return openRedis(store);
  }
}

function openSqlite(store: Extract<SessionStoreConfig, { kind: 'sqlite' }>, now: () => number): Stores {
  mkdirSync(dirname(store.path), { recursive: true, mode: 0o700 });
  const sessions = createSqliteSessionStore(store);
  const policies = createSqlitePolicyStore(`${store.path}-policy`);
  const proofsPath = `${store.path}-proofs`;
  // Made by hand first, so that nobody else may read it whatever the umask; the log beside it is made alike.
  closeSync(openSync(proofsPath, 'a', 0o600));
  const proofs = new DatabaseSync(proofsPath);
  return {
    sessions,
    policies,
    replay: createSqliteReplayStore(proofs, now),
    async close() {
      await Promise.all([sessions.close(), policies.close()]);
      proofs.close();
    },
  };
}

async function openRedis(store: Extract<SessionStoreConfig, { kind: 'redis' }>): Promise<Stores> {
  const { server, connectTimeoutMs, commandTimeoutMs } = store;
  const timeouts = [commandTimeoutMs, POLICY_TIMEOUT_MS, POLICY_TIMEOUT_MS];
  const tried = await Promise.allSettled(
    timeouts.map((limit) => connectRedis({ server, connectTimeoutMs, commandTimeoutMs: limit })),
  );
  const clients = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    for (const one of tried) if (one.status === 'rejected') throw one.reason;
    const [asks, redis, listener] = clients;
    if (asks === undefined || redis === undefined || listener === undefined)
      throw new Error('three connections were asked for');
    const policies = await createRedisPolicyStore({ redis, listener });
    const sessions = createRedisSessionStore(asks, commandTimeoutMs);
    return {
      sessions,
      policies,
      replay: createRedisReplayStore(asks, commandTimeoutMs),
      async close() {
        await Promise.all([sessions.close(), policies.close()]);
      },
    };
  } catch (cause) {
    for (const client of clients) client.disconnect();
    throw cause;
  }
}
