/** Attacks on tokens bound to a client certificate (RFC 8705) and on `cnf` as such (RFC 7800). */
import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { AT, askWith, codeOf, forge, verifierOf } from '../token/issuer.ts';

const OWN = hash('sha256', 'own certificate', 'base64url');
const OTHER = hash('sha256', 'other certificate', 'base64url');
const standard = (digest: string) => Buffer.from(digest, 'base64url').toString('base64');

const present = async (cnf: unknown, certificateThumbprint?: string, issuer = {}) => {
  const { verifyToken } = await verifierOf(issuer);
  const shown = certificateThumbprint === undefined ? {} : { certificateThumbprint };
  return verifyToken(askWith({ token: forge({ payload: { cnf } }), ...shown }), AT);
};

test('the certificate that the token names is accepted', async () => {
  const caller = await present({ 'x5t#S256': OWN }, OWN);
  expect(caller).toMatchObject({ binding: OWN, auth: { method: 'certificate', bound: true } });
});

describe('what is shown', () => {
  test.each<[string, string | undefined]>([
    ['no certificate', undefined],
    ['another certificate', OTHER],
    ['an empty thumbprint', ''],
    ['a padded thumbprint', `${OWN}=`],
    ['a thumbprint in the standard alphabet, padded', standard(OWN)],
    ['a hexadecimal thumbprint', Buffer.from(OWN, 'base64url').toString('hex')],
    ['a thumbprint in other letters', OWN.toUpperCase()],
    ['a thumbprint as long in characters, longer in bytes', `${OWN.slice(0, -1)}é`],
  ])('%s', async (_, shown) => {
    expect(await codeOf(() => present({ 'x5t#S256': OWN }, shown))).toBe('token.binding');
  });
});

describe('what the token says', () => {
  test.each<[string, unknown, string]>([
    ['a padded thumbprint', { 'x5t#S256': `${OWN}=` }, 'token.binding'],
    ['a short one', { 'x5t#S256': OWN.slice(0, -1) }, 'token.binding'],
    ['a number', { 'x5t#S256': 1 }, 'token.binding'],
    ['null', { 'x5t#S256': null }, 'token.binding'],
    ['the SHA-1 form', { x5t: OWN }, 'token.binding'],
    ['a constraint that is not known', { 'x5t#S256': OWN, jwe: 'x' }, 'token.binding'],
    ['a key instead of its thumbprint', { jwk: {} }, 'token.binding'],
    ['no constraint', {}, 'token.binding'],
    ['a list', [], 'token.malformed'],
    ['a string', OWN, 'token.malformed'],
  ])('%s', async (_, cnf, code) => {
    expect(await codeOf(() => present(cnf, OWN))).toBe(code);
  });
});

test('a stolen token that was verified for its owner is refused to the thief', async () => {
  const { verifyToken } = await verifierOf();
  const token = forge({ payload: { cnf: { 'x5t#S256': OWN } } });
  await verifyToken(askWith({ token, certificateThumbprint: OWN }), AT);
  expect(await codeOf(() => verifyToken(askWith({ token, certificateThumbprint: OTHER }), AT))).toBe(
    'token.binding',
  );
  expect(await codeOf(() => verifyToken(askWith({ token }), AT))).toBe('token.binding');
});

test('an issuer that must bind its tokens is held to it', async () => {
  const bound = { require_bound: true };
  expect(await codeOf(() => present(undefined, OWN, bound))).toBe('token.binding');
  expect(await codeOf(() => present({ 'x5t#S256': OWN }, OWN, bound))).toBe('accepted');
});
