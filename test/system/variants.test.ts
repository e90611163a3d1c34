/** A padded, retyped, missing or extra argument never loosens a rule: variants of what is denied stay without permission. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuthorizeRequest } from '../../src/gen/assent/v1/authorization_pb.js';
import { ACCOUNT, isAllow, liftLimits, mandate, request, said, settle, type Told, tell } from './asking.ts';
import { createFleet, type Fleet, type Replica } from './fleet.ts';

let fleet: Fleet;
let at: Replica;
let token: string;

beforeAll(async () => {
  fleet = createFleet();
  token = await fleet.token();
  at = await fleet.start({ name: 'only' });
  await liftLimits(fleet, [at]);
});
afterAll(() => fleet.end());

type Args = Readonly<Record<string, unknown>>;

const PAID: Args = { vendor: 'acme', account: ACCOUNT, amount: '100.00', invoice: 'INV-7' };

/** The arguments as text of the caller's own making: JSON or not. */
function asking(session: string, text: string, action = 'payment.send'): AuthorizeRequest {
  const message = request({ action, session, arguments: {}, token });
  if (message.action !== undefined) message.action.argumentsJson = new TextEncoder().encode(text);
  return message;
}

const ask = (session: string, text: string): Promise<Told> => tell(at, asking(session, text));

/** Everything that the variants name is the user's own word, so that only the rule in question stands in the way. */
async function open(): Promise<string> {
  const declared = { account: ACCOUNT, amount: '100', other: '0100', tiny: '1e2' };
  return (await at.client.openSession(mandate({ declared, limits: { payments: '1000000' } }))).id;
}

/** Other spellings of one text, none of which is another text to a reader. */
const SPELLINGS: readonly [name: string, spell: (text: string) => string][] = [
  ['a blank behind', (text) => `${text} `],
  ['a blank before', (text) => ` ${text}`],
  ['a tab', (text) => `${text}\t`],
  ['a line end', (text) => `${text}\r\n`],
  ['a no-break space', (text) => `${text}\u00a0`],
  ['an ideographic space', (text) => `\u3000${text}`],
  ['a byte order mark', (text) => `\ufeff${text}`],
  ['a zero-width space inside', (text) => `${text.slice(0, 2)}\u200b${text.slice(2)}`],
  ['a zero-width joiner inside', (text) => `${text.slice(0, 1)}\u200d${text.slice(1)}`],
  ['a soft hyphen inside', (text) => `${text.slice(0, 2)}\u00ad${text.slice(2)}`],
  ['a word joiner behind', (text) => `${text}\u2060`],
  ['a right-to-left mark', (text) => `\u200f${text}`],
  ['a right-to-left override', (text) => `\u202e${text}`],
  ['an isolate', (text) => `\u2066${text}\u2069`],
  ['a variation selector', (text) => `${text}\ufe0f`],
  ['a tag character', (text) => `${text}\u{e0041}`],
  ['a zero byte', (text) => `${text}\u0000`],
  ['a delete character', (text) => `${text}\u007f`],
  ['upper case', (text) => text.toUpperCase()],
  ['lower case', (text) => text.toLowerCase()],
  [
    'full-width letters',
    (text) => text.replace(/[!-~]/g, (c) => String.fromCodePoint(c.charCodeAt(0) + 0xfee0)),
  ],
  [
    'mathematical letters',
    (text) => text.replace(/[a-z]/g, (c) => String.fromCodePoint(0x1d41a + c.charCodeAt(0) - 97)),
  ],
  ['a combining grapheme joiner', (text) => `${text}\u034f`],
  ['a hangul filler', (text) => `${text}\u3164`],
];

describe('a payment to a blocked vendor', () => {
  let session: string;
  beforeAll(async () => {
    session = await open();
    // Also one that the books know well, so that nothing but the list stands in the way.
    await at.client.patchData('finance/blocked_vendors/umbrella', { value: true });
    for (const vendor of ['mallory', 'umbrella'])
      expect(said(await ask(session, JSON.stringify({ ...PAID, vendor })))).toBe('policy.vendor_blocked');
  });

  const vendors = ['mallory', 'umbrella'].flatMap((vendor) =>
    SPELLINGS.map(([name, spell]) => [vendor, name, spell(vendor)] as const),
  );
  test.each(vendors)('%s with %s is not allowed', async (_vendor, _name, spelt) => {
    expect(
      isAllow(await ask(session, JSON.stringify({ ...PAID, vendor: spelt, invoice: `B-${spelt.length}` }))),
    ).toBe(false);
  });

  test.each<[name: string, text: string]>([
    ['as a list', JSON.stringify({ ...PAID, vendor: ['umbrella'] })],
    ['as an object', JSON.stringify({ ...PAID, vendor: { id: 'umbrella' } })],
    ['as null', JSON.stringify({ ...PAID, vendor: null })],
    ['as true', JSON.stringify({ ...PAID, vendor: true })],
    ['as a number', JSON.stringify({ ...PAID, vendor: 7 })],
    ['empty', JSON.stringify({ ...PAID, vendor: '' })],
    ['missing', JSON.stringify({ ...PAID, vendor: undefined })],
    ['very long', JSON.stringify({ ...PAID, vendor: `umbrella${' '.repeat(5000)}` })],
    ['named twice, the good one last', `{"vendor":"umbrella",${JSON.stringify(PAID).slice(1)}`],
    ['named twice, the good one first', `${JSON.stringify(PAID).slice(0, -1)},"vendor":"umbrella"}`],
    ['named twice, one escaped', `${JSON.stringify(PAID).slice(0, -1)},"v\\u0065ndor":"umbrella"}`],
    [
      'beside a second member of another case',
      JSON.stringify({ ...PAID, vendor: 'umbrella', Vendor: 'acme' }),
    ],
    ['under another case', JSON.stringify({ ...PAID, vendor: undefined, Vendor: 'umbrella' })],
    ['with a blank in the name', JSON.stringify({ ...PAID, vendor: 'umbrella', 'vendor ': 'acme' })],
    [
      'under __proto__',
      `{"__proto__":{"vendor":"acme"},${JSON.stringify({ ...PAID, vendor: 'umbrella' }).slice(1)}`,
    ],
    ['under constructor', JSON.stringify({ ...PAID, vendor: 'umbrella', constructor: { vendor: 'acme' } })],
    ['named __proto__', JSON.stringify({ ...PAID, vendor: '__proto__' })],
    ['named toString', JSON.stringify({ ...PAID, vendor: 'toString' })],
    ['with a lone surrogate', JSON.stringify(PAID).replace('acme', 'umbrella\\ud800')],
    ['inside a list of calls', `[${JSON.stringify({ ...PAID, vendor: 'umbrella' })}]`],
    ['behind a byte order mark', `\ufeff${JSON.stringify({ ...PAID, vendor: 'umbrella' })}`],
    ['behind a second document', `${JSON.stringify(PAID)}${JSON.stringify({ ...PAID, vendor: 'umbrella' })}`],
    ['with a comment', `{/*"vendor":"acme",*/${JSON.stringify({ ...PAID, vendor: 'umbrella' }).slice(1)}`],
    ['with a trailing comma', `${JSON.stringify({ ...PAID, vendor: 'umbrella' }).slice(0, -1)},}`],
    ['in single quotes', JSON.stringify({ ...PAID, vendor: 'umbrella' }).replaceAll('"', "'")],
  ])('%s is not allowed', async (_name, text) => {
    expect(isAllow(await ask(session, text))).toBe(false);
  });

  test.each<[name: string, change: (message: AuthorizeRequest) => void]>([
    [
      'claims that it is not blocked',
      (m) => (m.contextJson = json({ blocked: false, vendor: 'acme', data: {} })),
    ],
    ['claims facts of the input', (m) => (m.contextJson = json({ args: PAID, session: {}, provenance: {} }))],
    ['names another resource', (m) => m.action && (m.action.resource = resource('vendor', 'acme'))],
    ['is only a dry run', (m) => (m.dryRun = true)],
    ['names an operation', (m) => (m.operationId = 'op-1')],
  ])('that %s is not allowed', async (_name, change) => {
    const message = asking(session, JSON.stringify({ ...PAID, vendor: 'umbrella' }));
    change(message);
    const told = await tell(at, message);
    expect(said(told)).toBe('policy.vendor_blocked');
  });

  test.each([
    'payment.send ',
    ' payment.send',
    'Payment.Send',
    'payment.send\u200b',
    'payment/send',
    'payment.send.',
    'payment',
  ])('under the action name %j is not allowed', async (name) => {
    expect(
      isAllow(await tell(at, asking(session, JSON.stringify({ ...PAID, vendor: 'umbrella' }), name))),
    ).toBe(false);
  });
});

describe('a payment that was made already', () => {
  let session: string;
  beforeAll(async () => {
    session = await open();
    expect(said({ decision: await settle(at, asking(session, JSON.stringify(PAID))) })).toBe('allow');
    expect(said(await ask(session, JSON.stringify(PAID)))).toBe('session.duplicate');
  });

  test.each(SPELLINGS)('with %s in its invoice is not allowed', async (_name, spell) => {
    const told = await ask(session, JSON.stringify({ ...PAID, invoice: spell('INV-7') }));
    expect(isAllow(told)).toBe(false);
  });

  test.each(SPELLINGS)('with %s in its vendor is not allowed', async (_name, spell) => {
    // `acme` in lower case is no other spelling.
    const told = await ask(session, JSON.stringify({ ...PAID, vendor: spell('acme') }));
    expect(isAllow(told)).toBe(false);
  });

  test.each<[name: string, amount: unknown]>([
    ['without decimals', '100'],
    ['with one decimal', '100.0'],
    ['with many decimals', '100.0000000'],
    ['with a leading zero', '0100.00'],
    ['with a plus', '+100.00'],
    ['with an exponent', '1e2'],
    ['with a blank', ' 100.00'],
    ['with a group', '1,00.00'],
    ['with a comma', '100,00'],
    ['in hex', '0x64'],
    ['in full-width digits', '１００'],
    ['in Arabic digits', '١٠٠'],
    ['with a currency', '100.00 EUR'],
    ['negative', '-100.00'],
    ['negative zero', '-0'],
    ['zero', '0'],
    ['empty', ''],
    ['NaN', 'NaN'],
    ['Infinity', 'Infinity'],
    ['without a digit before the point', '.5'],
    ['without a digit behind the point', '100.'],
    ['past what a double holds', '100.0000000000000001'],
    ['as a number', 100],
    ['as a number with a fraction', 100.5],
    ['as a list', ['100.00']],
    ['as an object', { value: '100.00' }],
    ['as null', null],
    ['as true', true],
    ['missing', undefined],
  ])('with its amount %s is not allowed', async (_name, amount) => {
    expect(isAllow(await ask(session, JSON.stringify({ ...PAID, amount })))).toBe(false);
  });

  test.each<[name: string, text: string]>([
    ['with an argument more', JSON.stringify({ ...PAID, note: 'urgent' })],
    ['with a reference', JSON.stringify({ ...PAID, reference: 'second try' })],
    ['with its currency', JSON.stringify({ ...PAID, currency: 'EUR' })],
    ['with another currency', JSON.stringify({ ...PAID, currency: 'USD' })],
    ['with members in another order', JSON.stringify(Object.fromEntries(Object.entries(PAID).reverse()))],
    ['with white space between', JSON.stringify(PAID, null, 7)],
    ['with escapes', JSON.stringify(PAID).replace('INV-7', '\\u0049NV\\u002d7')],
    ['with escaped names', JSON.stringify(PAID).replace('invoice', '\\u0069nvoice')],
    ['to a spelling of the account', JSON.stringify({ ...PAID, account: 'de02 1203 0000 0000 2020 51' })],
    ['without an invoice', JSON.stringify({ ...PAID, invoice: undefined })],
    ['with a list of invoices', JSON.stringify({ ...PAID, invoice: ['INV-7'] })],
    ['with an empty object', '{}'],
    ['with nothing', ''],
    ['with null', 'null'],
  ])('%s is not allowed', async (_name, text) => {
    expect(isAllow(await ask(session, text))).toBe(false);
  });

  test.each<[name: string, change: (message: AuthorizeRequest) => void]>([
    ['names another operation', (m) => (m.operationId = 'op-2')],
    ['names a resource', (m) => m.action && (m.action.resource = resource('invoice', 'INV-8'))],
    ['claims something', (m) => (m.contextJson = json({ duplicate: false }))],
  ])('that %s is not allowed', async (_name, change) => {
    const message = asking(session, JSON.stringify(PAID));
    change(message);
    expect(said(await tell(at, message))).toBe('session.duplicate');
  });

  test('is still one payment after all this', async () => {
    expect((await at.client.getSession(session)).spent).toEqual({ payments: '100' });
  });
});

describe('random variants', () => {
  const BLANKS = [
    ' ',
    '\t',
    '\n',
    '\r',
    '\v',
    '\f',
    '\u0000',
    '\u001f',
    '\u0085',
    '\u00a0',
    '\u1680',
    '\u2003',
    '\u2028',
    '\u202f',
    '\u205f',
    '\u3000',
  ];
  const UNSEEN = [
    '\u00ad',
    '\u034f',
    '\u061c',
    '\u115f',
    '\u180e',
    '\u200b',
    '\u200d',
    '\u200e',
    '\u202d',
    '\u2060',
    '\u2064',
    '\u206a',
    '\u3164',
    '\ufe00',
    '\ufeff',
    '\uffa0',
    '\u{e0001}',
    '\u{e0100}',
  ];

  /** The text with its case changed, blanks around it and unseen characters anywhere. */
  function spelling(text: string): fc.Arbitrary<string> {
    const letters = fc.tuple(
      ...[...text].map((c) =>
        fc.tuple(
          fc.constantFrom(c, c.toUpperCase(), c.toLowerCase()),
          fc.option(fc.constantFrom(...UNSEEN), { freq: 3 }),
        ),
      ),
    );
    const blanks = fc.string({ unit: fc.constantFrom(...BLANKS, ...UNSEEN), maxLength: 3 });
    return fc
      .tuple(blanks, letters, blanks)
      .map(
        ([before, inside, behind]) =>
          before + inside.map(([c, unseen]) => c + (unseen ?? '')).join('') + behind,
      );
  }
  const amounts = fc.oneof(
    fc
      .tuple(fc.nat(3), fc.nat(12))
      .map(([zeros, more]) => `${'0'.repeat(zeros)}100${more === 0 ? '' : `.${'0'.repeat(more)}`}`),
    fc
      .tuple(fc.constantFrom(...BLANKS, '+', '-', ''), fc.constantFrom('100', '1e2', '10e1', '100.00'))
      .map(([a, b]) => a + b),
    fc.constantFrom<unknown>(100, 100.0, [100], ['100'], { amount: '100' }, null, true, '', undefined),
  );
  const extras = fc.dictionary(
    fc.constantFrom('reference', 'currency', 'note', 'Amount', 'vendor ', 'toString', 'approved'),
    fc.jsonValue({ maxDepth: 2 }),
    { maxKeys: 2 },
  );

  test('of a payment that was made never pay it again', async () => {
    const session = await open();
    expect((await settle(at, asking(session, JSON.stringify(PAID)))).effect).toBe('allow');
    const variant = fc.record({
      vendor: spelling('acme'),
      invoice: spelling('INV-7'),
      amount: amounts,
      extra: extras,
    });
    await fc.assert(
      fc.asyncProperty(variant, async ({ extra, ...args }) => {
        const told = await ask(session, JSON.stringify({ ...extra, ...PAID, ...args }));
        expect(isAllow(told)).toBe(false);
      }),
      { numRuns: 300 },
    );
    // The vendor as it stands in the books, so that only the duplicate stands in the way.
    await fc.assert(
      fc.asyncProperty(fc.record({ invoice: spelling('INV-7'), amount: amounts }), async (args) => {
        expect(isAllow(await ask(session, JSON.stringify({ ...PAID, ...args })))).toBe(false);
      }),
      { numRuns: 500 },
    );
    expect((await at.client.getSession(session)).spent).toEqual({ payments: '100' });
  });

  test('of a blocked vendor are never paid', async () => {
    const session = await open();
    await at.client.patchData('finance/blocked_vendors/umbrella', { value: true });
    const variant = fc.record({
      vendor: spelling('umbrella'),
      amount: amounts,
      extra: extras,
      invoice: fc.string({ maxLength: 80 }),
    });
    await fc.assert(
      fc.asyncProperty(variant, async ({ extra, ...args }) => {
        const told = await ask(session, JSON.stringify({ ...extra, ...PAID, ...args }));
        expect(isAllow(told)).toBe(false);
      }),
      { numRuns: 300 },
    );
    expect((await at.client.getSession(session)).spent).toEqual({});
  });

  test('of bytes are never an allow', async () => {
    const session = await open();
    const good = new TextEncoder().encode(JSON.stringify({ ...PAID, vendor: 'umbrella' }));
    const bytes = fc.tuple(fc.nat(good.length - 1), fc.uint8Array({ minLength: 1, maxLength: 4 }), fc.nat(3));
    await fc.assert(
      fc.asyncProperty(bytes, async ([where, put, drop]) => {
        const message = asking(session, '');
        if (message.action)
          message.action.argumentsJson = Buffer.concat([
            good.subarray(0, where),
            put,
            good.subarray(where + drop),
          ]);
        expect(isAllow(await tell(at, message))).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

function json(value: object): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

function resource(
  type: string,
  id: string,
): NonNullable<NonNullable<AuthorizeRequest['action']>['resource']> {
  const made = request({ action: 'x', resource: { type, id }, token }).action?.resource;
  if (made === undefined) throw new Error('no resource was made');
  return made;
}
