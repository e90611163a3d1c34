/** Inputs that a new policy is tried out and warmed with before it decides anything: plain asks of every class. */

import type { ActionClass } from '../model/catalog.ts';
import { canonicalJson, type JsonObject } from '../model/json.ts';

const CLASSES: readonly ActionClass[] = ['read', 'personal_read', 'write', 'external', 'destructive', 'code'];
const ISSUER = 'https://login.example';

/** One input text for each class of action; the shape is composeInput's (held to it by a test). */
export function trialInputs(): readonly string[] {
  return CLASSES.map((name) => canonicalJson(trialInput(name)));
}

function trialInput(actionClass: ActionClass): JsonObject {
  const actor = { id: 'agent:trial', iss: ISSUER };
  const subject = { id: 'trial', iss: ISSUER };
  const scopes = ['invoices', 'payments', 'vendors'];
  return {
    action: {
      class: actionClass,
      name: actionClass === 'external' ? 'payment.send' : `trial.${actionClass}`,
    },
    args: {
      account: 'DE02120300000000202051',
      amount: 120.5,
      currency: 'EUR',
      invoice: 'INV-1',
      to: ['person@corp.example'],
      vendor: 'acme',
    },
    authority: {
      actors: [{ id: 'agent:root', iss: ISSUER }, actor],
      depth: 1,
      limits: { payments: 5000 },
      permits: true,
      root: { by: subject, task: 'trial' },
      scopes,
    },
    caller: {
      actor,
      auth: { acr: null, age: 60, bound: true, method: 'dpop' },
      client: 'trial',
      scopes,
      subject,
    },
    claimed: {},
    provenance: {
      account: 'trusted',
      amount: 'user',
      currency: 'trusted',
      invoice: 'user',
      'to[0]': 'user',
      vendor: 'trusted',
    },
    resource: { id: 'INV-1', type: 'invoice' },
    session: {
      age: 30,
      counts: { 'invoice.read': 3, 'payment.send': 1 },
      denials: 0,
      duplicate: false,
      id: 'trial',
      operation: 'none',
      rate: { action_per_minute: 2, action_per_second: 1, session_per_minute: 6 },
      recent: [{ action: 'invoice.read', effect: 'allow' }],
      remaining: { payments: 3800 },
      state: 'open',
      steps: 4,
      sums: { payments: 1200 },
      throttles: {},
    },
    task: { declared: { vendor: 'acme' }, purpose: 'try the policy out', state: 'open', type: 'trial' },
    time: { unix_ms: 1_767_225_600_000 },
  };
}
