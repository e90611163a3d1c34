import { constants, type KeyObject, verify } from 'node:crypto';
import { isJsonObject, JsonError, type JsonObject, parseJson } from './json.ts';
import { type Algorithm, algorithmsOf } from './jwk.ts';

/** One compact JWS (RFC 7515 §7.1), read strictly; nothing in it is verified yet. */
export interface CompactJws {
  readonly header: JsonObject;
  readonly payload: JsonObject;
  /** ASCII of `header.payload`, as it was signed. */
  readonly signed: string;
  readonly signature: Buffer;
}

/** The text is no compact JWS that two readers would understand alike. `problem` repeats nothing of it. */
export class JwsError extends Error {
  readonly problem: string;
  constructor(problem: string) {
    super(problem);
    this.problem = problem;
  }
}

const HEADER_DEPTH = 8;
/** Eight nested actors, and a little around them. */
const PAYLOAD_DEPTH = 16;

/**
 * Reads a compact JWS of at most `maxLength` characters: three segments in the one canonical base64url, a
 * header and a payload of strict JSON objects, no extension in force (RFC 7515 §4.1.11, RFC 7797).
 * @throws JwsError
 */
export function readCompactJws(text: string, maxLength: number): CompactJws {
  if (text.length > maxLength) throw new JwsError('is too long');
  const first = text.indexOf('.');
  const second = text.indexOf('.', first + 1);
  if (first < 1 || second < 0 || text.includes('.', second + 1))
    throw new JwsError('does not have three segments');
  const header = readObject(text.slice(0, first), 'header', HEADER_DEPTH);
  // No extension is understood here, so none may be critical; `b64` would change what was signed.
  if ('crit' in header || 'b64' in header) throw new JwsError('has a critical header');
  const payload = readObject(text.slice(first + 1, second), 'payload', PAYLOAD_DEPTH);
  const signature = readSegment(text.slice(second + 1), 'signature');
  return { header, payload, signed: text.slice(0, second), signature };
}

function readObject(segment: string, name: string, maxDepth: number): JsonObject {
  try {
    const value = parseJson(readSegment(segment, name), { maxDepth });
    if (isJsonObject(value)) return value;
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    // The path may hold the attacker's member names; the problem alone never does.
    throw new JwsError(`${name} ${cause.message}`);
  }
  throw new JwsError(`${name} is not a json object`);
}

/** Decoders skip padding, blanks and stray last bits: encoding again shows whether anything was skipped. */
function readSegment(segment: string, name: string): Buffer {
  const bytes = Buffer.from(segment, 'base64url');
  if (bytes.length === 0 || bytes.toString('base64url') !== segment)
    throw new JwsError(`${name} is not canonical base64url`);
  return bytes;
}

/** True for the canonical base64url of 32 bytes, without padding: a SHA-256 as JOSE writes it. */
export function isDigest(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length === 43 &&
    Buffer.from(value, 'base64url').toString('base64url') === value
  );
}

/** Octets of a raw signature (RFC 7518 §3.4, RFC 8032 §5.1.6); DER in its place has another length. */
const RAW_LENGTH: Partial<Record<Algorithm, number>> = { ES256: 64, ES384: 96, EdDSA: 64 };

/** Checks the signature with one key and one algorithm, which the caller chose, never the token. */
export function verifyJws(jws: CompactJws, algorithm: Algorithm, key: KeyObject): boolean {
  const length = RAW_LENGTH[algorithm];
  if (length !== undefined && jws.signature.length !== length) return false;
  if (!algorithmsOf(key).includes(algorithm)) return false;
  const data = Buffer.from(jws.signed, 'latin1');
  switch (algorithm) {
    case 'RS256':
      return verify('sha256', data, { key, padding: constants.RSA_PKCS1_PADDING }, jws.signature);
    case 'PS256': {
      const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
      return verify(
        'sha256',
        data,
        { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength },
        jws.signature,
      );
    }
    case 'ES256':
      return verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, jws.signature);
    case 'ES384':
      return verify('sha384', data, { key, dsaEncoding: 'ieee-p1363' }, jws.signature);
    case 'EdDSA':
      return verify(null, data, key, jws.signature);
  }
}
