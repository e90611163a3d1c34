/** What a challenge asks for where a token was not shown as it is bound: what would help, and nothing else. */
import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Credential } from '../../src/model/ask.ts';
import { Refusal } from '../../src/model/refusal.ts';
import { AT, askWith, forge, PAIRS, thumbprint, verifierOf } from './issuer.ts';

const OWN = hash('sha256', 'own certificate', 'base64url');
const OTHER = hash('sha256', 'other certificate', 'base64url');
const JKT = thumbprint(PAIRS.ES256.publicKey);

async function challengeOf(cnf: unknown, shown: Partial<Credential>, issuer = {}): Promise<string> {
  const { verifyToken, challengeFor } = await verifierOf(issuer);
  try {
    await verifyToken(askWith({ token: forge({ payload: { cnf } }), ...shown }), AT);
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    expect(cause.reason.code).toBe('token.binding');
    return challengeFor(cause.reason);
  }
  throw new Error('the token was taken');
}

const BY_CERTIFICATE = { 'x5t#S256': OWN };
const BY_KEY = { jkt: JKT };
const BY_BOTH = { jkt: JKT, 'x5t#S256': OWN };

test.each<[string, unknown, Partial<Credential>]>([
  ['without its certificate', BY_CERTIFICATE, {}],
  ['with another certificate', BY_CERTIFICATE, { certificateThumbprint: OTHER }],
  ['with a proof in the place of its certificate', BY_CERTIFICATE, { scheme: 'dpop', proof: 'a.b.c' }],
])('a token bound to a certificate and shown %s is not asked for a proof', async (_, cnf, shown) => {
  expect(await challengeOf(cnf, shown)).toBe(
    'Bearer error="invalid_token", error_description="the token is bound to a key or certificate that was not shown"',
  );
});

test.each<[string, unknown, Partial<Credential>, object]>([
  ['bound to a key and shown without a proof', BY_KEY, {}, {}],
  ['bound to both and shown with neither', BY_BOTH, {}, {}],
  ['bound to both and shown with another certificate', BY_BOTH, { scheme: 'dpop' }, {}],
  ['bound to nothing and shown with a proof', undefined, { scheme: 'dpop', proof: 'a.b.c' }, {}],
  ['bound to nothing where it must be', undefined, {}, { require_bound: true }],
])('a token %s is asked for a proof, and told the algorithms', async (_, cnf, shown, issuer) => {
  const challenge = await challengeOf(cnf, shown, issuer);
  expect(challenge).toMatch(/^DPoP error="invalid_token", .*, algs="ES256 EdDSA Ed25519 PS256"$/);
});
