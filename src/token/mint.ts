import { createPrivateKey, createPublicKey, hash, type JsonWebKey, KeyObject } from 'node:crypto';
import { type JWK, type JWTPayload, SignJWT } from 'jose';

export interface MintToken {
  readonly privateKey: JWK | KeyObject;
  readonly kid: string;
  readonly alg: string;
  /** Signed as they are. */
  readonly claims: JWTPayload;
  /** Default `at+jwt`. */
  readonly typ?: string;
}

/** Signs an access token (RFC 9068): for the development issuer, the command line and tests. */
export function mintAccessToken({
  privateKey,
  kid,
  alg,
  claims,
  typ = 'at+jwt',
}: MintToken): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg, kid, typ }).sign(asPrivateKey(privateKey));
}

export interface MintProof {
  readonly privateKey: JWK | KeyObject;
  readonly alg: string;
  readonly method: string;
  /** Without query and fragment. */
  readonly url: string;
  /** The access token that the proof goes with. */
  readonly token: string;
  readonly jti: string;
  /** Unix seconds. */
  readonly iat: number;
}

/** Signs a proof of possession (RFC 9449 §4.2) for one request with one token. */
export function mintDpopProof({ privateKey, alg, method, url, token, jti, iat }: MintProof): Promise<string> {
  const key = asPrivateKey(privateKey);
  const jwk = createPublicKey(key).export({ format: 'jwk' }) as JWK;
  const claims = { jti, htm: method, htu: url, iat, ath: hash('sha256', token, 'base64url') };
  return new SignJWT(claims).setProtectedHeader({ alg, typ: 'dpop+jwt', jwk }).sign(key);
}

function asPrivateKey(key: JWK | KeyObject): KeyObject {
  return key instanceof KeyObject ? key : createPrivateKey({ key: { ...key } as JsonWebKey, format: 'jwk' });
}
