import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseDecimal } from '../../src/model/decimal.ts';
import { compilePatterns, isPattern, narrows } from '../../src/model/pattern.ts';
import {
  AT,
  askOf,
  callerOf,
  chainOf,
  codeOf,
  hop,
  identityOf,
  NOW,
  openingOf,
  verifierOf,
} from './chains.ts';

describe('patterns', () => {
  test.each<[readonly string[], string, boolean]>([
    [['payment.send'], 'payment.send', true],
    [['payment.send'], 'payment.sending', false],
    [['payment.*'], 'payment.send', true],
    [['payment.*'], 'payment.send.now', true],
    [['payment.*'], 'payment', false],
    [['payment.*'], 'payment.', false],
    [['payment.*'], 'payments.send', false],
    [['*'], 'anything', true],
    [[], 'payment.send', false],
    [['a', 'b.*'], 'b.c', true],
  ])('%j of %s: %s', (patterns, action, permitted) => {
    expect(compilePatterns(patterns)(action)).toBe(permitted);
  });

  test.each<[readonly string[], readonly string[], boolean]>([
    [['payment.send'], ['payment.*'], true],
    [['payment.send.*'], ['payment.*'], true],
    [['payment.*'], ['payment.send'], false],
    [['payment.*'], ['payment.*'], true],
    [['*'], ['payment.*'], false],
    [['payment.*'], ['*'], true],
    [['payment.send', 'invoice.read'], ['payment.*'], false],
    [['payments.*'], ['payment.*'], false],
    [['payment.*'], ['payment.*.*'], false],
    [[], [], true],
  ])('%j inside %j: %s', (child, parent, inside) => {
    expect(narrows(child, parent)).toBe(inside);
  });

  test.each([
    ['payment.send', true],
    ['payment.*', true],
    ['*', true],
    ['', false],
    ['.*', false],
    ['pay*', false],
    ['*.send', false],
    ['a b', false],
    ['a\n', false],
    ['x'.repeat(129), false],
  ])('%j is a pattern: %s', (text, sound) => {
    expect(isPattern(text)).toBe(sound);
  });
});

describe('without a chain', () => {
  test.each([
    ['payment.send', true],
    ['invoice.read', false],
  ])('the scopes of the token decide on %s: %s', (action, permits) => {
    const { verifyDelegation } = verifierOf();
    const caller = callerOf('a', { actions: ['payment.*'] });
    expect(verifyDelegation(askOf([], action), caller, openingOf(), AT)).toEqual({
      permits,
      depth: 0,
      actors: [],
      limits: {},
      root: undefined,
      hops: [],
      hopLimits: {},
      expiresAt: Number.POSITIVE_INFINITY,
    });
  });

  test('a token without mapped scopes permits nothing', () => {
    const { verifyDelegation } = verifierOf();
    expect(verifyDelegation(askOf([]), callerOf('a', { actions: [] }), undefined, AT).permits).toBe(false);
  });

  test('what the agent is registered for bounds what its token permits', () => {
    const { verifyDelegation } = verifierOf({ a: { actions: ['invoice.*'] } });
    expect(verifyDelegation(askOf([], 'payment.send'), callerOf('a'), undefined, AT).permits).toBe(false);
    expect(verifyDelegation(askOf([], 'invoice.read'), callerOf('a'), undefined, AT).permits).toBe(true);
  });
});

describe('with a chain', () => {
  test('authority is told with its actors, root, limits and hops', async () => {
    const chain = await chainOf(
      ['a', 'b', 'c'],
      [{ limits: { eur: '500', calls: '9' } }, { limits: { eur: '20.50' }, exp: NOW + 200 }],
    );
    const hops = chain.map((compact) => hash('sha256', compact.replace(/\.[^.]*$/, ''), 'base64url'));
    expect(verifierOf().verifyDelegation(askOf(chain), callerOf('c'), openingOf(), AT)).toEqual({
      permits: true,
      depth: 2,
      actors: ['a', 'b', 'c'].map(identityOf),
      limits: { eur: '20.5', calls: '9' },
      root: { by: identityOf('a'), task: 'invoice_run' },
      hops,
      hopLimits: {
        [hops[0] ?? '']: { eur: parseDecimal('500'), calls: parseDecimal('9') },
        [hops[1] ?? '']: { eur: parseDecimal('20.5') },
      },
      expiresAt: AT + 200_000,
    });
  });

  test.each<[string, readonly string[], readonly string[], boolean]>([
    ['payment.send', ['payment.*'], ['*'], true],
    ['payment.refund', ['payment.send'], ['*'], false],
    ['payment.send', ['payment.*'], ['invoice.*'], false],
    ['invoice.read', ['payment.*'], ['*'], false],
  ])('%s under hop %j and scopes %j: %s', async (action, left, scopes, permits) => {
    const chain = await chainOf(['a', 'b'], [{ actions: left }]);
    const caller = callerOf('b', { actions: scopes });
    expect(verifierOf().verifyDelegation(askOf(chain, action), caller, openingOf(), AT).permits).toBe(
      permits,
    );
  });

  test('the last hop decides over the first', async () => {
    const chain = await chainOf(['a', 'b', 'c'], [{}, { actions: ['payment.quote'] }]);
    const { verifyDelegation } = verifierOf();
    const permits = (action: string) =>
      verifyDelegation(askOf(chain, action), callerOf('c'), openingOf(), AT).permits;
    expect([permits('payment.quote'), permits('payment.send')]).toEqual([true, false]);
  });

  test('eight hops are a chain', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    const authority = verifierOf().verifyDelegation(
      askOf(await chainOf(names)),
      callerOf('i'),
      openingOf(),
      AT,
    );
    expect(authority).toMatchObject({ permits: true, depth: 8 });
  });

  test('a mandate that names no actor lets any registered agent begin', async () => {
    const { actor: _, ...mandate } = openingOf().mandate;
    const chain = await chainOf(['b', 'c']);
    const opening = { ...openingOf(), mandate };
    expect(codeOf(() => verifierOf().verifyDelegation(askOf(chain), callerOf('c'), opening, AT))).toBe(
      'accepted',
    );
  });

  test('two credentials of one registered agent are that agent', async () => {
    const { verifyDelegation } = verifierOf({ b: { agent: 'payer' }, c: { agent: 'payer' } });
    const chain = await chainOf(['a', 'b']);
    expect(codeOf(() => verifyDelegation(askOf(chain), callerOf('c'), openingOf(), AT))).toBe('accepted');
    expect(codeOf(() => verifyDelegation(askOf(chain), callerOf('d'), openingOf(), AT))).toBe(
      'token.actor_mismatch',
    );
  });

  test('a key named for the delegate must be the one the token is bound to', async () => {
    const jkt = hash('sha256', 'key of b', 'base64url');
    const chain = await chainOf(['a', 'b'], [{ delegate: { ...identityOf('b'), jkt } }]);
    const { verifyDelegation } = verifierOf();
    const code = (binding: string | undefined) =>
      codeOf(() => verifyDelegation(askOf(chain), callerOf('b', { binding }), openingOf(), AT));
    expect([code(jkt), code(undefined), code(hash('sha256', 'x', 'base64url'))]).toEqual([
      'accepted',
      'token.binding',
      'token.binding',
    ]);
  });

  test.each<[string, object, number, string]>([
    ['until its end', { exp: AT / 1000 + 10 }, AT + 9_999, 'accepted'],
    ['not at its end', { exp: AT / 1000 + 10 }, AT + 10_000, 'delegation.expired'],
    ['by a clock a minute ahead', { iat: AT / 1000 + 60 }, AT, 'accepted'],
    ['not by one further ahead', { iat: AT / 1000 + 61 }, AT, 'delegation.not_yet_valid'],
  ])('a hop is good %s', async (_, changes, at, code) => {
    const chain = await chainOf(['a', 'b'], [changes]);
    expect(codeOf(() => verifierOf().verifyDelegation(askOf(chain), callerOf('b'), openingOf(), at))).toBe(
      code,
    );
  });
});

test.each([0, 1, 2])('a chain is not good before all of its hops are: hop %i is early', async (early) => {
  const changes = [0, 1, 2].map((index) => (index === early ? { iat: AT / 1000 + 120 } : {}));
  const chain = await chainOf(['a', 'b', 'c', 'd'], changes);
  const { verifyDelegation } = verifierOf();
  const code = (at: number) => codeOf(() => verifyDelegation(askOf(chain), callerOf('d'), openingOf(), at));
  expect([code(AT), code(AT + 59_999), code(AT + 60_000)]).toEqual([
    'delegation.not_yet_valid',
    'delegation.not_yet_valid',
    'accepted',
  ]);
});

describe('a chain that was verified is remembered', () => {
  test('and gives the same authority', async () => {
    const chain = await chainOf(['a', 'b']);
    const { verifyDelegation } = verifierOf();
    const ask = askOf(chain);
    expect(verifyDelegation(ask, callerOf('b'), openingOf(), AT)).toBe(
      verifyDelegation(ask, callerOf('b'), openingOf(), AT),
    );
  });

  test.each<
    [string, (chain: string[]) => Parameters<ReturnType<typeof verifierOf>['verifyDelegation']>, string]
  >([
    [
      'past its time',
      (chain) => [askOf(chain), callerOf('b'), openingOf(), AT + 300_000],
      'delegation.expired',
    ],
    ['for another actor', (chain) => [askOf(chain), callerOf('c'), openingOf(), AT], 'token.actor_mismatch'],
    [
      'under another mandate',
      (chain) => [askOf(chain), callerOf('b'), openingOf({}, hash('sha256', 'x', 'base64url')), AT],
      'delegation.other_mandate',
    ],
    [
      'in another tenant',
      (chain) => [askOf(chain, 'payment.send', 'x'), callerOf('b'), openingOf(), AT],
      'delegation.other_tenant',
    ],
    [
      'without a session',
      (chain) => [askOf(chain), callerOf('b'), undefined, AT],
      'delegation.other_mandate',
    ],
    [
      'cut in two elsewhere',
      (chain) => [askOf([chain.join('\n')]), callerOf('c'), openingOf(), AT],
      'delegation.malformed',
    ],
  ])('but not %s', async (name, change, code) => {
    const names = name === 'cut in two elsewhere' ? ['a', 'b', 'c'] : ['a', 'b'];
    const chain = await chainOf(names);
    const { verifyDelegation } = verifierOf();
    verifyDelegation(askOf(chain), callerOf(names.at(-1) ?? ''), openingOf(), AT);
    expect(codeOf(() => verifyDelegation(...change(chain)))).toBe(code);
  });

  test('a refused one is not', async () => {
    const { verifyDelegation } = verifierOf();
    const early = await chainOf(['a', 'b'], [{ iat: AT / 1000 + 120 }]);
    const code = (at: number) => codeOf(() => verifyDelegation(askOf(early), callerOf('b'), openingOf(), at));
    expect([code(AT), code(AT + 60_000)]).toEqual(['delegation.not_yet_valid', 'accepted']);
  });
});

test('what is shared between asks cannot be changed', async () => {
  const chain = [await hop('a', 'b')];
  const authority = verifierOf().verifyDelegation(askOf(chain), callerOf('b'), openingOf(), AT);
  const { actors, hops, limits, hopLimits } = authority;
  for (const part of [authority, actors, hops, limits, hopLimits, ...Object.values(hopLimits)])
    expect(Object.isFrozen(part)).toBe(true);
});
