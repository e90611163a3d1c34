import type { DatabaseSync } from 'node:sqlite';
import { Fault } from '../model/refusal.ts';
import { areAmong, joinClaimants, type ReplayStore } from './replay.ts';

// `claimant` holds all of them.
const TABLE = `CREATE TABLE IF NOT EXISTS dpop_claim (
  key TEXT PRIMARY KEY, claimant TEXT NOT NULL, until INTEGER NOT NULL
) WITHOUT ROWID`;
const INDEX = 'CREATE INDEX IF NOT EXISTS dpop_claim_until ON dpop_claim (until)';
const CLAIM = `INSERT INTO dpop_claim (key, claimant, until) VALUES (:key, :claimant, :until)
  ON CONFLICT (key) DO UPDATE SET claimant = excluded.claimant, until = excluded.until
  WHERE dpop_claim.until <= :at RETURNING claimant`;
const HELD = 'SELECT claimant FROM dpop_claim WHERE key = ? AND until > ?';
const FORGET = 'DELETE FROM dpop_claim WHERE until <= ?';
const FORGET_EVERY = 256;

/**
 * Claims in the embedded database: they survive a restart as far as its own `synchronous` setting promises.
 * The tables are made when absent. `now` gives Unix ms.
 */
export function createSqliteReplayStore(database: DatabaseSync, now: () => number): ReplayStore {
  database.exec(`${TABLE}; ${INDEX}`);
  const [insert, held, forget] = [database.prepare(CLAIM), database.prepare(HELD), database.prepare(FORGET)];
  let claims = 0;
  return {
    async claim(key, claimants, ttlMs) {
      const at = now();
      try {
        // One statement decides; a crash after it leaves a claim whose claimants may claim it again.
        const claimant = joinClaimants(claimants);
        if (insert.get({ key, claimant, until: at + ttlMs, at }) === undefined)
          return areAmong(claimants, String(held.get(key, at)?.['claimant']));
        claims += 1;
        if (claims % FORGET_EVERY === 0) forget.run(at);
        return true;
      } catch (cause) {
        throw new Fault('SESSION_STORE_UNAVAILABLE', cause);
      }
    },
    async mayClaim(key, claimants) {
      try {
        const holders = held.get(key, now())?.['claimant'];
        return holders === undefined || areAmong(claimants, String(holders));
      } catch (cause) {
        throw new Fault('SESSION_STORE_UNAVAILABLE', cause);
      }
    },
  };
}
