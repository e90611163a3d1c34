/** Attacks on the order and the belonging of hops: each ends with a reason of its own. */
import { describe, expect, test } from 'vitest';
import {
  AT,
  askOf,
  callerOf,
  chainOf,
  codeOf,
  hop,
  NAMES,
  OTHER_DIGEST,
  openingOf,
  verifierOf,
} from '../delegation/chains.ts';

const verifier = verifierOf();
const code = (chain: readonly string[], last: string, by = verifier) =>
  codeOf(() => by.verifyDelegation(askOf(chain), callerOf(last), openingOf(), AT));

test('the chain that the attacks start from is accepted', async () => {
  expect(await chainOf(['a', 'b', 'c', 'd']).then((chain) => code(chain, 'd'))).toBe('accepted');
});

describe('reordered', () => {
  test.each<[string, readonly number[]]>([
    ['the first two swapped', [1, 0, 2]],
    ['the last two swapped', [0, 2, 1]],
    ['backwards', [2, 1, 0]],
    ['turned', [1, 2, 0]],
    ['one there twice', [0, 1, 1, 2]],
  ])('%s', async (_, order) => {
    const chain = await chainOf(['a', 'b', 'c', 'd']);
    expect(
      code(
        order.map((index) => chain[index] ?? ''),
        'd',
      ),
    ).toBe('delegation.reordered');
  });
});

describe('parent missing', () => {
  test.each<[string, readonly number[]]>([
    ['the root cut off', [1, 2]],
    ['a hop cut out of the middle', [0, 2]],
    ['the last hop alone', [2]],
  ])('%s', async (_, kept) => {
    const chain = await chainOf(['a', 'b', 'c', 'd']);
    expect(
      code(
        kept.map((index) => chain[index] ?? ''),
        'd',
      ),
    ).toBe('delegation.parent_missing');
  });
});

describe('spliced', () => {
  test('a hop of another chain through the same agent', async () => {
    const poor = await chainOf(['a', 'b'], [{ actions: ['payment.quote'] }]);
    const rich = await chainOf(['a', 'b', 'c'], [{ jti: 'rich' }]);
    expect(code([...poor, rich[1] ?? ''], 'c')).toBe('delegation.spliced');
  });

  test('a root signed again: the hops that followed the old one do not follow the new one', async () => {
    const chain = await chainOf(['a', 'b', 'c']);
    const again = await hop('a', 'b', { jti: 'again' });
    expect(code([again, chain[1] ?? ''], 'c')).toBe('delegation.spliced');
  });

  test('a hop under the right parent by an agent that it was not given to', async () => {
    const root = await hop('a', 'b');
    expect(code([root, await hop('c', 'd', { parent: root })], 'd')).toBe('delegation.spliced');
  });

  test('a second root', async () => {
    expect(code([await hop('a', 'b'), await hop('b', 'c')], 'c')).toBe('delegation.spliced');
  });
});

describe('looped', () => {
  test.each([
    ['back to the root', ['a', 'b', 'a']],
    ['back to the middle', ['a', 'b', 'c', 'b']],
    ['back to the root from afar', ['a', 'b', 'c', 'd', 'a']],
  ])('%s', async (_, names) => {
    expect(code(await chainOf(names), names.at(-1) ?? '')).toBe('delegation.looped');
  });

  test('back under another name of the same agent', async () => {
    const aliased = verifierOf({ a: { agent: 'one' }, c: { agent: 'one' } });
    expect(code(await chainOf(['a', 'b', 'c']), 'c', aliased)).toBe('delegation.looped');
  });
});

describe('self-issued', () => {
  test('an agent delegates to itself', async () => {
    expect(code(await chainOf(['a', 'a']), 'a')).toBe('delegation.self_issued');
  });
  test('to itself in the middle of a chain', async () => {
    expect(code(await chainOf(['a', 'b', 'b']), 'b')).toBe('delegation.self_issued');
  });
  test('to itself under another name', async () => {
    const aliased = verifierOf({ a: { agent: 'one' }, b: { agent: 'one' } });
    expect(code(await chainOf(['a', 'b']), 'b', aliased)).toBe('delegation.self_issued');
  });
});

describe('too deep', () => {
  test('nine hops', async () => {
    const chain = await chainOf([...NAMES, 'stranger']);
    expect(chain).toHaveLength(9);
    expect(code(chain, 'stranger')).toBe('delegation.too_deep');
  });
  test('one more than configured', async () => {
    expect(code(await chainOf(['a', 'b', 'c', 'd']), 'd', verifierOf({}, 2))).toBe('delegation.too_deep');
  });
  test('a thousand hops of garbage are not read', () => {
    expect(
      code(
        Array.from({ length: 1000 }, () => 'x'),
        'a',
      ),
    ).toBe('delegation.too_deep');
  });
});

describe('another tenant', () => {
  test.each([0, 1])('hop %i', async (index) => {
    const changes = [{}, {}].map((change, i) => (i === index ? { tenant: 'other' } : change));
    expect(code(await chainOf(['a', 'b', 'c'], changes), 'c')).toBe('delegation.other_tenant');
  });
});

describe('another mandate', () => {
  test.each([0, 1])('hop %i', async (index) => {
    const changes = [{}, {}].map((change, i) => (i === index ? { mandate: OTHER_DIGEST } : change));
    expect(code(await chainOf(['a', 'b', 'c'], changes), 'c')).toBe('delegation.other_mandate');
  });
  test.each<[string, number, string]>([
    ['the root says that it is for another task', 0, 'refund_run'],
    ['a later hop says that it is for another task', 1, 'refund_run'],
    ['the task in another spelling', 0, 'Invoice_run'],
  ])('%s', async (_, index, task) => {
    const changes = [{}, {}].map((change, i) => (i === index ? { task } : change));
    expect(code(await chainOf(['a', 'b', 'c'], changes), 'c')).toBe('delegation.other_mandate');
  });
  test('a chain brought into another session', async () => {
    const chain = await chainOf(['a', 'b']);
    const elsewhere = openingOf({}, OTHER_DIGEST);
    expect(codeOf(() => verifier.verifyDelegation(askOf(chain), callerOf('b'), elsewhere, AT))).toBe(
      'delegation.other_mandate',
    );
  });
  test('a chain without any session', async () => {
    const chain = await chainOf(['a', 'b']);
    expect(codeOf(() => verifier.verifyDelegation(askOf(chain), callerOf('b'), undefined, AT))).toBe(
      'delegation.other_mandate',
    );
  });
});

test.each([0, 1, 2])('expired: hop %i ends the chain', async (index) => {
  const changes = [{}, {}, {}].map((change, i) => (i === index ? { exp: AT / 1000 } : change));
  expect(code(await chainOf(['a', 'b', 'c', 'd'], changes), 'd')).toBe('delegation.expired');
});

describe('somebody else', () => {
  test('a chain stolen by another agent', async () => {
    expect(code(await chainOf(['a', 'b']), 'c')).toBe('token.actor_mismatch');
  });
  test('an agent at another issuer with the same id', async () => {
    const chain = await chainOf(['a', 'b']);
    const caller = callerOf('b', { actor: { iss: 'https://evil.example', id: 'agent-b' } });
    expect(codeOf(() => verifier.verifyDelegation(askOf(chain), caller, openingOf(), AT))).toBe(
      'token.actor_mismatch',
    );
  });
  test('the delegator uses the chain that it gave away', async () => {
    expect(code(await chainOf(['a', 'b']), 'a')).toBe('token.actor_mismatch');
  });
});

test('required: an agent registered as delegated only does nothing without a chain', async () => {
  const strict = verifierOf({ b: { delegated_only: true } });
  expect(code([], 'b', strict)).toBe('delegation.required');
  expect(code(await chainOf(['a', 'b']), 'b', strict)).toBe('accepted');
});
