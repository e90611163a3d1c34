import { describe, expect, test } from 'vitest';
import { reasonOf } from '../../src/model/reason.ts';
import { parseTokenConfig } from '../../src/token/config.ts';
import { createMemoryReplayStore } from '../../src/token/replay-memory.ts';
import { createTokenVerifier } from '../../src/token/verify.ts';
import {
  ALGS,
  AT,
  askWith,
  codeOf,
  forge,
  ISSUER,
  issuerSection,
  keySet,
  NOW,
  verifierOf,
} from './issuer.ts';

test('subject, actor, client and scopes are kept apart', async () => {
  const { verifyToken } = await verifierOf();
  const payload = { acr: 'mfa', auth_time: NOW - 60, azp: 'somebody-else' };
  expect(await verifyToken(askWith({ token: forge({ payload }) }), AT)).toEqual({
    subject: { iss: ISSUER, id: 'user-1' },
    actor: { iss: ISSUER, id: 'agent-1' },
    priorActors: [],
    client: 'app-1',
    scopes: ['payments'],
    actions: ['payment.*', 'invoice.approve'],
    auth: { method: 'bearer', bound: false, acr: 'mfa', authTime: NOW - 60 },
    binding: undefined,
    expiresAt: (NOW + 305) * 1000,
    jti: 'token-1',
  });
});

test.each(ALGS)('a token signed with %s is accepted', async (alg) => {
  const { verifyToken } = await verifierOf();
  expect(await codeOf(() => verifyToken(askWith({ token: forge({ alg }) }), AT))).toBe('accepted');
});

test('without an actor the subject acts itself', async () => {
  const { verifyToken } = await verifierOf();
  const caller = await verifyToken(askWith({ token: forge({ payload: { act: undefined } }) }), AT);
  expect(caller.actor).toEqual(caller.subject);
});

describe('scopes', () => {
  test.each<[string, unknown, readonly string[]]>([
    ['none', undefined, []],
    ['an empty string', '', []],
    ['one that is not mapped', 'admin', []],
    ['two', 'payments reading', ['payment.*', 'invoice.approve', 'invoice.read']],
    ['one twice', 'reading reading', ['invoice.read']],
    ['a name that objects have by nature', 'constructor toString', []],
  ])('%s', async (_, scope, actions) => {
    const { verifyToken } = await verifierOf();
    expect((await verifyToken(askWith({ token: forge({ payload: { scope } }) }), AT)).actions).toEqual(
      actions,
    );
  });
});

describe('types and profiles', () => {
  const plain = { typ: 'JWT' };
  test.each<[string, Record<string, unknown>, Record<string, unknown>, Record<string, unknown>, string]>([
    ['at+jwt', {}, { typ: 'at+jwt' }, {}, 'accepted'],
    ['AT+JWT', {}, { typ: 'AT+JWT' }, {}, 'accepted'],
    ['application/at+jwt', {}, { typ: 'application/at+jwt' }, {}, 'accepted'],
    ['JWT, not opted in', {}, plain, {}, 'token.wrong_type'],
    ['no typ, not opted in', {}, { typ: undefined }, {}, 'token.wrong_type'],
    ['JWT, opted in', { plain_jwt: true }, plain, { jti: undefined, client_id: undefined }, 'accepted'],
    ['no typ, opted in', { plain_jwt: true }, { typ: undefined }, {}, 'accepted'],
    ['a plain one without exp', { plain_jwt: true }, plain, { exp: undefined }, 'token.missing_claim'],
    ['typ is a number', {}, { typ: 1 }, {}, 'token.wrong_type'],
  ])('%s', async (_, issuer, header, payload, code) => {
    const { verifyToken } = await verifierOf(issuer);
    expect(await codeOf(() => verifyToken(askWith({ token: forge({ header, payload }) }), AT))).toBe(code);
  });

  test('a plain token may name its client as azp, or not at all', async () => {
    const { verifyToken } = await verifierOf({ plain_jwt: true });
    const clientOf = async (payload: Record<string, unknown>) =>
      (await verifyToken(askWith({ token: forge({ header: plain, payload }) }), AT)).client;
    expect(await clientOf({ client_id: undefined, azp: 'app-2' })).toBe('app-2');
    expect(await clientOf({ client_id: undefined })).toBe('');
  });
});

describe('time', () => {
  test.each<[string, Record<string, unknown>, number, string]>([
    ['the last moment', { exp: NOW }, AT + 4_999, 'accepted'],
    ['exp is exclusive', { exp: NOW }, AT + 5_000, 'token.expired'],
    ['nbf to come', { nbf: NOW + 6 }, AT, 'token.not_yet_valid'],
    ['nbf within leeway', { nbf: NOW + 5 }, AT, 'accepted'],
    ['made in the future', { iat: NOW + 6, exp: NOW + 60 }, AT, 'token.not_yet_valid'],
    [
      'made in the future, valid before',
      { iat: NOW + 6, nbf: NOW - 60, exp: NOW + 60 },
      AT,
      'token.not_yet_valid',
    ],
    ['the longest life', { iat: NOW, exp: NOW + 3600 }, AT, 'accepted'],
    ['a longer one', { iat: NOW, exp: NOW + 3601 }, AT, 'token.too_long_lived'],
  ])('%s', async (_, payload, at, code) => {
    const { verifyToken } = await verifierOf();
    expect(await codeOf(() => verifyToken(askWith({ token: forge({ payload }) }), at))).toBe(code);
  });
});

describe('a verified token is remembered', () => {
  test('and answers at once with the same caller', async () => {
    const { verifyToken } = await verifierOf();
    const ask = askWith({});
    const first = await verifyToken(ask, AT);
    expect(verifyToken(ask, AT)).toBe(first);
  });

  test('but not past its time', async () => {
    const { verifyToken } = await verifierOf();
    const ask = askWith({});
    await verifyToken(ask, AT);
    expect(await codeOf(() => verifyToken(ask, AT + 305_000))).toBe('token.expired');
  });

  test('but not for another scheme', async () => {
    const { verifyToken } = await verifierOf();
    const { credential } = askWith({});
    await verifyToken(askWith(credential), AT);
    expect(await codeOf(() => verifyToken(askWith({ ...credential, scheme: 'dpop' }), AT))).toBe(
      'token.binding',
    );
  });

  test('and cannot be changed by who got it', async () => {
    const { verifyToken } = await verifierOf();
    const caller = await verifyToken(askWith({}), AT);
    for (const part of [caller, caller.actions, caller.scopes, caller.actor, caller.auth])
      expect(Object.isFrozen(part)).toBe(true);
  });

  test('a refused one is not', async () => {
    const { verifyToken } = await verifierOf();
    const ask = askWith({ token: forge({ payload: { nbf: NOW + 60 } }) });
    expect(await codeOf(() => verifyToken(ask, AT))).toBe('token.not_yet_valid');
    expect(await codeOf(() => verifyToken(ask, AT + 60_000))).toBe('accepted');
  });
});

describe('key files', () => {
  const start = (readFile: () => string) =>
    createTokenVerifier({
      config: parseTokenConfig({ issuers: [issuerSection()] }),
      replay: createMemoryReplayStore(() => AT),
      log: { warn: () => undefined },
      at: AT,
      readFile,
    });

  test.each<[string, () => string]>([
    [
      'one that is not there',
      () => {
        throw new Error('ENOENT');
      },
    ],
    ['garbage', () => 'garbage'],
    ['no key that can be used', () => '{"keys":[]}'],
  ])('%s does not start, and names the file', async (_, readFile) => {
    await expect(start(readFile)).rejects.toThrow('`keys.json`');
  });

  test('the default reads the disk', async () => {
    const config = parseTokenConfig({
      issuers: [issuerSection({ keys: { file: '/nonexistent/keys.json' } })],
    });
    const replay = createMemoryReplayStore(() => AT);
    await expect(
      createTokenVerifier({ config, replay, log: { warn: () => undefined }, at: AT }),
    ).rejects.toThrow('/nonexistent/keys.json');
  });
});

test('two issuers are two: each with its own audience, scopes and keys', async () => {
  const other = issuerSection({
    issuer: 'https://b.example',
    audience: 'us-at-b',
    scopes: { payments: ['*'] },
  });
  const config = parseTokenConfig({ issuers: [issuerSection(), other] });
  const replay = createMemoryReplayStore(() => AT);
  const readFile = () => keySet();
  const verifier = await createTokenVerifier({
    config,
    replay,
    log: { warn: () => undefined },
    at: AT,
    readFile,
  });
  const at = async (payload: Record<string, unknown>) =>
    (await verifier.verifyToken(askWith({ token: forge({ payload }) }), AT)).actions;
  expect(await at({})).toEqual(['payment.*', 'invoice.approve']);
  expect(await at({ iss: 'https://b.example', aud: 'us-at-b' })).toEqual(['*']);
});

describe('challenges', () => {
  test.each([
    ['token.expired', 'Bearer error="invalid_token", error_description="the token has expired"'],
    ['token.proof', 'DPoP error="invalid_dpop_proof"'],
    ['token.replayed', 'algs="ES256 EdDSA Ed25519 PS256"'],
    ['token.binding', 'DPoP error="invalid_token"'],
  ] as const)('%s', async (code, words) => {
    const { challengeFor } = await verifierOf();
    expect(challengeFor(reasonOf(code))).toContain(words);
  });

  test('where stepping up helps, it says how far', async () => {
    const section = {
      issuers: [issuerSection()],
      step_up: { acr_values: ['mfa', 'phr'], max_age_seconds: 300 },
    };
    const { challengeFor } = await createTokenVerifier({
      config: parseTokenConfig(section),
      replay: createMemoryReplayStore(() => AT),
      log: { warn: () => undefined },
      at: AT,
      readFile: () => keySet(),
    });
    expect(challengeFor(reasonOf('token.expired'))).toContain('acr_values="mfa phr", max_age="300"');
    expect(challengeFor(reasonOf('token.bad_signature'))).not.toContain('acr_values');
  });

  test.each(['session.task_closed', 'policy.vendor_blocked', 'delegation.widened'] as const)(
    '%s has none',
    async (code) => {
      const { challengeFor } = await verifierOf();
      expect(challengeFor({ code, words: '', remedy: 'stop' })).toBe('');
    },
  );
});
