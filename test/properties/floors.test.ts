import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Origin } from '../../src/model/catalog.ts';
import type { Verdict } from '../../src/model/decision.ts';
import { type Effect, type OwnCode, reasonOf, STRICTNESS } from '../../src/model/reason.ts';
import { holdFloors } from '../../src/policy/floors.ts';
import { anyFacts, decimal, effects } from '../policy/any-facts.ts';

const codes: readonly OwnCode[] = ['session.rate', 'session.duplicate', 'provenance.untrusted'];
const amount = fc.oneof(decimal, fc.constantFrom('-1', 'x', ''));

const anyVerdict: fc.Arbitrary<Verdict> = fc
  .record({
    effect: fc.constantFrom(...effects),
    code: fc.constantFrom(...codes),
    consume: fc.array(fc.record({ budget: fc.constantFrom('payments', 'mails', 'toString'), amount }), {
      maxLength: 3,
    }),
  })
  .map(({ effect, code, consume }) => ({
    effect,
    reasons: effect === 'allow' ? [] : [{ ...reasonOf(code), reviewers: ['controllers'] }],
    obligations: [],
    consume: effect === 'allow' ? consume : [],
  }));

/** 0 is strictest. */
const rank = (effect: Effect) => STRICTNESS.indexOf(effect);

/** From best to worst. */
const worse: Readonly<Record<Origin, readonly Origin[]>> = {
  user: ['user', 'trusted', 'counterparty', 'referenced', 'untrusted', 'unknown'],
  trusted: ['trusted', 'counterparty', 'referenced', 'untrusted', 'unknown'],
  counterparty: ['counterparty', 'referenced', 'untrusted', 'unknown'],
  referenced: ['referenced', 'untrusted', 'unknown'],
  untrusted: ['untrusted', 'unknown'],
  unknown: ['unknown'],
};

test('whatever the facts, the floors never loosen a verdict', () => {
  fc.assert(
    fc.property(anyFacts, anyVerdict, (facts, verdict) => {
      const held = holdFloors(facts, verdict);
      expect(rank(held.effect)).toBeLessThanOrEqual(rank(verdict.effect));
      if (held.effect !== 'allow') expect(held.reasons.length).toBeGreaterThan(0);
      const codesOf = held.reasons.map(({ code }) => code);
      expect(new Set(codesOf).size).toBe(codesOf.length);
      if (held.effect !== verdict.effect) return;
      // A floor may have details of its own to add, nothing else.
      const kept = verdict.reasons.map(({ details: _details, ...reason }) => expect.objectContaining(reason));
      expect(held.reasons).toEqual(expect.arrayContaining(kept));
    }),
    { numRuns: 2000 },
  );
});

test('an allow that passes is inside authority and budget, and moves nothing of doubtful origin', () => {
  let allowed = 0;
  fc.assert(
    fc.property(anyFacts, (any) => {
      const facts = { ...any, authority: { ...any.authority, permits: true } };
      const verdict: Verdict = { effect: 'allow', reasons: [], obligations: [], consume: [] };
      if (holdFloors(facts, verdict).effect !== 'allow') return;
      allowed += 1;
      expect(facts.session?.mandatePermits ?? true).toBe(true);
      expect(facts.session?.state ?? 'open').toBe('open');
      if (facts.action.effectful)
        for (const { path } of facts.action.weighty)
          expect(['user', 'trusted']).toContain(facts.provenance[path]);
    }),
    { numRuns: 2000 },
  );
  expect(allowed).toBeGreaterThan(50);
});

test('a worse origin never loosens', () => {
  fc.assert(
    fc.property(
      anyFacts,
      anyVerdict,
      fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }),
      (facts, verdict, picks) => {
        const worsened = Object.entries(facts.provenance).map(([path, origin], i): [string, Origin] => {
          const choices = worse[origin];
          return [path, choices[(picks[i] ?? 0) % choices.length] ?? 'unknown'];
        });
        const before = holdFloors(facts, verdict);
        const after = holdFloors({ ...facts, provenance: Object.fromEntries(worsened) }, verdict);
        expect(rank(after.effect)).toBeLessThanOrEqual(rank(before.effect));
        // Forgetting a path altogether is the worst that can be said of it.
        const forgotten = holdFloors({ ...facts, provenance: {} }, verdict);
        expect(rank(forgotten.effect)).toBeLessThanOrEqual(rank(after.effect));
      },
    ),
    { numRuns: 2000 },
  );
});

test('a smaller budget or a withdrawn permission never loosens', () => {
  fc.assert(
    fc.property(anyFacts, anyVerdict, (facts, verdict) => {
      const before = holdFloors(facts, verdict);
      const { session } = facts;
      const poorer = { ...facts, session: session && { ...session, remaining: {} } };
      const banned = { ...facts, authority: { ...facts.authority, permits: false } };
      for (const stricter of [poorer, banned])
        expect(rank(holdFloors(stricter, verdict).effect)).toBeLessThanOrEqual(rank(before.effect));
      expect(holdFloors(banned, verdict).effect).toBe('deny');
    }),
    { numRuns: 1000 },
  );
});
