import { Fault } from '../model/refusal.ts';
import { areAmong, joinClaimants, type ReplayStore } from './replay.ts';

/** About 200 bytes each and 23 for every further claimant; at 1,000 proofs a second a window of 90 s holds 90,000. */
const MOST_CLAIMS = 500_000;

/** Forgets with the process: one replica only. `now` gives Unix ms. */
export function createMemoryReplayStore(now: () => number, most: number = MOST_CLAIMS): ReplayStore {
  const claims = new Map<string, { readonly claimants: string; readonly until: number }>();
  return {
    async claim(key, claimants, ttlMs) {
      const at = now();
      const held = claims.get(key);
      if (held !== undefined && held.until > at) return areAmong(claimants, held.claimants);
      if (claims.size >= most) forgetPast(claims, at);
      // A live claim is never dropped for room: dropping one is how a replay gets in.
      if (claims.size >= most)
        throw new Fault('SESSION_STORE_UNAVAILABLE', new Error('too many live proofs'));
      claims.set(key, { claimants: joinClaimants(claimants), until: at + ttlMs });
      return true;
    },
    async mayClaim(key, claimants) {
      const held = claims.get(key);
      return held === undefined || held.until <= now() || areAmong(claimants, held.claimants);
    },
  };
}

function forgetPast(claims: Map<string, { readonly until: number }>, at: number): void {
  for (const [key, { until }] of claims) if (until <= at) claims.delete(key);
}
