/** Attacks on where keys come from: headers that name a place, redirects, floods, and keys that are no such keys. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { parseTokenConfig } from '../../src/token/config.ts';
import { createMemoryReplayStore } from '../../src/token/replay-memory.ts';
import { createTokenVerifier, type TokenVerifier } from '../../src/token/verify.ts';
import {
  AT,
  askWith,
  codeOf,
  forge,
  issuerSection,
  jwkOf,
  keySet,
  PAIRS,
  verifierOf,
} from '../token/issuer.ts';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.closeAllConnections();
});

/** A server on loopback; `hits` counts the requests that it got. */
async function listen(listener: RequestListener): Promise<{ url: string; hits: () => number }> {
  let hits = 0;
  const server = createServer((request, response) => {
    hits += 1;
    listener(request, response);
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, hits: () => hits };
}

function verifierAt(url: string): Promise<TokenVerifier> {
  return createTokenVerifier({
    config: parseTokenConfig({ issuers: [issuerSection({ keys: { url } })] }),
    replay: createMemoryReplayStore(() => AT),
    log: { warn: () => undefined },
    at: AT,
  });
}

test.each(['jku', 'x5u'])('J-15: nothing is fetched from a %s in the header', async (name) => {
  const evil = generateKeyPairSync('ed25519');
  const trap = await listen((_, response) =>
    response.end(JSON.stringify({ keys: [jwkOf(evil.publicKey, { kid: 'evil' })] })),
  );
  const { verifyToken } = await verifierOf();
  const token = forge({ header: { kid: 'evil', [name]: trap.url }, key: evil.privateKey });
  expect(await codeOf(() => verifyToken(askWith({ token }), AT))).toBe('token.unknown_key');
  expect(trap.hits()).toBe(0);
});

test.each([301, 302, 303, 307, 308])('J-15: a redirect (%i) is not followed', async (status) => {
  const trap = await listen((_, response) => response.end(keySet()));
  const issuer = await listen((_, response) => response.writeHead(status, { location: trap.url }).end());
  const verifier = await verifierAt(issuer.url);
  expect(await codeOf(() => verifier.verifyToken(askWith({}), AT))).toBe('token.unknown_key');
  expect([issuer.hits(), trap.hits()]).toEqual([1, 0]);
  verifier.close();
});

test('J-23: a flood of unknown kids makes one refetch in thirty seconds', async () => {
  const issuer = await listen((_, response) => response.end(keySet()));
  const verifier = await verifierAt(issuer.url);
  let count = 0;
  for (let second = 31; second < 61; second += 1) {
    for (let i = 0; i < 5; i += 1) {
      const token = forge({ header: { kid: `flood-${second}-${i}` } });
      expect(await codeOf(() => verifier.verifyToken(askWith({ token }), AT + second * 1000))).toBe(
        'token.unknown_key',
      );
      count += 1;
    }
  }
  expect(count).toBe(150);
  expect(issuer.hits()).toBe(2);
  verifier.close();
});

describe('J-24: keys that must not check a signature are left out, and somebody is told', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const curve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
  const other = jwkOf(PAIRS.EdDSA.publicKey);
  test.each<[string, Record<string, unknown>]>([
    ['a private key', jwkOf(PAIRS.EdDSA.privateKey, { kid: 'k' })],
    ['a key for encryption', { ...other, kid: 'k', use: 'enc' }],
    ['a key for other operations', { ...other, kid: 'k', key_ops: ['encrypt'] }],
    ['a key of another algorithm', { ...other, kid: 'k', alg: 'ES256' }],
    ['a key of a symmetric algorithm', { ...other, kid: 'k', alg: 'HS256' }],
    ['a small RSA key', jwkOf(small.publicKey, { kid: 'k', alg: 'RS256' })],
    ['a curve that is not accepted', jwkOf(curve.publicKey, { kid: 'k' })],
    ['a shared secret', { kty: 'oct', k: 'c2VjcmV0', kid: 'k' }],
    ['a key that is none', { kty: 'RSA', kid: 'k' }],
    ['a padded key', { ...other, x: `${other['x']}=`, kid: 'k' }],
    ['a name that is there already', { ...other, kid: 'EdDSA' }],
    ['a key without a name', other],
  ])('%s', async (_, extra) => {
    const { verifyToken, warnings } = await verifierOf({}, keySet([extra]));
    const kid = extra['kid'] ?? 'k';
    expect(await codeOf(() => verifyToken(askWith({ token: forge({ header: { kid } }) }), AT))).toBe(
      'token.unknown_key',
    );
    expect(warnings).toHaveLength(1);
    expect(JSON.stringify(warnings)).not.toContain(other['x']);
  });
});
