import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Facts } from '../../src/model/facts.ts';
import { canonicalJson, isJsonObject, type JsonValue, parseJson } from '../../src/model/json.ts';
import { Refusal } from '../../src/model/refusal.ts';
import { composeInput } from '../../src/policy/input.ts';
import { trialInputs } from '../../src/policy/trial.ts';
import { anyFacts } from './any-facts.ts';
import { AT, action, caller, facts, session } from './facts.ts';

const read = (text: string) => parseJson(text, { maxDepth: 16 });
const inputOf = (changed: Partial<Facts> = {}) => read(composeInput({ ...facts, ...changed })) as never;

/** Member names at every level, so that two inputs can be compared by shape. */
function shapeOf(value: JsonValue): JsonValue {
  return isJsonObject(value)
    ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shapeOf(member)]))
    : typeof value;
}

describe('the input', () => {
  test('has the documented shape', () => {
    expect(inputOf()).toEqual({
      action: { class: 'external', name: 'payment.send' },
      args: {
        account: 'DE89370400440532013000',
        amount: 1200.5,
        currency: 'EUR',
        invoice: 'INV-2031',
        memo: 'invoice 2031 of March',
        vendor: 'v-77',
      },
      authority: {
        actors: facts.authority.actors,
        depth: 1,
        limits: { payments: 5000 },
        permits: true,
        root: { by: caller.subject, task: 'pay_invoices' },
        scopes: ['payments', 'invoices'],
      },
      caller: {
        actor: caller.actor,
        auth: { acr: null, age: 120, bound: true, method: 'dpop' },
        client: 'payer',
        scopes: ['payments', 'invoices'],
        subject: caller.subject,
      },
      claimed: {},
      provenance: facts.provenance,
      resource: { id: 'INV-2031', type: 'invoice' },
      session: {
        age: 30,
        counts: { 'invoice.read': 3, 'payment.send': 1 },
        denials: 0,
        duplicate: false,
        id: session.id,
        operation: 'none',
        rate: { action_per_minute: 2, action_per_second: 1, session_per_minute: 6 },
        recent: session.recent,
        remaining: { payments: 3799.5 },
        state: 'open',
        steps: 5,
        sums: { payments: 1200.5 },
        throttles: {},
      },
      task: {
        declared: { vendor: 'v-77' },
        purpose: session.task.purpose,
        state: 'open',
        type: 'pay_invoices',
      },
      time: { unix_ms: AT },
    });
  });

  test('of a stateless ask has neither session nor task', () => {
    expect(inputOf({ session: null })).toMatchObject({ session: null, task: null });
  });

  test('has no root and null ages where nothing is known', () => {
    const auth = { ...caller.auth, authTime: undefined };
    expect(
      inputOf({
        caller: { ...caller, auth },
        authority: { ...facts.authority, root: undefined },
      }),
    ).toMatchObject({ authority: { root: null }, caller: { auth: { age: null } } });
  });

  test('is canonical for any facts', () => {
    fc.assert(
      fc.property(anyFacts, (any) => {
        const text = composeInput(any);
        expect(text).toBe(canonicalJson(read(text)));
      }),
    );
  });

  test('the inputs that policies are tried out with have the same shape', () => {
    const plain = shapeOf(read(composeInput(facts))) as Record<string, JsonValue>;
    for (const text of trialInputs()) {
      expect(text).toBe(canonicalJson(read(text)));
      const trial = shapeOf(read(text)) as Record<string, JsonValue>;
      for (const open of ['args', 'provenance']) trial[open] = plain[open] as JsonValue;
      expect(trial).toEqual(plain);
    }
  });
});

describe('what the input says', () => {
  test('a resource cannot claim another type or id by its properties', () => {
    const resource = { type: 'invoice', id: 'INV-1', properties: { id: 'INV-2', type: 'gift', owner: 'a' } };
    expect(inputOf({ action: { ...action, resource } })).toMatchObject({
      resource: { type: 'invoice', id: 'INV-1', owner: 'a' },
    });
  });

  test.each([
    [true, true, true],
    [true, false, false],
    [false, true, false],
  ])('chain %s and mandate %s permit: %s', (chain, mandate, both) => {
    const input = inputOf({
      authority: { ...facts.authority, permits: chain },
      session: { ...session, mandatePermits: mandate },
    });
    expect(input).toMatchObject({ authority: { permits: both } });
  });

  test('an amended mandate is seen although its declared values are the same object', () => {
    expect(inputOf()).toMatchObject({ task: { purpose: session.task.purpose } });
    const task = { ...session.task, purpose: 'something else' };
    expect(inputOf({ session: { ...session, task } })).toMatchObject({ task: { purpose: 'something else' } });
  });

  test('at most eight steps of history', () => {
    const recent = Array.from({ length: 20 }, () => ({ action: 'invoice.read', effect: 'allow' as const }));
    const input: { session: { recent: unknown[] } } = inputOf({ session: { ...session, recent } });
    expect(input.session.recent).toHaveLength(8);
  });

  test.each([
    ['0', '0'],
    ['120.50', '120.5'],
    ['0.0000001', '1e-7'],
    ['999999999999999', '999999999999999'],
    ['1000000000000000000', '1000000000000000000'],
    ['-3.2', '-3.2'],
  ])('the budget %s is the number %s', (decimal, number) => {
    const text = composeInput({ ...facts, session: { ...session, remaining: { payments: decimal } } });
    expect(text).toContain(`"remaining":{"payments":${number}}`);
  });

  test.each(['9007199254740993', '0.1234567890123456789', 'NaN', 'Infinity', '', 'true', '1,5'])(
    'a budget of `%s` is refused rather than rounded',
    (decimal) => {
      const rounded = { ...facts, session: { ...session, remaining: { payments: decimal } } };
      expect(() => composeInput(rounded)).toThrow(Refusal);
      expect(() => composeInput(rounded)).toThrow('session.budget');
    },
  );
});
