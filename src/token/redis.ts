import { type Cluster, Redis } from 'ioredis';
import { Fault } from '../model/refusal.ts';
import type { ReplayStore } from './replay.ts';

const CONNECT_MS = 5_000;
const SLOWEST_RECONNECT_MS = 500;

/**
 * Connects to a standalone Redis that remembers used proofs. Nothing is queued, resent or retried: a claim is
 * answered within `commandTimeoutMs`, or it is a fault that the enforcement point may retry.
 * @throws Error when there is no connection within five seconds
 */
export async function connectReplayStore(
  url: string,
  commandTimeoutMs: number,
): Promise<{ readonly store: ReplayStore; close(): void }> {
  const client = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_MS,
    retryStrategy: (attempt) => Math.min(50 * attempt, SLOWEST_RECONNECT_MS),
  });
  // Every claim says itself when it failed; unheard, this event would end the process.
  client.on('error', () => undefined);
  try {
    await within(client.connect(), CONNECT_MS);
  } catch (cause) {
    client.disconnect();
    throw new Error('the redis that remembers used proofs cannot be reached', { cause });
  }
  return { store: createRedisReplayStore(client, commandTimeoutMs), close: () => client.disconnect() };
}

/** Claims that hold across replicas, one command each. The client must not queue, resend or retry by itself. */
function createRedisReplayStore(client: Redis | Cluster, commandTimeoutMs: number): ReplayStore {
  return {
    async claim(key, claimant, ttlMs) {
      let held: string | null;
      try {
        // NX with GET in one command needs Redis 7: the answer is who held the key before, or nothing.
        const set = client.set(`assent:dpop:${key}`, claimant, 'PX', ttlMs, 'NX', 'GET');
        held = await within(set, commandTimeoutMs);
      } catch (cause) {
        // It may have been applied: the same claimant's retry finds its own claim.
        throw new Fault('SESSION_STORE_UNAVAILABLE', cause);
      }
      return held === null || held === claimant;
    },
  };
}

function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
