import type { Cluster, Redis } from 'ioredis';
import { createPatience } from '../model/patience.ts';
import { Fault } from '../model/refusal.ts';
import { areAmong, joinClaimants, type ReplayStore } from './replay.ts';

/**
 * Used proofs in Redis: claims that hold across replicas, one command each. The connection is shared with the
 * sessions and stays theirs to close: no ask with a proof is decided without both, so a second one would only be
 * another thing to fail, and a claim is as small as an append.
 * @param timeoutMs milliseconds that Redis gets for a command; later it is a fault that the enforcement point may retry
 */
export function createRedisReplayStore(redis: Redis | Cluster, timeoutMs: number): ReplayStore {
  const patience = createPatience(timeoutMs);
  const nameOf = (key: string): string => `assent:dpop:${key}`;

  /** Whether whoever holds the key, as the command answers, leaves it to `claimants`. */
  async function isLeft(claimants: readonly string[], command: Promise<string | null>): Promise<boolean> {
    let held: string | null;
    try {
      held = await patience.wait(command);
    } catch (cause) {
      // A claim may have been applied: the retry of whoever is in it finds it.
      throw new Fault('SESSION_STORE_UNAVAILABLE', cause);
    }
    return held === null || areAmong(claimants, held);
  }

  return {
    // NX with GET in one command needs Redis 7: the answer is who held the key before, or nothing.
    claim: async (key, claimants, ttlMs) =>
      isLeft(claimants, redis.set(nameOf(key), joinClaimants(claimants), 'PX', ttlMs, 'NX', 'GET')),
    mayClaim: async (key, claimants) => isLeft(claimants, redis.get(nameOf(key))),
  };
}
