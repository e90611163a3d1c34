import { describe, expect, test } from 'vitest';
import { parseTokenConfig } from '../../src/token/config.ts';
import { issuerSection } from './issuer.ts';

const withIssuer = (changes: Record<string, unknown>) => ({ issuers: [issuerSection(changes)] });

test('an issuer is read with its defaults', () => {
  const [issuer] = parseTokenConfig(withIssuer({})).issuers;
  expect(issuer).toMatchObject({
    plainJwt: false,
    legacyActWithoutIss: false,
    requireBound: false,
    maxLifetimeSeconds: 3600,
    leewaySeconds: 5,
  });
  expect(issuer?.scopes.get('payments')).toEqual(['payment.*', 'invoice.approve']);
});

describe('a section that is wrong refuses to start and names the key', () => {
  test.each<[string, unknown, string]>([
    ['no section', undefined, '`token` must be an object'],
    ['no issuers', {}, '`token.issuers` must be a list'],
    ['an empty list', { issuers: [] }, '`token.issuers` must name at least one issuer'],
    ['an unknown key', { issuers: [], keys: [] }, '`token.keys` is not a known key'],
    [
      'an unknown key of an issuer',
      withIssuer({ leeway: 5 }),
      '`token.issuers[0].leeway` is not a known key',
    ],
    ['no issuer name', withIssuer({ issuer: '' }), '`token.issuers[0].issuer`'],
    ['no audience', withIssuer({ audience: undefined }), '`token.issuers[0].audience`'],
    ['no algorithm', withIssuer({ algorithms: [] }), '`token.issuers[0].algorithms` must name'],
    [
      'a symmetric algorithm',
      withIssuer({ algorithms: ['HS256'] }),
      '`token.issuers[0].algorithms` may hold only',
    ],
    ['none', withIssuer({ algorithms: ['none'] }), '`token.issuers[0].algorithms` may hold only'],
    ['no keys', withIssuer({ keys: {} }), '`token.issuers[0].keys` must have either'],
    [
      'two sources of keys',
      withIssuer({ keys: { file: 'a', url: 'https://b.example' } }),
      '`token.issuers[0].keys`',
    ],
    [
      'plain http',
      withIssuer({ keys: { url: 'http://issuer.example/jwks' } }),
      '`token.issuers[0].keys.url` must be https',
    ],
    [
      'another scheme',
      withIssuer({ keys: { url: 'file:///etc/passwd' } }),
      '`token.issuers[0].keys.url` must be https',
    ],
    [
      'credentials in the url',
      withIssuer({ keys: { url: 'https://a:b@issuer.example/' } }),
      '`token.issuers[0].keys.url`',
    ],
    ['too much leeway', withIssuer({ leeway_seconds: 61 }), '`token.issuers[0].leeway_seconds`'],
    ['a fraction of a second', withIssuer({ leeway_seconds: 0.5 }), '`token.issuers[0].leeway_seconds`'],
    [
      'an endless lifetime',
      withIssuer({ max_lifetime_seconds: 1e9 }),
      '`token.issuers[0].max_lifetime_seconds`',
    ],
    [
      'a flag in words',
      withIssuer({ plain_jwt: 'yes' }),
      '`token.issuers[0].plain_jwt` must be true or false',
    ],
    ...['a..b', '.a', 'a.', '..*', '.*', 'a b', ''].map((pattern): [string, unknown, string] => [
      `the pattern \`${pattern}\`, which fits no action`,
      withIssuer({ scopes: { a: [pattern] } }),
      '`token.issuers[0].scopes.a`',
    ]),
    ['a pattern with a star inside', withIssuer({ scopes: { a: ['pay*'] } }), '`token.issuers[0].scopes.a`'],
    ['an issuer twice', { issuers: [issuerSection(), issuerSection()] }, 'names an issuer twice'],
    [
      'a quote in acr_values',
      { ...withIssuer({}), step_up: { acr_values: ['a"b'] } },
      '`token.step_up.acr_values`',
    ],
  ])('%s', (_, section, words) => {
    expect(() => parseTokenConfig(section)).toThrow(words);
  });
});

test.each([
  'http://127.0.0.1:8080/jwks',
  'http://localhost/jwks',
  'http://[::1]:1/jwks',
  'https://issuer.example/jwks',
])('%s may be fetched', (url) => {
  expect(parseTokenConfig(withIssuer({ keys: { url } })).issuers[0]?.keys).toEqual({ url });
});
