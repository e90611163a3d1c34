/** Attacks that try to hand on more than was had. */
import { describe, expect, test } from 'vitest';
import type { Mandate } from '../../src/model/mandate.ts';
import {
  AT,
  askOf,
  callerOf,
  chainOf,
  codeOf,
  type HopChanges,
  identityOf,
  openingOf,
  verifierOf,
} from '../delegation/chains.ts';

interface Widened {
  readonly hops: readonly HopChanges[];
  readonly mandate?: Partial<Mandate>;
  readonly agents?: Record<string, Record<string, unknown>>;
}

const NAMES = ['a', 'b', 'c', 'd', 'e'];
async function code({ hops, mandate, agents }: Widened): Promise<string> {
  const names = NAMES.slice(0, hops.length + 1);
  const chain = await chainOf(names, hops);
  const { verifyDelegation } = verifierOf(agents);
  // The asked action is one that every hop permits: the chain is refused for what it is, not for what is asked.
  return codeOf(() =>
    verifyDelegation(askOf(chain, 'payment.send'), callerOf(names.at(-1) ?? ''), openingOf(mandate), AT),
  );
}

describe('widened', () => {
  test.each<[string, Widened]>([
    ['the root beyond the mandate', { hops: [{ actions: ['payment.*', 'customer.read'] }] }],
    ['the root takes everything', { hops: [{ actions: ['*'] }] }],
    ['a hop beyond its parent', { hops: [{ actions: ['payment.send'] }, { actions: ['payment.*'] }] }],
    [
      'a hop back to what the root had',
      {
        hops: [
          { actions: ['payment.*'] },
          { actions: ['payment.send'] },
          { actions: ['payment.send', 'payment.refund'] },
        ],
      },
    ],
    [
      'one more action at the end of a long chain',
      { hops: [{}, {}, {}, { actions: ['payment.send', 'invoice.read'] }] },
    ],
    [
      'a prefix that only looks narrower',
      { hops: [{ actions: ['payment.send'] }, { actions: ['payment.send.*'] }] },
    ],
    ['the orchestrator never had it', { hops: [{}], agents: { a: { actions: ['invoice.*'] } } }],
    [
      'a middle agent is not registered for it',
      { hops: [{}, {}], agents: { b: { actions: ['payment.quote'] } } },
    ],
    ['a limit above the mandate', { hops: [{ limits: { eur: '1000.01' } }] }],
    ['a limit above the parent', { hops: [{ limits: { eur: '10' } }, { limits: { eur: '11' } }] }],
    ['a limit above the grandparent', { hops: [{ limits: { eur: '10' } }, {}, { limits: { eur: '11' } }] }],
    [
      'a limit that is greater as a number, not as text',
      { hops: [{ limits: { eur: '9' } }, { limits: { eur: '10' } }] },
    ],
    ['a budget that the mandate does not have', { hops: [{ limits: { usd: '1' } }] }],
    ['a budget with the name of a method', { hops: [{ limits: { toString: '1' } }] }],
    ['a root by another agent than the mandate names', { hops: [{}], mandate: { actor: identityOf('d') } }],
    ['an empty mandate', { hops: [{}], mandate: { actions: [] } }],
  ])('%s', async (_, widened) => {
    expect(await code(widened)).toBe('delegation.widened');
  });
});

describe('not widened', () => {
  test.each<[string, Widened]>([
    ['the same again', { hops: [{}, {}, {}] }],
    ['narrower and narrower', { hops: [{ actions: ['payment.*'] }, { actions: ['payment.send'] }] }],
    ['a limit at the mandate', { hops: [{ limits: { eur: '1000.00' } }] }],
    ['a limit of nothing', { hops: [{ limits: { eur: '10' } }, { limits: { eur: '0' } }] }],
    ['a limit written another way', { hops: [{ limits: { eur: '10.5' } }, { limits: { eur: '10.50' } }] }],
    [
      'a root by another credential of the same agent',
      {
        hops: [{}],
        mandate: { actor: identityOf('d') },
        agents: { a: { agent: 'one' }, d: { agent: 'one' } },
      },
    ],
  ])('%s', async (_, chain) => {
    expect(await code(chain)).toBe('accepted');
  });
});

test('a widened hop is refused whatever is asked, even what its parent had', async () => {
  const chain = await chainOf(['a', 'b', 'c'], [{ actions: ['payment.send'] }, { actions: ['payment.*'] }]);
  for (const action of ['payment.send', 'payment.refund', 'invoice.read'])
    expect(
      codeOf(() => verifierOf().verifyDelegation(askOf(chain, action), callerOf('c'), openingOf(), AT)),
    ).toBe('delegation.widened');
});

test('a hop outlives the mandate that it was made under by nothing, however long it says it lasts', async () => {
  const chain = await chainOf(['a', 'b', 'c'], [{ exp: AT / 1000 + 3600 }, { exp: AT / 1000 + 3600 }]);
  const opening = openingOf({ expiresAt: AT + 4000 });
  const { verifyDelegation } = verifierOf();
  const at = (when: number) => verifyDelegation(askOf(chain), callerOf('c'), opening, when);
  expect(at(AT + 3999).expiresAt).toBe(AT + 4000);
  expect(codeOf(() => at(AT + 4000))).toBe('delegation.expired');
});
