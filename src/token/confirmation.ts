import { timingSafeEqual } from 'node:crypto';
import type { Credential } from '../model/ask.ts';
import { isJsonObject, type JsonValue } from '../model/json.ts';
import { isDigest } from '../model/jws.ts';
import { Refusal } from '../model/refusal.ts';

/** What the presenter must show besides the token: both, where both are there. */
export interface Confirmation {
  /** RFC 9449 §6.1: thumbprint of the key that signs the proofs. */
  readonly jkt: string | undefined;
  /** RFC 8705 §3.1: thumbprint of the client certificate. */
  readonly certificate: string | undefined;
}

const KNOWN = ['jkt', 'x5t#S256'];

/** Reads `cnf` (RFC 7800 §3). A constraint that cannot be checked is not ignored: it refuses the token. */
export function readConfirmation(cnf: JsonValue | undefined, required: boolean): Confirmation {
  if (cnf === undefined) {
    if (required) throw new Refusal('token.binding', { problem: 'the issuer must bind its tokens' });
    return { jkt: undefined, certificate: undefined };
  }
  if (!isJsonObject(cnf)) throw new Refusal('token.malformed', { problem: 'cnf is not a json object' });
  const names = Object.keys(cnf);
  if (names.length === 0 || names.some((name) => !KNOWN.includes(name)))
    throw new Refusal('token.binding', { problem: 'cnf holds a constraint that is not known' });
  return { jkt: readThumbprint(cnf['jkt']), certificate: readThumbprint(cnf['x5t#S256']) };
}

function readThumbprint(value: JsonValue | undefined): string | undefined {
  if (value === undefined || isDigest(value)) return value;
  throw new Refusal('token.binding', { problem: 'cnf holds a thumbprint in another form' });
}

/** The scheme must fit the binding both ways (RFC 9449 §7.1), and the certificate must be the token's own. */
export function checkPresented(confirmation: Confirmation, credential: Credential): void {
  const { jkt, certificate } = confirmation;
  if ((credential.scheme === 'dpop') !== (jkt !== undefined))
    throw unfit(confirmation, 'the scheme does not fit the binding');
  if (certificate !== undefined && !sameThumbprint(certificate, credential.certificateThumbprint ?? ''))
    throw unfit(confirmation, 'the certificate is not the one the token is bound to');
}

/** What the token is bound to decides what helps: a proof, or its certificate. */
function unfit({ jkt, certificate }: Confirmation, problem: string): Refusal {
  const byCertificate = jkt === undefined && certificate !== undefined;
  return new Refusal('token.binding', { problem, ...(byCertificate ? { bound_to: 'certificate' } : {}) });
}

function sameThumbprint(expected: string, shown: string): boolean {
  // The expected one is 43 ASCII characters; any other form of the same bytes has another length or text.
  const bytes = Buffer.from(shown, 'utf8');
  return bytes.length === expected.length && timingSafeEqual(Buffer.from(expected, 'utf8'), bytes);
}
