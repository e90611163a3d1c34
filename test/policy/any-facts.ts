/** Random facts, names and values as hostile as the wire lets through. */
import fc from 'fast-check';
import type { ActionClass, Origin } from '../../src/model/catalog.ts';
import { formatDecimal } from '../../src/model/decimal.ts';
import type { Facts } from '../../src/model/facts.ts';
import { canonicalJson, type JsonObject } from '../../src/model/json.ts';
import type { Effect } from '../../src/model/reason.ts';
import { action, caller, facts, session } from './facts.ts';

export const effects: readonly Effect[] = ['deny', 'throttle', 'escalate', 'allow'];
const origins: readonly Origin[] = ['user', 'trusted', 'untrusted', 'unknown'];
const classes: readonly ActionClass[] = ['read', 'personal_read', 'write', 'external', 'destructive', 'code'];

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).filter((value) => value.isWellFormed()),
  fc.constantFrom('a', 'é', '€', '💶', '"', '\\', '\n', '\u2028', '', 'z'),
);
const name = text.filter((value) => value !== '__proto__');
const identity = fc.record({ iss: text, id: text });
export const decimal: fc.Arbitrary<string> = fc
  .record({ units: fc.bigInt({ min: 0n, max: 10n ** 15n - 1n }), scale: fc.integer({ min: 0, max: 6 }) })
  .map(formatDecimal);
const budgets = fc.dictionary(fc.oneof(name, fc.constantFrom('payments', 'mails')), decimal, { maxKeys: 4 });
const object = fc
  .dictionary(name, fc.oneof(fc.jsonValue({ maxDepth: 2 }), text), { maxKeys: 4 })
  .map((value): JsonObject => JSON.parse(JSON.stringify(value)))
  .filter((value) => !canonicalJson(value).includes('__proto__'));
const paths = fc.uniqueArray(fc.oneof(name, fc.constantFrom('account', 'amount', 'to[0]')), { maxLength: 4 });
const count = fc.nat(1_000_000);

const anySession = fc.record({
  ...{ id: text, age: count, steps: count, denials: count, duplicate: fc.boolean() },
  state: fc.constantFrom('open' as const, 'suspended' as const, 'closed' as const),
  operation: fc.constantFrom('none' as const, 'same' as const, 'unknown' as const),
  recent: fc.array(fc.record({ action: text, effect: fc.constantFrom(...effects) }), { maxLength: 10 }),
  counts: fc.dictionary(name, count, { maxKeys: 4 }),
  throttles: fc.dictionary(name, count, { maxKeys: 4 }),
  rate: fc.record({ action_per_second: count, action_per_minute: count, session_per_minute: count }),
  ...{ sums: budgets, remaining: budgets, mandatePermits: fc.boolean() },
  task: fc.record({
    ...{ type: text, purpose: text, declared: fc.dictionary(name, text, { maxKeys: 3 }) },
    state: fc.constantFrom('open' as const, 'suspended' as const, 'closed' as const),
  }),
});

export const anyFacts: fc.Arbitrary<Facts> = fc
  .record({
    at: fc.integer({ min: 0, max: 4_102_444_800_000 }),
    args: object,
    claimed: object,
    action: fc.record({
      ...{ name: text, effectful: fc.boolean(), stateless: fc.boolean(), known: fc.boolean() },
      class: fc.constantFrom(...classes),
      resource: fc.record({ type: text, id: text, properties: object }),
    }),
    authority: fc.record({
      ...{ permits: fc.boolean(), depth: fc.nat(8), limits: budgets },
      actors: fc.array(identity, { maxLength: 3 }),
      root: fc.option(fc.record({ by: identity, task: text }), { nil: undefined }),
      hops: fc.constant([]),
      hopLimits: fc.constant({}),
      expiresAt: fc.constant(Number.POSITIVE_INFINITY),
    }),
    caller: fc.record({
      ...{ subject: identity, actor: identity, client: text, scopes: fc.array(text, { maxLength: 3 }) },
      auth: fc.record({
        method: fc.constantFrom('bearer' as const, 'dpop' as const, 'certificate' as const),
        bound: fc.boolean(),
        acr: fc.option(text, { nil: undefined }),
        authTime: fc.option(fc.nat(4_000_000_000), { nil: undefined }),
      }),
    }),
    session: fc.option(anySession, { nil: null }),
    traced: fc.tuple(paths, paths, fc.array(fc.constantFrom(...origins), { minLength: 8, maxLength: 8 })),
  })
  .map((any) => {
    const [traced, weighty, found] = any.traced;
    return {
      ...facts,
      ask: { ...facts.ask, claimed: any.claimed },
      at: any.at,
      caller: { ...caller, ...any.caller },
      authority: any.authority,
      action: {
        ...action,
        ...any.action,
        args: any.args,
        policyArgs: canonicalJson(any.args),
        weighty: weighty.map((path) => ({ path, value: '', role: 'amount' as const })),
      },
      session: any.session === null ? null : { ...session, ...any.session },
      provenance: Object.fromEntries(traced.map((path, i) => [path, found[i] ?? 'unknown'])),
    };
  });
