/** Everything keyed: digests of entries, fingerprints, execution keys. One fleet key, one derived key for each purpose. */
import { createHmac, hash, hkdfSync } from 'node:crypto';
import { canonicalJson } from '../model/json.ts';
import { createKeyedDigest, type KeyedDigest } from '../model/keyed-digest.ts';
import type { Head } from '../model/session.ts';

export interface SessionKeys {
  /** Stands in every entry and snapshot, so that an entry made under another key is known as such. */
  readonly id: string;
  /** Digest of an entry, bound to its log, its place and its predecessor: base64url. */
  sealEntry(log: string, before: Head, payload: string): string;
  /** MAC of a snapshot's body, bound to its log and head: base64url. */
  sealSnapshot(log: string, head: Head, body: string): string;
  /** MAC of what the name of an open key holds, bound to tenant, enforcement point and key: base64url. */
  sealName(name: readonly [tenant: string, pep: string, openKey: string], text: string): string;
  /** Stands for a business identity without telling it. */
  fingerprint(log: string, text: string): string;
  /** Stable for one effect of one session. */
  executionKey(log: string, effect: string): string;
  /** Stands in an entry for the input that policy judged. */
  digestInput: KeyedDigest;
  /** Equal for retries of one cause: session, action and first reason. */
  causeId(log: string, action: string, code: string): string;
}

/**
 * @param fleetKey at least 32 secret bytes, the same on every replica, unknown to the store
 * @throws TypeError when the key is too short to be one
 */
export function createSessionKeys(fleetKey: Buffer, id: string): SessionKeys {
  if (fleetKey.length < 32) throw new TypeError('the fleet key needs at least 32 bytes');
  const derive = (purpose: string): Mac =>
    createMac(Buffer.from(hkdfSync('sha256', fleetKey, '', `assent/session/${purpose}`, 32)));
  const entry = derive('entry');
  const snapshot = derive('snapshot');
  const name = derive('name');
  const fingerprint = createKeyedDigest(fleetKey, 'fingerprint');
  const execution = createKeyedDigest(fleetKey, 'execution');
  const cause = createKeyedDigest(fleetKey, 'cause');
  // The parts before the last never hold a line feed, so no two inputs give the same text.
  return {
    id,
    sealEntry: (log, before, payload) => entry(`${log}\n${before.version + 1}\n${before.digest}\n`, payload),
    sealSnapshot: (log, head, body) => snapshot(`${log}\n${head.version}\n${head.digest}\n`, body),
    sealName: (parts, text) => name(`${canonicalJson(parts)}\n`, text),
    fingerprint: (log, text) => fingerprint(`${log}\n${text}`),
    digestInput: createKeyedDigest(fleetKey, 'input'),
    executionKey: (log, effect) => execution(`${log}\n${effect}`),
    causeId: (log, action, code) => cause(`${log}\n${code}\n${action}`),
  };
}

/** Of two texts run together. They stay apart so that the longer is not copied once more to join them. */
type Mac = (head: string, body: string) => string;

const BLOCK = 64;
const scratch = Buffer.alloc(64 * 1024);

/**
 * HMAC-SHA-256 (RFC 2104) as base64url over two one-shot hashes: 2.0 µs for 1.2 KB where `createHmac` takes
 * 12.6 µs, because no hash object is made. Texts past the scratch buffer go the plain way.
 */
export function createMac(key: Buffer): Mac {
  const inner = Buffer.alloc(BLOCK, 0x36);
  const outer = Buffer.alloc(BLOCK + 32, 0x5c);
  for (const [i, byte] of key.entries()) {
    inner.writeUInt8(0x36 ^ byte, i);
    outer.writeUInt8(0x5c ^ byte, i);
  }
  return (head, body) => {
    if ((head.length + body.length) * 3 > scratch.length - BLOCK)
      return createHmac('sha256', key).update(head).update(body).digest('base64url');
    inner.copy(scratch);
    const middle = BLOCK + scratch.write(head, BLOCK, 'utf8');
    const end = middle + scratch.write(body, middle, 'utf8');
    hash('sha256', scratch.subarray(0, end), 'buffer').copy(outer, BLOCK);
    return hash('sha256', outer, 'base64url');
  };
}
