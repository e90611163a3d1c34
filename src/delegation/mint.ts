import { createPrivateKey, hash, type JsonWebKey, KeyObject } from 'node:crypto';
import { type JWK, SignJWT } from 'jose';
import type { Identity } from '../model/mandate.ts';
import { HOP_TYPE } from './hop.ts';

export interface MintHop {
  /** The delegator's. */
  readonly privateKey: JWK | KeyObject;
  readonly kid: string;
  readonly alg: string;
  readonly tenant: string;
  readonly delegator: Identity;
  /** `jkt`: the next hop must be signed with that key; under the last hop, the token be bound to it. */
  readonly delegate: Identity & { readonly jkt?: string };
  /** The opening's `mandateDigest`. */
  readonly mandate: string;
  /** The opening mandate's type of task. */
  readonly task: string;
  readonly actions: readonly string[];
  /** Budget → decimal string; a budget left out stays as the parent had it. */
  readonly limits: Readonly<Record<string, string>>;
  readonly jti: string;
  /** Unix seconds. */
  readonly iat: number;
  readonly exp: number;
  /** The hop that gave the delegator its authority, compact; absent: this one is the root. */
  readonly parent?: string;
}

/** Signs one hop (see `Hop` for its claims): for the command line, the demo and tests. It checks nothing. */
export function mintHop({ privateKey, kid, alg, parent, ...claims }: MintHop): Promise<string> {
  const key =
    privateKey instanceof KeyObject
      ? privateKey
      : createPrivateKey({ key: { ...privateKey } as JsonWebKey, format: 'jwk' });
  const payload = parent === undefined ? claims : { ...claims, prt: hash('sha256', parent, 'base64url') };
  return new SignJWT({ ...payload }).setProtectedHeader({ alg, kid, typ: HOP_TYPE }).sign(key);
}
