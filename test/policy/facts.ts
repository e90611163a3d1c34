/** Facts of a payment that everything is in order with, and ways to change them. */

import type { Caller } from '../../src/model/caller.ts';
import type { Action, WeightyArgument } from '../../src/model/catalog.ts';
import type { Facts } from '../../src/model/facts.ts';
import { canonicalJson, type JsonObject } from '../../src/model/json.ts';
import type { Session } from '../../src/model/session.ts';

export const AT = 1_767_225_600_000;
const iss = 'https://login.example';

export const caller: Caller = {
  subject: { id: 'alice', iss },
  actor: { id: 'agent:payer', iss },
  priorActors: [],
  client: 'payer',
  scopes: ['payments', 'invoices'],
  actions: ['payment.*', 'invoice.*'],
  auth: { method: 'dpop', bound: true, acr: undefined, authTime: AT / 1000 - 120 },
  binding: 'thumbprint',
  expiresAt: AT + 60_000,
  jti: 'token-1',
};

export const session: Session = {
  id: 's_0123456789abcdef0123456789abcdef',
  state: 'open',
  subject: caller.subject,
  actor: caller.actor,
  age: 30,
  steps: 5,
  denials: 0,
  recent: [
    { action: 'payment.send', effect: 'allow' },
    { action: 'invoice.read', effect: 'allow' },
  ],
  duplicate: false,
  operation: 'none',
  counts: { 'invoice.read': 3, 'payment.send': 1 },
  rate: { action_per_second: 1, action_per_minute: 2, session_per_minute: 6 },
  throttles: {},
  sums: { payments: '1200.5' },
  remaining: { payments: '3799.5' },
  task: {
    type: 'pay_invoices',
    purpose: 'pay the invoices of March that are due',
    state: 'open',
    declared: { vendor: 'v-77' },
  },
  mandatePermits: true,
  head: { version: 6, digest: 'digest' },
  answered: undefined,
  originOf: () => 'unknown',
};

const args: JsonObject = {
  account: 'DE89370400440532013000',
  amount: '1200.50',
  currency: 'EUR',
  invoice: 'INV-2031',
  memo: 'invoice 2031 of March',
  vendor: 'v-77',
};
const weighty: readonly WeightyArgument[] = [
  { path: 'account', value: 'DE89370400440532013000', role: 'destination' },
  { path: 'amount', value: '1200.50', role: 'amount' },
];

export const action: Action = {
  name: 'payment.send',
  class: 'external',
  known: true,
  stateless: false,
  effectful: true,
  entry: {
    class: 'external',
    stateless: false,
    arguments: new Map(),
    identity: [],
    output: { default: 'free_text', fields: new Map() },
  },
  resource: { type: 'invoice', id: 'INV-2031', properties: {} },
  args,
  policyArgs: canonicalJson({ ...args, amount: 1200.5 }),
  identity: 'payment.send|v-77|INV-2031|1200.5',
  values: Object.entries(args).map(([path, value]) => ({ path, value })),
  weighty,
};

export const facts: Facts = {
  ask: {
    pep: { id: 'pep-1', tenant: 'tenant-1', roles: new Set(['asker']) },
    requestId: '0190b2f0-0000-7000-8000-000000000001',
    action: action.name,
    resource: action.resource,
    args,
    credential: { scheme: 'bearer', token: '' },
    session: { kind: 'id', id: session.id },
    chain: [],
    claimed: {},
    deadline: AT + 1000,
    dryRun: false,
    digest: 'digest',
    proofScope: [],
  },
  at: AT,
  id: '0190b2f0-0000-7000-8000-000000000002',
  caller,
  action,
  authority: {
    permits: true,
    depth: 1,
    actors: [
      { id: 'agent:orchestrator', iss },
      { id: 'agent:payer', iss },
    ],
    limits: { payments: '5000' },
    root: { by: caller.subject, task: 'pay_invoices' },
    hops: ['hop-1'],
    hopLimits: {},
    expiresAt: Number.POSITIVE_INFINITY,
  },
  session,
  provenance: {
    account: 'trusted',
    amount: 'user',
    currency: 'trusted',
    invoice: 'user',
    memo: 'unknown',
    vendor: 'trusted',
  },
};

/** The same ask under another action's name, with these arguments. */
export function named(name: string, policyArgs: JsonObject = {}): Facts {
  return { ...facts, action: { ...action, name, policyArgs: canonicalJson(policyArgs), weighty: [] } };
}
