import { describe, expect, test } from 'vitest';
import type { Verdict } from '../../src/model/decision.ts';
import type { Facts } from '../../src/model/facts.ts';
import { reasonOf } from '../../src/model/reason.ts';
import type { Session } from '../../src/model/session.ts';
import { holdFloors } from '../../src/policy/floors.ts';
import { action, facts, session } from './facts.ts';

const allow: Verdict = { effect: 'allow', reasons: [], obligations: [], consume: [] };
const spending = (...amounts: string[]): Verdict => ({
  ...allow,
  consume: amounts.map((amount) => ({ budget: 'payments', amount })),
});
const inSession = (changed: Partial<Session>): Facts => ({ ...facts, session: { ...session, ...changed } });
const codesOf = (held: Verdict) => held.reasons.map(({ code }) => code);

test('a verdict that no floor touches is returned as it is', () => {
  const verdict = spending('100');
  expect(holdFloors(facts, verdict)).toBe(verdict);
});

describe('an allow becomes', () => {
  test.each<[string, Facts, Verdict, string, string]>([
    [
      'a deny outside the authority of the chain',
      { ...facts, authority: { ...facts.authority, permits: false } },
      allow,
      'deny',
      'authority.exceeded',
    ],
    ['a deny outside the mandate', inSession({ mandatePermits: false }), allow, 'deny', 'authority.exceeded'],
    ['a deny after the task', inSession({ state: 'closed' }), allow, 'deny', 'session.task_closed'],
    ['a deny while suspended', inSession({ state: 'suspended' }), allow, 'deny', 'session.suspended'],
    ['a deny without the session it needs', { ...facts, session: null }, allow, 'deny', 'session.required'],
    [
      'an escalate while the outcome is unknown',
      inSession({ operation: 'unknown' }),
      allow,
      'escalate',
      'session.operation_unknown',
    ],
    ['a deny beyond the budget', facts, spending('3799.51'), 'deny', 'session.budget'],
    ['a deny beyond the budget in parts', facts, spending('3799', '0.51'), 'deny', 'session.budget'],
    [
      'a deny beyond what the chain leaves',
      { ...facts, authority: { ...facts.authority, limits: { payments: '99.99' } } },
      spending('100'),
      'deny',
      'session.budget',
    ],
    ['a deny on a negative amount', facts, spending('-1'), 'deny', 'session.budget'],
    ['a deny on no amount', facts, spending('x'), 'deny', 'session.budget'],
    [
      'a deny on a budget that the mandate does not name',
      facts,
      { ...allow, consume: [{ budget: 'mails', amount: '0' }] },
      'deny',
      'session.budget',
    ],
    [
      'a deny on a budget by a name of every object',
      facts,
      { ...allow, consume: [{ budget: 'toString', amount: '0' }] },
      'deny',
      'session.budget',
    ],
    [
      'an escalate when a destination is untrusted',
      { ...facts, provenance: { ...facts.provenance, account: 'untrusted' } },
      allow,
      'escalate',
      'provenance.untrusted',
    ],
    [
      'an escalate when an amount is unknown',
      { ...facts, provenance: { ...facts.provenance, amount: 'unknown' } },
      allow,
      'escalate',
      'provenance.untrusted',
    ],
    [
      'an escalate when nothing was traced',
      { ...facts, provenance: {} },
      allow,
      'escalate',
      'provenance.untrusted',
    ],
  ])('%s', (_, given, verdict, effect, code) => {
    const held = holdFloors(given, verdict);
    expect(held.effect).toBe(effect);
    expect(codesOf(held)).toEqual([code]);
    expect(held.consume).toEqual([]);
  });
});

test('exactly what is left may be spent', () => {
  expect(holdFloors(facts, spending('3799', '0.5')).effect).toBe('allow');
});

test('a stateless read needs no session, and may spend nothing', () => {
  const stateless: Facts = {
    ...facts,
    session: null,
    action: { ...action, class: 'read', effectful: false, stateless: true },
  };
  expect(holdFloors(stateless, allow).effect).toBe('allow');
  expect(codesOf(holdFloors(stateless, spending('1')))).toEqual(['session.required']);
});

test('a plain read is not held to the origin of its arguments', () => {
  const reading: Facts = { ...facts, action: { ...action, effectful: false }, provenance: {} };
  expect(holdFloors(reading, allow).effect).toBe('allow');
});

test('an escalate keeps its reviewers and hears the floor too', () => {
  const escalate: Verdict = {
    ...allow,
    effect: 'escalate',
    reasons: [{ ...reasonOf('session.budget'), reviewers: ['controllers'] }],
  };
  const held = holdFloors({ ...facts, provenance: {} }, escalate);
  expect(codesOf(held)).toEqual(['session.budget', 'provenance.untrusted']);
  expect(held.reasons[0]?.reviewers).toEqual(['controllers']);
  expect(held.reasons[1]?.details).toEqual({ arguments: ['account', 'amount'] });
});

test.each([
  ['with other arguments', { arguments: ['invoice', 'amount'] }, ['invoice', 'amount', 'account']],
  ['without any', undefined, ['account', 'amount']],
])('a floor that the policy named itself, %s, is not named twice', (_how, details, wanted) => {
  const reason = { ...reasonOf('provenance.untrusted', details), reviewers: ['controllers'] };
  const held = holdFloors({ ...facts, provenance: {} }, { ...allow, effect: 'escalate', reasons: [reason] });
  expect(held.reasons).toEqual([{ ...reason, details: { arguments: wanted } }]);
});

test('a deny of the policy is not turned into the escalate of a floor', () => {
  const deny: Verdict = { ...allow, effect: 'deny', reasons: [reasonOf('session.duplicate')] };
  expect(holdFloors({ ...facts, provenance: {} }, deny)).toEqual(deny);
});
