/** The attacks on JSON Web Tokens that RFC 8725 and its successor list, each by its number. */
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseTokenConfig } from '../../src/token/config.ts';
import { createMemoryReplayStore } from '../../src/token/replay-memory.ts';
import { createTokenVerifier, type TokenVerifier } from '../../src/token/verify.ts';
import {
  AT,
  askWith,
  claims,
  codeOf,
  encode,
  forge,
  ISSUER,
  issuerSection,
  jwkOf,
  keySet,
  NOW,
  PAIRS,
  rawSign,
  verifierOf,
} from '../token/issuer.ts';

let verifier: TokenVerifier;
beforeAll(async () => {
  verifier = await verifierOf();
});

const code = (token: string, at = AT) => codeOf(() => verifier.verifyToken(askWith({ token }), at));
const unsigned = (header: unknown, payload: unknown = claims()) => `${encode(header)}.${encode(payload)}`;

test('the token that the attacks start from is accepted', async () => {
  expect(await code(forge())).toBe('accepted');
});

test.each(['none', 'None', 'nOnE', 'NONE', ''])(
  'J-1: alg %j with any signature is no signature',
  async (alg) => {
    const head = unsigned({ alg, kid: 'EdDSA', typ: 'at+jwt' });
    expect(await code(`${head}.`)).toBe('token.malformed');
    expect(await code(`${head}.${encode('x')}`)).toBe('token.algorithm');
  },
);

test.each(['HS256', 'HS384', 'HS512'])('J-2: %s keyed with the public key', async (alg) => {
  const signed = unsigned({ alg, kid: 'RS256', typ: 'at+jwt' });
  const secret = PAIRS.RS256.publicKey.export({ type: 'spki', format: 'pem' });
  const mac = createHmac(`sha${alg.slice(2)}`, secret)
    .update(signed)
    .digest('base64url');
  expect(await code(`${signed}.${mac}`)).toBe('token.algorithm');
});

test('J-2: one key answers to one algorithm: its set says RS256, the token says PS256', async () => {
  expect(await code(forge({ alg: 'PS256', header: { kid: 'RS256' } }))).toBe('token.algorithm');
});

test('J-2: a key of another kind does not check the token', async () => {
  expect(await code(forge({ alg: 'RS256', header: { kid: 'ES256' } }))).toBe('token.algorithm');
});

test('J-3: a weak shared secret is no key: symmetric keys in the set are left out', async () => {
  const secret = { kty: 'oct', k: encode('secret'), kid: 'weak', alg: 'HS256' };
  const { verifyToken, warnings } = await verifierOf({}, keySet([secret]));
  const signed = unsigned({ alg: 'HS256', kid: 'weak', typ: 'at+jwt' });
  const token = `${signed}.${createHmac('sha256', 'secret').update(signed).digest('base64url')}`;
  expect(await codeOf(() => verifyToken(askWith({ token }), AT))).toBe('token.algorithm');
  expect(warnings).toHaveLength(1);
});

test('J-4: an encrypted token has five segments and is not read', async () => {
  const header = encode({ alg: 'RSA-OAEP', enc: 'A256GCM', kid: 'RS256', typ: 'at+jwt' });
  expect(await code(`${header}.${encode('key')}.${encode('iv')}.${encode('text')}.${encode('tag')}`)).toBe(
    'token.malformed',
  );
});

test('J-5: a point off its curve is not a key', async () => {
  const { x } = jwkOf(PAIRS.ES256.publicKey);
  const off = { kty: 'EC', crv: 'P-256', x, y: x, kid: 'off', alg: 'ES256' };
  const { verifyToken, warnings } = await verifierOf({}, keySet([off]));
  const token = forge({ alg: 'ES256', header: { kid: 'off' } });
  expect(await codeOf(() => verifyToken(askWith({ token }), AT))).toBe('token.unknown_key');
  expect(warnings).toHaveLength(1);
});

test('J-6: nothing is decompressed', async () => {
  const bomb = `${unsigned({ alg: 'dir', enc: 'A256GCM', zip: 'DEF', typ: 'at+jwt' })}.${encode('x')}`;
  expect(await code(bomb)).toBe('token.algorithm');
});

test('J-7: no password-based algorithm runs, however many rounds it asks for', async () => {
  const head = { alg: 'PBES2-HS256+A128KW', enc: 'A256GCM', p2c: 2_147_483_647, p2s: 'salt', typ: 'at+jwt' };
  expect(await code(`${unsigned(head)}.${encode('x')}`)).toBe('token.algorithm');
});

describe('J-8: text in another encoding', () => {
  const header = JSON.stringify({ alg: 'EdDSA', kid: 'EdDSA', typ: 'at+jwt' });
  const signedBytes = (head: Buffer, body: Buffer) => {
    const signed = `${head.toString('base64url')}.${body.toString('base64url')}`;
    return `${signed}.${rawSign('EdDSA', signed).toString('base64url')}`;
  };
  const body = JSON.stringify(claims());
  test.each<[string, Buffer, Buffer]>([
    ['UTF-16 header', Buffer.from(header, 'utf16le'), Buffer.from(body)],
    ['UTF-16 payload', Buffer.from(header), Buffer.from(body, 'utf16le')],
    ['a byte order mark', Buffer.from(header), Buffer.from(`\ufeff${body}`)],
    ['Latin-1', Buffer.from(header), Buffer.from(body.replace('user-1', 'us\u00e9r'), 'latin1')],
    [
      'an overlong slash',
      Buffer.from(header),
      Buffer.concat([Buffer.from('{"iss":"'), Buffer.from([0xc0, 0xaf])]),
    ],
    ['a lone surrogate', Buffer.from(header), Buffer.from(body.replace('user-1', '\\ud800'))],
  ])('%s', async (_, head, payload) => {
    expect(await code(signedBytes(head, payload))).toBe('token.malformed');
  });
});

test.each([
  ['the header', { header: '{"alg":"EdDSA","kid":"EdDSA","typ":"at+jwt","alg":"none"}' }],
  ['the header, by an escape', { header: '{"alg":"EdDSA","kid":"EdDSA","typ":"at+jwt","\\u0061lg":"none"}' }],
  ['the payload', { payload: JSON.stringify(claims()).replace('{', '{"sub":"admin",') }],
  [
    'the payload, deep down',
    { payload: JSON.stringify(claims()).replace('"act":{', '"act":{"sub":"admin",') },
  ],
])('J-9: a member twice in %s', async (_, change) => {
  expect(await code(forge(change))).toBe('token.malformed');
});

test.each([
  [
    'the JSON form',
    (token: string) => {
      const [head, payload, signature] = token.split('.');
      return JSON.stringify({ protected: head, payload, signature });
    },
  ],
  ['a scheme before it', (token: string) => `Bearer ${token}`],
  ['two tokens', (token: string) => `${token},${token}`],
  ['a fourth segment', (token: string) => `${token}.`],
  ['two segments', (token: string) => token.slice(0, token.lastIndexOf('.'))],
  ['nothing', () => ''],
  ['dots', () => '..'],
])('J-10: %s instead of the compact form', async (_, change) => {
  expect(await code(change(forge()))).toBe('token.malformed');
});

test.each<[string, unknown, string]>([
  ['another recipient', 'https://other.example', 'token.wrong_audience'],
  ['a longer name', 'https://assent.example/', 'token.wrong_audience'],
  ['other recipients', ['https://a.example', 'https://b.example'], 'token.wrong_audience'],
  ['nobody', [], 'token.wrong_audience'],
  ['an object', { 'https://assent.example': true }, 'token.malformed'],
  ['a list with a number', ['https://assent.example', 1], 'token.malformed'],
  ['a thousand', Array.from({ length: 1000 }, () => 'https://assent.example'), 'token.malformed'],
])('J-11: a token for %s', async (_, aud, expected) => {
  expect(await code(forge({ payload: { aud } }))).toBe(expected);
});

test.each([
  'dpop+jwt',
  'secevent+jwt',
  'logout+jwt',
  'txntoken+jwt',
  'oauth-id-jag+jwt',
  'wit+jwt',
  'assent-hop+jwt',
  'JOSE',
  'application/application/at+jwt',
  'at+jwt ',
])('J-12: a token of type %s is not an access token', async (typ) => {
  expect(await code(forge({ header: { typ } }))).toBe('token.wrong_type');
});

test.each([
  ['an id token', { nonce: 'n' }],
  ['an id token with its hash', { at_hash: 'h' }],
  ['a security event', { events: {} }],
  ['a proof', { htm: 'GET', htu: 'https://a.example' }],
])('J-12: where plain tokens are taken, %s is still none', async (_, payload) => {
  const { verifyToken } = await verifierOf({ plain_jwt: true });
  const token = forge({ header: { typ: 'JWT' }, payload });
  expect(await codeOf(() => verifyToken(askWith({ token }), AT))).toBe('token.wrong_type');
});

test('J-13: a key of issuer A signs nothing for issuer B', async () => {
  const b = generateKeyPairSync('ed25519');
  const sets = new Map([
    ['a.json', keySet()],
    ['b.json', JSON.stringify({ keys: [jwkOf(b.publicKey, { kid: 'EdDSA' })] })],
  ]);
  const { verifyToken } = await createTokenVerifier({
    config: parseTokenConfig({
      issuers: [
        issuerSection({ keys: { file: 'a.json' } }),
        issuerSection({ issuer: 'https://b.example', keys: { file: 'b.json' } }),
      ],
    }),
    replay: createMemoryReplayStore(() => AT),
    log: { warn: () => undefined },
    at: AT,
    readFile: (path) => sets.get(path) ?? '',
  });
  const asB = forge({ payload: { iss: 'https://b.example' } });
  expect(await codeOf(() => verifyToken(askWith({ token: asB }), AT))).toBe('token.bad_signature');
  const asA = forge({ key: b.privateKey });
  expect(await codeOf(() => verifyToken(askWith({ token: asA }), AT))).toBe('token.bad_signature');
});

test.each([`${ISSUER}/`, ISSUER.toUpperCase(), `${ISSUER}#x`, 'https://issuer.example.evil.example'])(
  'J-13: %s is not the issuer',
  async (iss) => {
    expect(await code(forge({ payload: { iss } }))).toBe('token.unknown_issuer');
  },
);

test.each([
  '../../../../dev/null',
  "' OR '1'='1",
  '*)(uid=*))(|(uid=*',
  '$(id)',
  '__proto__',
  'constructor',
  'https://evil.example/jwks',
])('J-14: the kid %j is only a name', async (kid) => {
  expect(await code(forge({ header: { kid } }))).toBe('token.unknown_key');
});

test.each([
  ['too long', 'k'.repeat(257)],
  ['a number', 1],
  ['absent', undefined],
  ['with a NUL', 'EdDSA\0'],
])('J-14: a kid that is %s', async (_, kid) => {
  expect(await code(forge({ header: { kid } }))).toBe('token.malformed');
});

test('J-16: a key that the token brings along is not looked at', async () => {
  const own = generateKeyPairSync('ed25519');
  const header = { jwk: jwkOf(own.publicKey), x5c: ['AAAA'] };
  expect(await code(forge({ header, key: own.privateKey }))).toBe('token.bad_signature');
  expect(await code(forge({ header: { ...header, kid: 'mine' }, key: own.privateKey }))).toBe(
    'token.unknown_key',
  );
});

test.each([
  ['an unknown extension', { crit: ['x'], x: 1 }],
  ['a known name', { crit: ['alg'] }],
  ['no name', { crit: [] }],
  ['unencoded payload', { crit: ['b64'], b64: false }],
  ['unencoded payload without crit', { b64: false }],
])('J-17: %s in the header refuses the token', async (_, header) => {
  expect(await code(forge({ header }))).toBe('token.malformed');
});

describe('J-18: signatures in the wrong form', () => {
  const swap = (token: string, signature: Buffer) =>
    `${token.slice(0, token.lastIndexOf('.'))}.${signature.toString('base64url')}`;
  test.each<['ES256' | 'ES384' | 'EdDSA', number]>([
    ['ES256', 64],
    ['ES384', 96],
    ['EdDSA', 64],
  ])('%s of zeros, cut, or longer', async (alg, length) => {
    const token = forge({ alg });
    for (const size of [1, length - 1, length, length + 1, 2 * length])
      expect(await code(swap(token, Buffer.alloc(size)))).toBe('token.bad_signature');
  });
  test('DER where raw is due', async () => {
    const token = forge({ alg: 'ES256' });
    const [head, body] = token.split('.');
    const { sign } = await import('node:crypto');
    const der = sign('sha256', Buffer.from(`${head}.${body}`), PAIRS.ES256.privateKey);
    expect(await code(swap(token, der))).toBe('token.bad_signature');
  });
  test('r and s equal to the order of the group', async () => {
    const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
    expect(await code(swap(forge({ alg: 'ES256' }), Buffer.concat([order, order])))).toBe(
      'token.bad_signature',
    );
  });
  test('another payload under the same signature', async () => {
    const [head, , signature] = forge().split('.');
    expect(await code(`${head}.${encode(claims({ sub: 'admin' }))}.${signature}`)).toBe(
      'token.bad_signature',
    );
  });
});

describe('J-19: size and depth', () => {
  const deep = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as unknown;
  test.each([
    ['a token past 16 KiB', { payload: { padding: 'x'.repeat(16_384) } }],
    ['a deep header', { header: { x: deep(9) } }],
    ['a deep payload', { payload: { x: deep(20) } }],
    ['five hundred scopes', { payload: { scope: 'a '.repeat(500) } }],
  ])('%s', async (_, change) => {
    expect(await code(forge(change))).toBe('token.malformed');
  });
  test('brackets without end', async () => {
    expect(await code(forge({ header: '['.repeat(8000) }))).toBe('token.malformed');
  });
});

describe('J-20: claims of time', () => {
  const body = JSON.stringify(claims());
  const withExp = (literal: string) => body.replace(`"exp":${NOW + 300}`, `"exp":${literal}`);
  test.each<[string, string | Record<string, unknown>, string]>([
    ['no exp', { exp: undefined }, 'token.missing_claim'],
    ['no iat', { iat: undefined }, 'token.missing_claim'],
    ['exp in words', { exp: `${NOW + 300}` }, 'token.malformed'],
    ['exp null', { exp: null }, 'token.malformed'],
    ['exp negative', { exp: -1 }, 'token.malformed'],
    ['a fraction', { exp: NOW + 300.5 }, 'token.malformed'],
    ['a million years', { exp: 1e13 }, 'token.malformed'],
    ['1e400', withExp('1e400'), 'token.malformed'],
    ['past 2^53', withExp('9007199254740993'), 'token.malformed'],
    ['NaN', withExp('NaN'), 'token.malformed'],
    ['iat far ahead', { iat: NOW + 100_000, exp: NOW + 100_010 }, 'token.not_yet_valid'],
    ['nbf in words', { nbf: 'now' }, 'token.malformed'],
  ])('%s', async (_, payload, expected) => {
    expect(await code(forge({ payload }))).toBe(expected);
  });
  test.each(['aud', 'sub', 'client_id', 'jti', 'iss'])('an access token without %s', async (claim) => {
    expect(await code(forge({ payload: { [claim]: undefined } }))).toBe('token.missing_claim');
  });
});

test('J-22: further recipients are no harm, if we are one of them', async () => {
  expect(await code(forge({ payload: { aud: ['https://other.example', 'https://assent.example'] } }))).toBe(
    'accepted',
  );
});

test.each([
  ['the name of another curve', { alg: 'EdDSA', kid: 'ES256' }, 'token.algorithm'],
  ['Ed448', { alg: 'Ed448' }, 'token.algorithm'],
])('J-25: EdDSA means Ed25519 here: %s', async (_, header, expected) => {
  expect(await code(forge({ header }))).toBe(expected);
});

test('J-25: an issuer that is not configured for EdDSA may not use it', async () => {
  const { verifyToken } = await verifierOf({ algorithms: ['RS256'] });
  expect(await codeOf(() => verifyToken(askWith({ token: forge() }), AT))).toBe('token.algorithm');
  expect(await codeOf(() => verifyToken(askWith({ token: forge({ alg: 'RS256' }) }), AT))).toBe('accepted');
});

describe('J-26: one token has one spelling', () => {
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  test.each<[string, (token: string) => string]>([
    ['padding', (token) => `${token}==`],
    ['a blank', (token) => `${token} `],
    ['a line break', (token) => token.replace('.', '.\n')],
    // 64 bytes leave four spare bits in the last character, which decoders drop.
    ['other spare bits', (token) => token.slice(0, -1) + ALPHABET[ALPHABET.indexOf(token.at(-1) ?? '') + 1]],
    ['the other alphabet', (token) => token.replaceAll('-', '+').replaceAll('_', '/')],
    ['a percent escape', (token) => token.replace('e', '%65')],
  ])('%s', async (_, change) => {
    let token = forge();
    // The other alphabet shows only where the signature uses the letters that differ.
    for (let i = 0; !/[-_]/.test(token); i += 1) token = forge({ payload: { jti: `t-${i}` } });
    expect(change(token)).not.toBe(token);
    expect(await code(change(token))).toBe('token.malformed');
  });
});

describe('J-27: ids that look like other ids', () => {
  test.each([
    ['a NUL', 'admin\0'],
    ['a line break', 'admin\nrole: root'],
    ['an escape sequence', '\u001b[2Jadmin'],
    ['a right-to-left override', 'admin\u202e'],
    ['a zero-width space', 'ad\u200bmin'],
    ['nothing', ''],
    ['too much', 'a'.repeat(257)],
    ['a number', 7],
    ['a list', ['admin']],
  ])('%s', async (_, sub) => {
    expect(await code(forge({ payload: { sub } }))).toBe('token.malformed');
  });
  test('what only looks alike stays another id', async () => {
    const caller = await verifier.verifyToken(askWith({ token: forge({ payload: { sub: 'аdmin' } }) }), AT);
    expect(caller.subject.id).not.toBe('admin');
    expect(caller.subject.id).toBe('аdmin');
  });
});

test('a refusal repeats nothing of the token', async () => {
  const secrets = forge({ payload: { sub: 'secret\0subject' } });
  const refusal = await Promise.resolve()
    .then(() => verifier.verifyToken(askWith({ token: secrets }), AT))
    .catch((cause: unknown) => JSON.stringify(cause));
  expect(refusal).toContain('token.malformed');
  expect(refusal).not.toContain('secret');
});
