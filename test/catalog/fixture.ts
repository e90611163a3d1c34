import type { Ask } from '../../src/model/ask.ts';
import { type JsonObject, type JsonValue, parseJson } from '../../src/model/json.ts';

export const CATALOG: JsonValue = {
  version: 1,
  actions: {
    'payment.send': {
      class: 'external',
      arguments: {
        vendor: { type: 'string', role: 'plain', max_length: 64 },
        account: { type: 'string', role: 'destination', max_length: 34, sensitive: true },
        amount: { type: 'decimal', role: 'amount' },
        invoice: { type: 'string', role: 'resource_id', max_length: 64 },
        urgent: { type: 'boolean', role: 'plain', required: false },
        note: { type: 'string', role: 'content', required: false },
      },
      identity: ['vendor', 'invoice', 'amount'],
      output: { default: 'free_text', fields: { payment_id: 'system' } },
    },
    'mail.send': {
      class: 'external',
      arguments: {
        to: { type: 'string_list', role: 'destination', max_length: 254 },
        options: { type: 'object', role: 'plain', required: false },
        copies: { type: 'integer', role: 'plain', required: false },
        weight: { type: 'number', role: 'amount', required: false },
      },
    },
    'wire.send': {
      class: 'external',
      arguments: {
        to: { type: 'object', role: 'destination' },
        about: { type: 'object', role: 'plain', required: false },
      },
      identity: ['to'],
    },
    'rate.read': {
      class: 'read',
      stateless: true,
      arguments: { from: { type: 'string', role: 'plain', max_length: 3 } },
    },
    'customer.read': {
      class: 'personal_read',
      arguments: { customer: { type: 'string', role: 'resource_id' } },
    },
  },
};

export const PAYMENT: JsonObject = {
  vendor: 'Blue Harbor Ltd',
  account: 'DE89370400440532013000',
  amount: '120.50',
  invoice: 'INV-7',
};

/** An ask as the wire would decode it: arguments through the strict parser. */
export function ask(action: string, args: JsonObject, resource = { type: 'invoice', id: 'INV-7' }): Ask {
  return {
    pep: { id: 'gateway', tenant: 'acme', roles: new Set(['asker']) },
    requestId: '01890a5d-ac96-774b-bcce-b302099a8057',
    action,
    resource: { ...resource, properties: {} },
    args: parseJson(JSON.stringify(args), { maxDepth: 32 }) as JsonObject,
    credential: { scheme: 'bearer', token: 'not-a-token' },
    session: { kind: 'none' },
    chain: [],
    claimed: {},
    deadline: 1_760_000_001_000,
    dryRun: false,
    digest: 'digest',
    proofScope: [],
  };
}
