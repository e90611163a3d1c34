import { createPublicKey, type KeyObject } from 'node:crypto';
import type { JsonObject, JsonValue } from './json.ts';

/** Everything that may sign here. No symmetric algorithm: who can check must not be able to sign. */
export const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === 'string' && (ALGORITHMS as readonly string[]).includes(name);
}

/** RFC 7518 §6: any of these makes a key a private or a symmetric one. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const SMALLEST_RSA_BITS = 2048;
/** Past it one check takes long enough to be a weapon. */
const LARGEST_RSA_BITS = 8192;

/** A public key that may check signatures, or what is wrong with it (lower case, without its content). */
export type ImportedKey =
  | { readonly key: KeyObject; readonly public: Readonly<Record<string, string>> }
  | { readonly problem: string };

/**
 * Imports one public JWK (RFC 7517): RSA of 2048…8192 bits, P-256, P-384 or Ed25519, meant for signatures, on
 * its curve (OpenSSL checks the point), its members in the one canonical encoding, nothing secret in it.
 */
export function importPublicJwk(jwk: JsonValue | undefined): ImportedKey {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk))
    return { problem: 'is not a json object' };
  const members = jwk as JsonObject;
  if (SECRET_MEMBERS.some((name) => members[name] !== undefined))
    return { problem: 'holds a private member' };
  if (members['use'] !== undefined && members['use'] !== 'sig')
    return { problem: 'is not meant for signatures' };
  const operations = members['key_ops'];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return { problem: 'is not meant for verifying' };
  return importChecked(members);
}

function importChecked(members: JsonObject): ImportedKey {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: { ...members }, format: 'jwk' });
  } catch {
    // OpenSSL's words may quote the key; that it is unusable says enough.
    return { problem: 'is not a key' };
  }
  if (algorithmsOf(key).length === 0) return { problem: 'is of a kind or size that is not accepted' };
  const exported = key.export({ format: 'jwk' }) as Record<string, string>;
  // Two spellings of one key would have two thumbprints (RFC 7638 §3.4).
  if (Object.keys(exported).some((name) => exported[name] !== members[name]))
    return { problem: 'is not in canonical form' };
  return { key, public: exported };
}

/** What a key of this kind can check; empty for kinds and sizes that are not accepted. */
export function algorithmsOf(key: KeyObject): readonly Algorithm[] {
  const { modulusLength, publicExponent, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa': {
      const bits = modulusLength ?? 0;
      const exponent = publicExponent ?? 0n;
      const sound =
        bits >= SMALLEST_RSA_BITS && bits <= LARGEST_RSA_BITS && exponent >= 3n && exponent < 2n ** 33n;
      return sound ? ['RS256', 'PS256'] : [];
    }
    case 'ec':
      return namedCurve === 'prime256v1' ? ['ES256'] : namedCurve === 'secp384r1' ? ['ES384'] : [];
    case 'ed25519':
      return ['EdDSA'];
    default:
      return [];
  }
}
