/** Attacks on tokens bound to a key, and on the proofs that go with them (RFC 9449). */
import { generateKeyPairSync, hash, type KeyObject } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Ask, Credential } from '../../src/model/ask.ts';
import { Fault } from '../../src/model/refusal.ts';
import { parseTokenConfig } from '../../src/token/config.ts';
import { mintDpopProof } from '../../src/token/mint.ts';
import type { ReplayStore } from '../../src/token/replay.ts';
import { createMemoryReplayStore } from '../../src/token/replay-memory.ts';
import { createTokenVerifier, type TokenVerifier } from '../../src/token/verify.ts';
import {
  type Alg,
  AT,
  askWith,
  codeOf,
  encode,
  forge,
  issuerSection,
  jwkOf,
  keySet,
  NOW,
  rawSign,
  thumbprint,
} from '../token/issuer.ts';

type Json = Record<string, unknown>;
const URL_ = 'https://tools.example/pay';
const holder = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const thief = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const TOKEN = forge({ payload: { cnf: { jkt: thumbprint(holder.publicKey) } } });

let replay: ReplayStore;
let verifier: TokenVerifier;
const start = (store: ReplayStore) =>
  createTokenVerifier({
    config: parseTokenConfig({ issuers: [issuerSection()] }),
    replay: store,
    log: { warn: () => undefined },
    at: AT,
    readFile: () => keySet(),
  });
beforeEach(async () => {
  replay = createMemoryReplayStore(() => AT);
  verifier = await start(replay);
});

interface Proof {
  readonly header?: Json | string;
  readonly payload?: Json | string;
  readonly alg?: Alg;
  readonly key?: KeyObject;
}

function prove({ header = {}, payload = {}, alg = 'ES256', key = holder.privateKey }: Proof = {}): string {
  const head =
    typeof header === 'string' ? header : { typ: 'dpop+jwt', alg, jwk: jwkOf(holder.publicKey), ...header };
  const ath = hash('sha256', TOKEN, 'base64url');
  const body =
    typeof payload === 'string' ? payload : { jti: 'p-1', htm: 'POST', htu: URL_, iat: NOW, ath, ...payload };
  const signed = `${encode(head)}.${encode(body)}`;
  return `${signed}.${rawSign(alg, signed, key).toString('base64url')}`;
}

function show(proof: string, changes: Partial<Credential> = {}, ask: Partial<Ask> = {}): Ask {
  return askWith({ scheme: 'dpop', token: TOKEN, method: 'POST', url: URL_, proof, ...changes }, ask);
}
const code = (ask: Ask, at = AT) => codeOf(() => verifier.verifyToken(ask, at));

test('the holder of the key is accepted, and bound to it', async () => {
  expect(await verifier.verifyToken(show(prove()), AT)).toMatchObject({
    binding: thumbprint(holder.publicKey),
    auth: { method: 'dpop', bound: true },
  });
});

test('a proof minted by the library is accepted', async () => {
  const proof = await mintDpopProof({
    privateKey: holder.privateKey,
    alg: 'ES256',
    method: 'POST',
    url: URL_,
    token: TOKEN,
    jti: 'p-2',
    iat: NOW,
  });
  expect(await code(show(proof))).toBe('accepted');
});

test.each<[Alg | 'Ed25519', ReturnType<typeof generateKeyPairSync>]>([
  ['PS256', generateKeyPairSync('rsa', { modulusLength: 2048 }) as never],
  ['EdDSA', generateKeyPairSync('ed25519') as never],
  ['Ed25519', generateKeyPairSync('ed25519') as never],
])('a proof signed with %s is accepted', async (alg, pair) => {
  const { publicKey, privateKey } = pair as unknown as { publicKey: KeyObject; privateKey: KeyObject };
  const token = forge({ payload: { cnf: { jkt: thumbprint(publicKey) } } });
  const proof = prove({
    alg: alg === 'Ed25519' ? 'EdDSA' : alg,
    header: { alg, jwk: jwkOf(publicKey) },
    payload: { ath: hash('sha256', token, 'base64url') },
    key: privateKey,
  });
  expect(await code(show(proof, { token }))).toBe('accepted');
});

test('the published vector of a thumbprint and of ath holds', () => {
  // Known answers for RFC 7638 §3 and RFC 9449 §4.2, computed apart from this code.
  const canonical =
    '{"crv":"P-256","kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}';
  expect(hash('sha256', canonical, 'base64url')).toBe('0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I');
  const token = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';
  expect(hash('sha256', token, 'base64url')).toBe('fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo');
});

describe('DPOP-1: the scheme fits the binding both ways', () => {
  test('a bound token as bearer', async () => {
    expect(await code(askWith({ token: TOKEN }))).toBe('token.binding');
  });
  test('a bound token as bearer, with a good proof beside it', async () => {
    expect(await code(show(prove(), { scheme: 'bearer' }))).toBe('token.binding');
  });
  test('a token without binding as DPoP', async () => {
    expect(await code(show(prove(), { token: forge() }))).toBe('token.binding');
  });
  test('a token bound to a certificate only, as DPoP', async () => {
    const cnf = { 'x5t#S256': hash('sha256', 'certificate', 'base64url') };
    const token = forge({ payload: { cnf } });
    expect(await code(show(prove(), { token, certificateThumbprint: cnf['x5t#S256'] }))).toBe(
      'token.binding',
    );
  });
  test('a bound token that was accepted a moment ago, as bearer', async () => {
    expect(await code(show(prove()))).toBe('accepted');
    expect(await code(askWith({ token: TOKEN }))).toBe('token.binding');
  });
});

test.each(['proof', 'method', 'url'] as const)('without its %s there is nothing to check', async (name) => {
  const ask = show(prove());
  const { [name]: _, ...credential } = ask.credential;
  expect(await code({ ...ask, credential: credential as Credential })).toBe('token.proof');
});

describe('a proof that does not hold', () => {
  const jwk = jwkOf(holder.publicKey);
  test.each<[string, Proof]>([
    ['of another type', { header: { typ: 'at+jwt' } }],
    ['without a type', { header: { typ: undefined } }],
    ['unsigned', { header: { alg: 'none' } }],
    ['symmetric', { header: { alg: 'HS256' } }],
    ['with an algorithm that is not accepted', { header: { alg: 'ES384' } }],
    ['with the algorithm of another key', { header: { alg: 'EdDSA' } }],
    ['with a critical extension', { header: { crit: ['x'], x: 1 } }],
    ['without a key', { header: { jwk: undefined } }],
    ['with a key in words', { header: { jwk: JSON.stringify(jwk) } }],
    ['with a private key', { header: { jwk: jwkOf(holder.privateKey) } }],
    ['with a symmetric member in the key', { header: { jwk: { ...jwk, k: 'AA' } } }],
    ['with a padded key', { header: { jwk: { ...jwk, x: `${jwk['x']}=` } } }],
    ['with a point off the curve', { header: { jwk: { ...jwk, y: jwk['x'] } } }],
    ['with a member twice', { header: '{"typ":"dpop+jwt","typ":"dpop+jwt"}' }],
    ['signed by another', { key: thief.privateKey }],
    ['without jti', { payload: { jti: undefined } }],
    ['with a blank jti', { payload: { jti: '  ' } }],
    ['with a numeric jti', { payload: { jti: 1 } }],
    ['for another method', { payload: { htm: 'GET' } }],
    ['for the method in other letters', { payload: { htm: 'post' } }],
    ['for another path', { payload: { htu: 'https://tools.example/pay/' } }],
    ['for another host', { payload: { htu: 'https://tools.example.evil.example/pay' } }],
    ['for another scheme', { payload: { htu: 'http://tools.example/pay' } }],
    ['for another port', { payload: { htu: 'https://tools.example:444/pay' } }],
    ['with a query in htu', { payload: { htu: `${URL_}?a=1` } }],
    ['with a fragment in htu', { payload: { htu: `${URL_}#a` } }],
    ['with credentials in htu', { payload: { htu: 'https://a@tools.example/pay' } }],
    ['with no url in htu', { payload: { htu: '/pay' } }],
    ['without iat', { payload: { iat: undefined } }],
    ['with iat in words', { payload: { iat: `${NOW}` } }],
    ['too old', { payload: { iat: NOW - 61 } }],
    ['from the future', { payload: { iat: NOW + 6 } }],
    ['past its own exp', { payload: { exp: NOW } }],
    ['before its own nbf', { payload: { nbf: NOW + 6 } }],
    ['without ath', { payload: { ath: undefined } }],
    ['for another token', { payload: { ath: hash('sha256', 'other', 'base64url') } }],
    ['with padded ath', { payload: { ath: `${hash('sha256', TOKEN, 'base64url')}=` } }],
  ])('%s', async (_, proof) => {
    expect(await code(show(prove(proof)))).toBe('token.proof');
  });

  test.each<[string, (proof: string) => string]>([
    ['two proofs', (proof) => `${proof},${proof}`],
    ['padded', (proof) => `${proof}=`],
    ['cut', (proof) => proof.slice(0, -8)],
    ['too long', () => prove({ payload: { jti: 'x'.repeat(17_000) } })],
    ['nothing', () => ''],
  ])('%s', async (_, change) => {
    expect(await code(show(change(prove())))).toBe('token.proof');
  });

  test('a small RSA key', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const proof = prove({ alg: 'PS256', header: { jwk: jwkOf(publicKey) }, key: privateKey });
    const token = forge({ payload: { cnf: { jkt: thumbprint(publicKey) } } });
    expect(await code(show(proof, { token }))).toBe('token.proof');
  });
});

test('a proof that is sound, of another key than the token names', async () => {
  const proof = prove({ header: { jwk: jwkOf(thief.publicKey) }, key: thief.privateKey });
  expect(await code(show(proof))).toBe('token.binding');
});

test.each([NOW - 60, NOW - 1, NOW + 5])('a proof made at %i is recent enough', async (iat) => {
  expect(await code(show(prove({ payload: { iat } })))).toBe('accepted');
});

test.each<[string, string]>([
  ['https://TOOLS.example/pay', URL_],
  ['HTTPS://tools.example:443/pay', URL_],
  ['https://tools.example/%70ay', URL_],
  [URL_, `${URL_}?invoice=1#top`],
  ['https://tools.example', 'https://tools.example/'],
  ['https://tools.example/a%2fb', 'https://tools.example/a%2Fb'],
])('htu %s is the request %s', async (htu, url) => {
  expect(await code(show(prove({ payload: { htu } }), { url }))).toBe('accepted');
});

test.each(['https://tools.example/a%2fb', 'https://tools.example/a/b/'])('%s is not /a/b', async (htu) => {
  expect(await code(show(prove({ payload: { htu } }), { url: 'https://tools.example/a/b' }))).toBe(
    'token.proof',
  );
});

describe('J-21, DPOP-2: a proof is good for one request', () => {
  test('another request with the same proof is a replay', async () => {
    const proof = prove();
    expect(await code(show(proof))).toBe('accepted');
    expect(await code(show(proof, {}, { requestId: 'request-2' }))).toBe('token.replayed');
  });

  test('the same request again is a retry', async () => {
    const proof = prove();
    expect([await code(show(proof)), await code(show(proof))]).toEqual(['accepted', 'accepted']);
  });

  test('the same request id at another enforcement point is a replay', async () => {
    const proof = prove();
    await code(show(proof));
    const pep = { id: 'pep-2', tenant: 'acme', roles: new Set(['asker'] as const) };
    expect(await code(show(proof, {}, { pep }))).toBe('token.replayed');
  });

  test('the same enforcement point id at another tenant is a replay', async () => {
    const proof = prove();
    await code(show(proof));
    const pep = { id: 'pep-1', tenant: 'other', roles: new Set(['asker'] as const) };
    expect(await code(show(proof, {}, { pep }))).toBe('token.replayed');
  });

  test('on another replica it is a replay too', async () => {
    const proof = prove();
    await code(show(proof));
    const other = await start(replay);
    const again = show(proof, {}, { requestId: 'request-2' });
    expect(await codeOf(() => other.verifyToken(again, AT))).toBe('token.replayed');
  });

  describe('that came with a batch', () => {
    /** What each ask of one call with this proof comes to. */
    const call = (proof: string, ids: readonly string[], ask: Partial<Ask> = {}) => {
      const proofScope = [...ids];
      return Promise.all(ids.map((requestId) => code(show(proof, {}, { requestId, proofScope, ...ask }))));
    };
    const all = (said: string, count: number): string[] => Array<string>(count).fill(said);

    test.each<[string, string[]]>([
      ['as it was', ['r-1', 'r-2', 'r-3']],
      ['in another order', ['r-3', 'r-1', 'r-2']],
      ['but for one', ['r-2', 'r-3']],
      ['one of it', ['r-2']],
    ])('it is a retry again: %s', async (_what, ids) => {
      const proof = prove();
      expect(await call(proof, ['r-1', 'r-2', 'r-3'])).toEqual(all('accepted', 3));
      for (let i = 0; i < 2; i += 1) expect(await call(proof, ids)).toEqual(all('accepted', ids.length));
    });

    test.each<[string, string[]]>([
      ['another', ['r-4', 'r-5']],
      ['one that holds one ask more', ['r-1', 'r-2', 'r-3', 'r-4']],
      ['one ask in the company of one of the first', ['r-4', 'r-1']],
      ['one ask alone', ['r-4']],
    ])('it is a replay for %s', async (_what, ids) => {
      const proof = prove();
      await call(proof, ['r-1', 'r-2', 'r-3']);
      for (let i = 0; i < 2; i += 1)
        expect(await call(proof, ids)).toEqual(all('token.replayed', ids.length));
      expect(await call(proof, ['r-1', 'r-2', 'r-3'])).toEqual(all('accepted', 3));
    });

    test('a retry of a part makes no room for others', async () => {
      const proof = prove();
      await call(proof, ['r-1', 'r-2', 'r-3']);
      expect(await call(proof, ['r-2'])).toEqual(['accepted']);
      expect(await call(proof, ['r-2', 'r-4'])).toEqual(all('token.replayed', 2));
      expect(await call(proof, ['r-1', 'r-3'])).toEqual(all('accepted', 2));
    });

    test('of one ask is the same as that ask alone, both ways', async () => {
      const [proof, other] = [prove(), prove({ payload: { jti: 'p-2' } })];
      expect(await code(show(proof, {}, { requestId: 'r-1' }))).toBe('accepted');
      expect(await call(proof, ['r-1'])).toEqual(['accepted']);
      expect(await call(other, ['r-1'])).toEqual(['accepted']);
      expect(await code(show(other, {}, { requestId: 'r-1' }))).toBe('accepted');
    });

    test('its ids at another enforcement point or tenant are a replay', async () => {
      const proof = prove();
      await call(proof, ['r-1', 'r-2']);
      const roles = new Set(['asker'] as const);
      for (const pep of [
        { id: 'pep-2', tenant: 'acme', roles },
        { id: 'pep-1', tenant: 'other', roles },
      ])
        expect(await call(proof, ['r-2'], { pep })).toEqual(['token.replayed']);
    });

    test('on another replica a part of it is a retry, and any other ask a replay', async () => {
      const proof = prove();
      await call(proof, ['r-1', 'r-2', 'r-3']);
      const other = await start(replay);
      const there = (requestId: string) =>
        codeOf(() => other.verifyToken(show(proof, {}, { requestId }), AT));
      expect([await there('r-3'), await there('r-4')]).toEqual(['accepted', 'token.replayed']);
    });

    test('it is claimed once for all its asks, whatever they are', async () => {
      const claims: (readonly string[])[] = [];
      verifier = await start({
        ...replay,
        claim: (key, claimants, ttlMs) => {
          claims.push(claimants);
          return replay.claim(key, claimants, ttlMs);
        },
      });
      const ids = Array.from({ length: 256 }, (_, i) => `r-${i}`);
      expect(await call(prove(), ids)).toEqual(all('accepted', 256));
      expect(claims).toHaveLength(1);
      expect(new Set(claims[0]).size).toBe(256);
    });

    test('two proofs of one call are two', async () => {
      const proofScope = ['r-1', 'r-2'];
      await code(show(prove({ payload: { jti: 'p-2' } }), {}, { requestId: 'r-9' }));
      const ask = (jti: string, requestId: string) =>
        code(show(prove({ payload: { jti } }), {}, { requestId, proofScope }));
      expect(await Promise.all([ask('p-1', 'r-1'), ask('p-2', 'r-2')])).toEqual([
        'accepted',
        'token.replayed',
      ]);
    });

    test('an ask that is not in the scope of its own proof is let in by nobody', async () => {
      const proof = prove();
      await call(proof, ['r-1']);
      for (const proofScope of [[], ['r-1']])
        await expect(
          verifier.verifyToken(show(proof, {}, { requestId: 'r-4', proofScope }), AT),
        ).rejects.toBeInstanceOf(TypeError);
    });
  });

  test.each<[string, number]>([
    ['one clock', 0],
    ['a replica whose clock is 25 s behind', 24_999],
  ])('it is remembered for as long as it can be taken, by %s', async (_what, lag) => {
    let clock = AT;
    verifier = await start(createMemoryReplayStore(() => clock));
    const proof = prove({ payload: { iat: NOW + 5 } });
    expect(await code(show(proof))).toBe('accepted');
    const last = (NOW + 65) * 1000;
    clock = last + lag;
    expect(await code(show(proof, {}, { requestId: 'request-2' }), last)).toBe('token.replayed');
    expect([await code(show(proof), last), await code(show(proof), last + 1)]).toEqual([
      'accepted',
      'token.proof',
    ]);
  });

  test('a second signature over the same jti is the same proof', async () => {
    await code(show(prove()));
    expect(await code(show(prove({ payload: { iat: NOW - 1 } }), {}, { requestId: 'request-2' }))).toBe(
      'token.replayed',
    );
  });

  test('another jti is another proof', async () => {
    await code(show(prove()));
    const next = prove({ payload: { jti: 'p-2' } });
    expect(await code(show(next, {}, { requestId: 'request-2' }))).toBe('accepted');
  });

  test('a proof that was refused has not been used', async () => {
    const proof = prove();
    expect(await code(show(proof, { url: 'https://tools.example/other' }))).toBe('token.proof');
    expect(await code(show(proof, {}, { requestId: 'request-2' }))).toBe('accepted');
  });

  test('a replay of a token that is remembered is still a replay', async () => {
    const proof = prove();
    for (let i = 0; i < 3; i += 1) await code(show(proof));
    expect(await code(show(proof, {}, { requestId: 'request-2' }))).toBe('token.replayed');
  });

  test('a store that cannot tell permits nothing: the fault is ours', async () => {
    const gone = () => Promise.reject(new Fault('SESSION_STORE_UNAVAILABLE', new Error('gone')));
    const { verifyToken } = await start({ claim: gone, mayClaim: gone });
    for (const dryRun of [false, true])
      await expect(verifyToken(show(prove(), {}, { dryRun }), AT)).rejects.toBeInstanceOf(Fault);
  });
});

describe('both bindings in one token', () => {
  const certificate = hash('sha256', 'certificate', 'base64url');
  const token = forge({ payload: { cnf: { jkt: thumbprint(holder.publicKey), 'x5t#S256': certificate } } });
  const proof = () => prove({ payload: { ath: hash('sha256', token, 'base64url') } });
  test.each<[string, Partial<Credential>, string]>([
    ['both shown', { certificateThumbprint: certificate }, 'accepted'],
    ['proof only', {}, 'token.binding'],
    ['certificate only', { scheme: 'bearer', certificateThumbprint: certificate }, 'token.binding'],
  ])('%s', async (_, shown, expected) => {
    expect(await code(show(proof(), { token, ...shown }))).toBe(expected);
  });
});
