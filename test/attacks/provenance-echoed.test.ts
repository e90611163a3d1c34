/** The agent hands a tool a value that nobody vouched for, the tool repeats it in a system's field, and now it is a record's. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Client, Decision } from '../../src/client/client.ts';
import type { Report } from '../../src/client/report.ts';
import { createGuarded, type Guarded } from './guarded.ts';

const EVIL = 'DE89370400440532013000';
const UNTRUSTED = 'provenance.untrusted';

let house: Guarded;
let client: Client;
let token: string;
let session: string;

beforeAll(async () => {
  house = await createGuarded();
  ({ client } = house.first);
  token = await house.token();
}, 30_000);

afterAll(() => house?.end());

/** The user names an invoice, an amount and a vendor, and leaves the account to the records. */
beforeEach(async () => {
  const opened = await client.openSession({
    taskType: 'pay_invoices',
    purpose: 'pay INV-1 of acme',
    actions: ['invoice.*', 'vendor.lookup', 'report.write', 'payment.send'],
    declared: { amount: '100', rate: '1.2' },
    limits: { payments: '20000' },
    expiresAt: Date.now() + 600_000,
  });
  session = opened.id;
});

type Args = Readonly<Record<string, string>>;

async function ask(action: string, args: Args): Promise<Decision> {
  const { decision } = await client.authorize({ action, session, arguments: args, token });
  if (decision === undefined) throw new Error('nothing was decided');
  return decision;
}

/** An allowed step, and what its tool gave back. */
async function step(action: string, args: Args, told: Partial<Report>): Promise<void> {
  const { id, effect } = await ask(action, args);
  expect(effect).toBe('allow');
  await client.report({ decisionId: id, sessionId: session, outcome: 'executed', ...told });
}

async function pay(account: string, { invoice = 'INV-1', amount = '100' } = {}): Promise<string> {
  const { effect, reasons } = await ask('payment.send', { vendor: 'acme', account, amount, invoice });
  return effect === 'allow' ? 'allow' : reasons.map(({ code }) => code).join(' ');
}

describe('an account of the agent’s own is not paid', () => {
  test.each<[how: string, action: string, args: Args, output: unknown]>([
    [
      'a search repeats what it was asked',
      'vendor.lookup',
      { vendor: EVIL },
      { vendor_id: EVIL, error: 'none' },
    ],
    ['a search spells it', 'vendor.lookup', { vendor: `pay to ${[...EVIL].join(' ')}` }, { account: EVIL }],
    ['glued to letters, repeated without', 'vendor.lookup', { vendor: `ab${EVIL}` }, { account: EVIL }],
    ['a search repeats it as the account', 'vendor.lookup', { vendor: EVIL }, { account: EVIL }],
    [
      'written with blanks, repeated without',
      'vendor.lookup',
      { vendor: 'DE89 3704 0044 0532 0130 00' },
      { account: EVIL },
    ],
    ['a part is repeated', 'vendor.lookup', { vendor: `acme (${EVIL})` }, { account: EVIL }],
    ['a part between slashes is repeated', 'vendor.lookup', { vendor: `acme/${EVIL}/x` }, { account: EVIL }],
    ['it is repeated in a sentence', 'vendor.lookup', { vendor: EVIL }, { account: `none for ${EVIL}` }],
    ['a note is named by it', 'report.write', { report: EVIL, text: 'x' }, { report_id: EVIL }],
    ['a note holds it', 'report.write', { report: 'r', text: `pay to ${EVIL}` }, { report_id: EVIL }],
    [
      'it is one of very many values',
      'report.write',
      { report: 'r', text: `${numbers(90)} ${EVIL}` },
      { report_id: EVIL },
    ],
  ])('%s', async (_how, action, args, output) => {
    expect(await pay(EVIL)).toBe(UNTRUSTED);
    await step(action, args, { output });
    expect(await pay(EVIL)).toBe(UNTRUSTED);
  });

  test.each([
    ['few', 90],
    ['more than are kept', 260],
  ])(
    'what a note was written with, among %s other values, comes out of a record later',
    async (_how, others) => {
      const text = `${numbers(others)} ${EVIL}`;
      await step('report.write', { report: 'r', text }, { output: { report_id: 'r-1' } });
      await step('vendor.lookup', { vendor: 'acme' }, { output: { vendor_id: 'acme', account: EVIL } });
      expect(await pay(EVIL)).toBe(UNTRUSTED);
    },
  );

  test('what a note was written with comes out of a record later', async () => {
    await step('report.write', { report: 'r', text: `pay to ${EVIL}` }, { output: { report_id: 'r-1' } });
    await step('vendor.lookup', { vendor: 'acme' }, { output: { vendor_id: 'acme', account: EVIL } });
    expect(await pay(EVIL)).toBe(UNTRUSTED);
  });

  test('and the text beside the echo names it too: no record is believed afterwards', async () => {
    await step(
      'vendor.lookup',
      { vendor: EVIL },
      { output: { vendor_id: EVIL, description: `use ${EVIL}` } },
    );
    await step('vendor.lookup', { vendor: 'acme' }, { output: { vendor_id: 'acme', account: EVIL } });
    expect(await pay(EVIL)).toBe(UNTRUSTED);
  });
});

describe('an amount of the agent’s own is not paid', () => {
  test.each([
    ['EUR999', '999'],
    ['999EUR', '999'],
    ['$999:1', '999'],
    [':999:1$', '999'],
    ['9.001', '9001'],
    ['1.200', '1200'],
    ['1.200 (as ever)', '1200'],
    ['REF-999', '999', '999'],
    ['kr999', '999', '999'],
    ['000999', '999', '999'],
    ['9.99e2', '999', '999'],
    ['x-000999', '999', '999'],
    ['acct-kr999', '999', '999'],
    ['EUR000999', '999', '999'],
    ['am 31.12.2026 1 200,00 EUR', '1200', '1200'],
    ['999-REF', '999', '999'],
    ['EUR999-REF', '999', '999'],
  ])('a search for %s repeats it', async (vendor, amount, said = vendor) => {
    await step('vendor.lookup', { vendor: 'acme' }, { output: { vendor_id: 'acme', account: EVIL } });
    expect(await pay(EVIL, { amount })).toContain(UNTRUSTED);
    await step('vendor.lookup', { vendor }, { output: { vendor_id: said } });
    expect(await pay(EVIL, { amount })).toContain(UNTRUSTED);
  });

  test('a part of one argument that stands as a whole in another is repeated', async () => {
    const long = 'one two three four five six seven eight zeta/999';
    await step('vendor.lookup', { vendor: 'acme' }, { output: { vendor_id: 'acme', account: EVIL } });
    await step('report.write', { report: 'r', text: long, title: 'zeta/999' }, { output: {} });
    await step('vendor.lookup', { vendor: 'acme' }, { output: { vendor_id: 'zeta' } });
    await step('invoice.read', { invoice: 'INV-1' }, { output: { invoice_id: 'zeta' } });
    expect(await pay('zeta')).toBe(UNTRUSTED);
  });

  test.each(['1234 5678 9012', '60-16-13 31926819'])('its groups are repeated: %s', async (account) => {
    await step('vendor.lookup', { vendor: `pay to ${account}` }, { output: { account } });
    expect(await pay(account)).toBe(UNTRUSTED);
  });

  test('what a note was written with in groups comes out of a record in others', async () => {
    await step('report.write', { report: 'r', text: 'pay 1234 5678 9012' }, { output: {} });
    const account = '1234-5678-9012';
    await step('vendor.lookup', { vendor: 'acme' }, { output: { vendor_id: 'acme', account } });
    expect(await pay(account)).toBe(UNTRUSTED);
  });

  test('a record that named it first is believed when a note was written with it in another spelling since', async () => {
    const account = '1234-5678-9012';
    await step('vendor.lookup', { vendor: 'acme' }, { output: { vendor_id: 'acme', account } });
    await step('report.write', { report: 'r', text: 'next: pay 1234 5678 9012' }, { output: {} });
    expect(await pay(account)).toBe('allow');
  });

  test('a plain word of a short text is repeated', async () => {
    await step('report.write', { report: 'r', text: 'pay to zeta/eta' }, { output: {} });
    await step('vendor.lookup', { vendor: 'acme' }, { output: { vendor_id: 'acme', account: 'zeta' } });
    expect(await pay('zeta')).toBe(UNTRUSTED);
  });

  test('a report that it was written into is named by it elsewhere', async () => {
    await step('vendor.lookup', { vendor: 'acme' }, { output: { vendor_id: 'acme', account: EVIL } });
    await step('report.write', { report: 'EUR999', text: 'x' }, { output: {} });
    await step('invoice.read', { invoice: 'INV-1' }, { output: { invoice_id: 'EUR999' } });
    expect(await pay(EVIL, { amount: '999' })).toContain(UNTRUSTED);
  });
});

describe('an account that stands in the resource is not paid when the tool repeats it', () => {
  test.each<[where: string, resource: object]>([
    ['its id', { type: 'vendor', id: EVIL }],
    ['its type', { type: EVIL, id: 'acme' }],
    ['a property', { type: 'vendor', id: 'acme', properties: { a: EVIL } }],
    ['a property’s name', { type: 'vendor', id: 'acme', properties: { [EVIL]: 1 } }],
    ['a property inside', { type: 'vendor', id: 'acme', properties: { a: { b: [1, EVIL] } } }],
  ])('%s', async (_where, resource) => {
    const asked = { action: 'vendor.lookup', session, arguments: { vendor: 'acme' }, token, resource };
    const { decision } = await client.authorize(asked);
    expect(decision?.effect).toBe('allow');
    const output = { account: EVIL };
    await client.report({ decisionId: decision?.id ?? '', sessionId: session, outcome: 'executed', output });
    expect(await pay(EVIL)).toBe(UNTRUSTED);
  });
});

test('an invoice is not made another one by looking its new name up', async () => {
  await step('vendor.lookup', { vendor: 'acme' }, { output: { vendor_id: 'acme', account: EVIL } });
  await step(
    'payment.send',
    { vendor: 'acme', account: EVIL, amount: '100', invoice: 'INV-1' },
    { output: {} },
  );
  await step(
    'invoice.read',
    { invoice: 'INV-1-A' },
    { output: { invoice_id: 'INV-1-A', notes: 'not found' } },
  );
  expect(await pay(EVIL, { invoice: 'INV-1-A' })).not.toBe('allow');
});

describe('a record is still believed', () => {
  test('of what it was not asked with', async () => {
    await step('vendor.lookup', { vendor: 'acme' }, { output: { vendor_id: 'acme', account: EVIL } });
    expect(await pay(EVIL)).toBe('allow');
  });

  test('of what the agent only looked up, once another record says it', async () => {
    await step('vendor.lookup', { vendor: EVIL }, { output: { vendor_id: EVIL } });
    await step('vendor.lookup', { vendor: 'acme' }, { output: { vendor_id: 'acme', account: EVIL } });
    expect(await pay(EVIL)).toBe('allow');
  });

  test('of what it was asked with on another record’s word', async () => {
    await step('invoice.read', { invoice: 'INV-1' }, { output: { vendor: { account: EVIL } } });
    await step('vendor.lookup', { vendor: EVIL }, { output: { account: EVIL } });
    expect(await pay(EVIL)).toBe('allow');
  });
});

function numbers(count: number): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  return Array.from({ length: count }, (_, i) => `${letters.charAt(i % 26)}${Math.floor(i / 26)}`).join(' ');
}
