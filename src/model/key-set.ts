import type { KeyObject } from 'node:crypto';
import { isPlainText } from './identity.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from './json.ts';
import { type Algorithm, algorithmsOf, importPublicJwk, isAlgorithm } from './jwk.ts';

/** A key that may check signatures, and with what. */
export interface VerificationKey {
  readonly key: KeyObject;
  /** What the key's kind can do, cut down to the JWK's own `alg` where it has one. */
  readonly algorithms: readonly Algorithm[];
}

export interface KeySet {
  readonly keys: ReadonlyMap<string, VerificationKey>;
  /** Why a member of the set was left out: worth an alarm, a set should hold nothing that we must not use. */
  readonly dropped: readonly string[];
}

const MOST_KEYS = 200;
export const MAX_KID = 256;
const SET_DEPTH = 8;

/**
 * Reads a JWK set (RFC 7517 §5) strictly. Members that must not check a signature are left out, and so is every
 * bearer of a `kid` that is there twice: a name has one key or none.
 * @throws Error when the whole is no key set
 */
export function readKeySet(source: Uint8Array | string): KeySet {
  const document = parseJson(source, { maxDepth: SET_DEPTH });
  const members = isJsonObject(document) ? document['keys'] : undefined;
  if (!Array.isArray(members)) throw new Error('is not a key set');
  if (members.length > MOST_KEYS) throw new Error(`has more than ${MOST_KEYS} keys`);
  const keys = new Map<string, VerificationKey>();
  const twice = new Set<string>();
  const dropped: string[] = [];
  for (const [index, member] of members.entries()) {
    const read = readMember(member);
    if ('problem' in read) {
      dropped.push(`key ${index} ${read.problem}`);
      continue;
    }
    if (keys.has(read.kid)) twice.add(read.kid);
    keys.set(read.kid, read);
  }
  for (const kid of twice) keys.delete(kid);
  if (twice.size > 0) dropped.push(`${twice.size} kid is there more than once`);
  return { keys, dropped };
}

function readMember(
  member: JsonValue,
): (VerificationKey & { readonly kid: string }) | { readonly problem: string } {
  const imported = importPublicJwk(member);
  if ('problem' in imported) return imported;
  const { kid, alg } = member as JsonObject;
  if (!isPlainText(kid, MAX_KID)) return { problem: 'has no kid' };
  const able = algorithmsOf(imported.key);
  if (alg === undefined) return { kid, key: imported.key, algorithms: able };
  // RFC 9864 names the curve; for these keys it is the same algorithm.
  const named = alg === 'Ed25519' ? 'EdDSA' : alg;
  if (!isAlgorithm(named) || !able.includes(named))
    return { problem: 'names an algorithm that is not its own' };
  return { kid, key: imported.key, algorithms: [named] };
}
