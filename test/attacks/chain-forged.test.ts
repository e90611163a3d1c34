/** Attacks on single hops: who signed them, with what, and whether they can be read at all. */
import { generateKeyPairSync, hash, sign } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { describe, expect, test } from 'vitest';
import {
  AT,
  askOf,
  callerOf,
  chainOf,
  codeOf,
  type HopChanges,
  hop,
  identityOf,
  MANDATE_DIGEST,
  NOW,
  openingOf,
  PAIRS,
  verifierOf,
} from '../delegation/chains.ts';

type Json = Record<string, unknown>;
const verifier = verifierOf();
const code = (chain: readonly string[], last = 'b') =>
  codeOf(() => verifier.verifyDelegation(askOf(chain), callerOf(last), openingOf(), AT));
const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function forge({ header = {}, payload = {} }: { header?: Json | string; payload?: Json | string }): string {
  const head =
    typeof header === 'string' ? header : { alg: 'EdDSA', kid: 'a', typ: 'assent-hop+jwt', ...header };
  const whole = {
    jti: 'h-1',
    tenant: 'acme',
    delegator: identityOf('a'),
    delegate: identityOf('b'),
    mandate: MANDATE_DIGEST,
    task: 'invoice_run',
    actions: ['payment.send'],
    limits: {},
    iat: NOW,
    exp: NOW + 60,
  };
  const signed = `${encode(head)}.${encode(typeof payload === 'string' ? payload : { ...whole, ...payload })}`;
  const key = PAIRS.get('a')?.privateKey;
  if (key === undefined) throw new Error('there is no agent a');
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`;
}

test('the hop that the attacks start from is accepted', () => {
  expect(code([forge({})])).toBe('accepted');
});

describe('unknown delegator', () => {
  test('an agent that is not registered', async () => {
    const opening = openingOf({ actor: identityOf('stranger') });
    const chain = await chainOf(['stranger', 'b']);
    expect(codeOf(() => verifier.verifyDelegation(askOf(chain), callerOf('b'), opening, AT))).toBe(
      'delegation.unknown_delegator',
    );
  });
  test('a registered id at another issuer', () => {
    const delegator = { iss: 'https://evil.example', id: 'agent-a' };
    expect(code([forge({ payload: { delegator } })])).toBe('delegation.unknown_delegator');
  });
});

describe('bad signature', () => {
  test('signed by the delegate, with a key of its own that its parent did not name', async () => {
    const second = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const keys = [
      { ...PAIRS.get('b')?.publicKey.export({ format: 'jwk' }), kid: 'b', alg: 'EdDSA' },
      { ...second.publicKey.export({ format: 'jwk' }), kid: 'second', alg: 'ES256' },
    ];
    const { verifyDelegation } = verifierOf({ b: { keys } });
    const judge = async (named: string | undefined, signing: HopChanges) => {
      const delegate = { ...identityOf('b'), ...(named !== undefined && { jkt: named }) };
      const chain = await chainOf(['a', 'b', 'c'], [{ delegate }, signing]);
      return codeOf(() => verifyDelegation(askOf(chain), callerOf('c'), openingOf(), AT));
    };
    const [first, other] = await Promise.all(keys.map((jwk) => calculateJwkThumbprint(jwk as JWK)));
    const bySecond = { privateKey: second.privateKey, kid: 'second', alg: 'ES256' };
    expect(await judge(first, {})).toBe('accepted');
    expect(await judge(other, bySecond)).toBe('accepted');
    expect(await judge(undefined, bySecond)).toBe('accepted');
    expect(await judge(first, bySecond)).toBe('delegation.bad_signature');
    expect(await judge(other, {})).toBe('delegation.bad_signature');
    expect(await judge(hash('sha256', 'no key', 'base64url'), {})).toBe('delegation.bad_signature');
  });
  test('the key that a hop names is not asked of the hop after the next', async () => {
    const jwk = PAIRS.get('b')?.publicKey.export({ format: 'jwk' });
    const jkt = await calculateJwkThumbprint(jwk as JWK);
    const chain = await chainOf(['a', 'b', 'c', 'd'], [{ delegate: { ...identityOf('b'), jkt } }]);
    expect(code(chain, 'd')).toBe('accepted');
  });
  test('the thumbprint of an rsa key is that of its required members', async () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'b', alg: 'PS256' };
    const jkt = await calculateJwkThumbprint(jwk as JWK);
    const chain = await chainOf(
      ['a', 'b', 'c'],
      [{ delegate: { ...identityOf('b'), jkt } }, { privateKey: pair.privateKey, kid: 'b', alg: 'PS256' }],
    );
    const { verifyDelegation } = verifierOf({ b: { keys: [jwk] } });
    expect(codeOf(() => verifyDelegation(askOf(chain), callerOf('c'), openingOf(), AT))).toBe('accepted');
  });
  test('signed by another registered agent in the name of the first', async () => {
    expect(code([await hop('a', 'b', { signer: 'c', kid: 'a' })])).toBe('delegation.bad_signature');
  });
  test('signed by another with its own key name', async () => {
    expect(code([await hop('a', 'b', { signer: 'c' })])).toBe('delegation.bad_signature');
  });
  test('the last hop rewritten', async () => {
    const [head, body = '', signature] = (await hop('a', 'b', { actions: ['payment.quote'] })).split('.');
    const wider = Buffer.from(body, 'base64url').toString().replace('payment.quote', 'payment.*');
    expect(code([`${head}.${encode(wider)}.${signature}`])).toBe('delegation.bad_signature');
  });
  test.each(['none', 'HS256', 'RS256', 'ES256'])('alg %s with a key of another kind', (alg) => {
    expect(code([forge({ header: { alg } })])).toBe('delegation.bad_signature');
  });
  test.each([undefined, 1, '', '__proto__', 'b'])('kid %j', (kid) => {
    expect(code([forge({ header: { kid } })])).toBe('delegation.bad_signature');
  });
  test.each([
    ['RS256', 'accepted'],
    ['PS256', 'delegation.bad_signature'],
  ])('a key registered for RS256 signs %s: %s', async (alg, expected) => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'RS256' }];
    const { verifyDelegation } = verifierOf({ a: { keys } });
    const chain = [await hop('a', 'b', { privateKey, alg })];
    expect(codeOf(() => verifyDelegation(askOf(chain), callerOf('b'), openingOf(), AT))).toBe(expected);
  });
  test('a key in the header is not looked at', () => {
    const own = generateKeyPairSync('ed25519');
    const [head, body] = forge({ header: { jwk: own.publicKey.export({ format: 'jwk' }) } }).split('.');
    const signature = sign(null, Buffer.from(`${head}.${body}`), own.privateKey).toString('base64url');
    expect(code([`${head}.${body}.${signature}`])).toBe('delegation.bad_signature');
  });
});

describe('malformed', () => {
  const identity = identityOf('b');
  test.each<[string, Parameters<typeof forge>[0]]>([
    ['a token of another type', { header: { typ: 'at+jwt' } }],
    ['no type', { header: { typ: undefined } }],
    ['a critical extension', { header: { crit: ['x'], x: 1 } }],
    ['a member twice', { header: '{"alg":"EdDSA","alg":"EdDSA","kid":"a","typ":"assent-hop+jwt"}' }],
    ['no payload object', { payload: '[]' }],
    ['a claim that is not known', { payload: { only_on: 'monday' } }],
    ['an expiry in words', { payload: { exp: 'never' } }],
    ['no expiry', { payload: { exp: undefined } }],
    ['a fraction of a second', { payload: { exp: NOW + 0.5 } }],
    ['no tenant', { payload: { tenant: undefined } }],
    ['no jti', { payload: { jti: undefined } }],
    ['a control character in jti', { payload: { jti: 'a\0b' } }],
    ['a delegate in words', { payload: { delegate: 'agent-b' } }],
    ['a delegate without issuer', { payload: { delegate: { id: 'agent-b' } } }],
    ['a delegate with more to it', { payload: { delegate: { ...identity, or: 'anybody' } } }],
    ['a control character in an id', { payload: { delegate: { ...identity, id: 'agent-b\n' } } }],
    [
      'a padded thumbprint',
      { payload: { delegate: { ...identity, jkt: `${hash('sha256', 'k', 'base64url')}=` } } },
    ],
    ['a mandate that is no digest', { payload: { mandate: 'session-1' } }],
    ['a parent that is no digest', { payload: { prt: '' } }],
    ['a null parent', { payload: { prt: null } }],
    ['actions in words', { payload: { actions: '*' } }],
    ['no actions', { payload: { actions: undefined } }],
    ['a pattern with a star inside', { payload: { actions: ['pay*'] } }],
    ['too many actions', { payload: { actions: Array.from({ length: 257 }, () => 'a') } }],
    ['no limits', { payload: { limits: undefined } }],
    ['a limit as a number', { payload: { limits: { eur: 10 } } }],
    ['a limit with an exponent', { payload: { limits: { eur: '1e9' } } }],
    ['a negative limit', { payload: { limits: { eur: '-1' } } }],
    [
      'too many limits',
      { payload: { limits: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`b${i}`, '1'])) } },
    ],
    ['too long', { payload: { jti: 'x'.repeat(17_000) } }],
  ])('%s', (_, change) => {
    expect(code([forge(change)])).toBe('delegation.malformed');
  });

  test.each<[string, (compact: string) => string]>([
    ['nothing', () => ''],
    ['garbage', () => 'garbage'],
    ['padding', (compact) => `${compact}=`],
    ['a line break', (compact) => `${compact}\n`],
    ['four segments', (compact) => `${compact}.`],
  ])('%s', (_, change) => {
    expect(code([change(forge({}))])).toBe('delegation.malformed');
  });

  test('one bad hop refuses the whole chain', async () => {
    const [root = ''] = await chainOf(['a', 'b']);
    expect(code([root, 'garbage'], 'b')).toBe('delegation.malformed');
  });
});
