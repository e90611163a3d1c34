/** Whatever the chain: what comes out is never wider than any hop, and a hop that widens refuses the chain. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareDecimal, parseDecimal } from '../../src/model/decimal.ts';
import { compilePatterns, narrows } from '../../src/model/pattern.ts';
import { AT, askOf, callerOf, chainOf, codeOf, openingOf, verifierOf } from '../delegation/chains.ts';

/** A small world: every pattern can be checked against every action, without the code under test. */
const ACTIONS = ['a', 'a.b', 'a.c', 'a.b.c', 'a.b.d', 'ab', 'd.e', 'd'];
const PATTERNS = ['*', 'a.*', 'a.b.*', 'd.*', ...ACTIONS];
/** An action below every prefix that no exact pattern names: it tells a prefix from a list of its members. */
const PROBES = [...ACTIONS, 'a.zz', 'a.b.zz', 'd.zz', 'zz'];

/** The meaning of a pattern, said slowly. */
function plainly(pattern: string, action: string): boolean {
  if (pattern === '*') return true;
  if (!pattern.endsWith('.*')) return pattern === action;
  const parts = pattern.slice(0, -2).split('.');
  const steps = action.split('.');
  return steps.length > parts.length && parts.every((part, index) => part === steps[index]);
}
const permitsPlainly = (patterns: readonly string[], action: string) =>
  patterns.some((pattern) => plainly(pattern, action));
const insidePlainly = (child: readonly string[], parent: readonly string[]) =>
  PROBES.every((action) => !permitsPlainly(child, action) || permitsPlainly(parent, action));

const patterns = fc.uniqueArray(fc.constantFrom(...PATTERNS), { maxLength: 4 });
const amount = fc.integer({ min: 0, max: 2000 }).map((cents) => (cents / 100).toFixed(2));
const limits = fc.record({ eur: amount, calls: amount }, { requiredKeys: [] });
const hop = fc.record({ actions: patterns, limits });
/** Chains that narrow: each hop keeps some of what its parent had, and as much or less of each budget. */
const keep = fc.record({ drop: fc.nat(7), limits });
const narrowing = fc
  .record({
    mandate: fc.uniqueArray(fc.constantFrom(...PATTERNS), { minLength: 2, maxLength: 5 }),
    scopes: fc.oneof(fc.constant(['*']), patterns),
    keeps: fc.array(keep, { minLength: 1, maxLength: 4 }),
  })
  .map(({ mandate, scopes, keeps }) => {
    let actions: readonly string[] = mandate;
    const held: Record<string, number> = { eur: 15, calls: 15 };
    const hops = keeps.map(({ drop, limits: wanted }) => {
      actions = actions.filter((_, index) => index !== drop);
      const left = Object.entries(wanted).map(([budget, text]) => {
        const most = Math.min(Number(text), held[budget] ?? 0);
        held[budget] = most;
        return [budget, most.toFixed(2)];
      });
      return { actions, limits: Object.fromEntries(left) as Record<string, string> };
    });
    return { mandate, scopes, hops };
  });
const anyChain = fc.record({
  mandate: patterns,
  scopes: patterns,
  hops: fc.array(hop, { minLength: 1, maxLength: 4 }),
});

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const verifier = verifierOf();
const MANDATE_LIMITS = { eur: '15', calls: '15' };

/** Whether some hop leaves what its parent had, judged slowly. */
function widens(
  mandate: readonly string[],
  hops: readonly { actions: readonly string[]; limits: Record<string, string> }[],
): boolean {
  let actions = mandate;
  const held: Record<string, string> = { ...MANDATE_LIMITS };
  for (const { actions: left, limits: most } of hops) {
    if (!insidePlainly(left, actions)) return true;
    actions = left;
    for (const [budget, text] of Object.entries(most)) {
      if (Number(text) > Number(held[budget])) return true;
      held[budget] = text;
    }
  }
  return false;
}

test('patterns mean what they say, and inside means inside', () => {
  fc.assert(
    fc.property(patterns, patterns, (child, parent) => {
      const compiled = compilePatterns(child);
      for (const action of PROBES) expect(compiled(action)).toBe(permitsPlainly(child, action));
      expect(narrows(child, parent)).toBe(insidePlainly(child, parent));
    }),
    { numRuns: 2000 },
  );
});

test('authority is never wider than any hop, the scopes or the mandate, and a chain that widens is refused', async () => {
  const seen = { accepted: 0, refused: 0, permitted: 0 };
  await fc.assert(
    fc.asyncProperty(fc.oneof(narrowing, anyChain), async ({ mandate, scopes, hops }) => {
      const names = NAMES.slice(0, hops.length + 1);
      const chain = await chainOf(names, hops as { actions: string[]; limits: Record<string, string> }[]);
      const caller = callerOf(names.at(-1) ?? '', { actions: scopes });
      const opening = openingOf({ actions: mandate, limits: MANDATE_LIMITS });
      const verify = (action: string) => verifier.verifyDelegation(askOf(chain, action), caller, opening, AT);
      if (widens(mandate, hops as Parameters<typeof widens>[1])) {
        seen.refused += 1;
        expect(codeOf(() => verify('a.b'))).toBe('delegation.widened');
        return;
      }
      seen.accepted += 1;
      for (const action of PROBES) {
        const { permits, limits: left, hopLimits, hops: named } = verify(action);
        const everybody = [mandate, scopes, ...hops.map((item) => item.actions)];
        expect(permits).toBe(everybody.every((some) => permitsPlainly(some, action)));
        if (permits) seen.permitted += 1;
        for (const item of hops)
          for (const [budget, text] of Object.entries(item.limits))
            expect(atMost(left[budget], text)).toBe(true);
        // What is told of each hop is what it says, and the least of it is what all of them leave.
        for (const [index, item] of hops.entries())
          expect(hopLimits[named[index] ?? '']).toEqual(
            Object.fromEntries(
              Object.entries(item.limits).map(([budget, text]) => [budget, parseDecimal(text)]),
            ),
          );
      }
    }),
    { numRuns: 300 },
  );
  // A generator that made only one kind would prove nothing.
  expect(seen.accepted).toBeGreaterThan(30);
  expect(seen.refused).toBeGreaterThan(30);
  expect(seen.permitted).toBeGreaterThan(30);
});

function atMost(left: string | undefined, most: string | undefined): boolean {
  const [a, b] = [parseDecimal(left ?? ''), parseDecimal(most ?? '')];
  return a !== undefined && b !== undefined && compareDecimal(a, b) <= 0;
}

test('no change of one character makes another chain that is accepted', async () => {
  const chain = await chainOf(['a', 'b', 'c']);
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=';
  fc.assert(
    fc.property(fc.nat(1), fc.nat(), fc.constantFrom(...ALPHABET), (which, place, letter) => {
      const compact = chain[which] ?? '';
      const index = place % compact.length;
      fc.pre(compact[index] !== letter);
      const changed = chain.map((item, i) =>
        i === which ? item.slice(0, index) + letter + item.slice(index + 1) : item,
      );
      expect(
        codeOf(() => verifier.verifyDelegation(askOf(changed), callerOf('c'), openingOf(), AT)),
      ).not.toBe('accepted');
    }),
    { numRuns: 500 },
  );
});
