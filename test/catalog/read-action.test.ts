import { describe, expect, test } from 'vitest';
import { parseCatalog } from '../../src/catalog/parse.ts';
import { createActionReader } from '../../src/catalog/read-action.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { Refusal } from '../../src/model/refusal.ts';
import { ask, CATALOG, PAYMENT } from './fixture.ts';

const EVIL = 'DE89370400440532013000';

const readAction = createActionReader(parseCatalog(CATALOG));

function refusalOf(action: string, args: JsonObject): { code: string; details: JsonObject | undefined } {
  try {
    readAction(ask(action, args));
  } catch (error) {
    if (error instanceof Refusal) return { code: error.reason.code, details: error.reason.details };
    throw error;
  }
  throw new Error('was not refused');
}

describe('a catalogued action', () => {
  test('is read with decimals as exact numbers and members sorted', () => {
    const action = readAction(ask('payment.send', PAYMENT));
    expect(action.policyArgs).toBe(
      '{"account":"DE89370400440532013000","amount":120.5,"invoice":"INV-7","vendor":"Blue Harbor Ltd"}',
    );
    expect(action).toMatchObject({ class: 'external', known: true, stateless: false, effectful: true });
  });

  test('lists every scalar with its path, and those that move something apart', () => {
    const action = readAction(
      ask('mail.send', {
        to: ['a@x.test', 'b@x.test'],
        options: { reply: { after: 3, 'odd.name': null } },
        weight: 2.5,
      }),
    );
    expect(action.values).toEqual([
      { path: 'options.reply.after', value: 3 },
      { path: 'options.reply["odd.name"]', value: null },
      { path: 'to[0]', value: 'a@x.test' },
      { path: 'to[1]', value: 'b@x.test' },
      { path: 'weight', value: 2.5 },
    ]);
    expect(action.weighty).toEqual([
      { path: 'to[0]', value: 'a@x.test', role: 'destination' },
      { path: 'to[1]', value: 'b@x.test', role: 'destination' },
      { path: 'weight', value: '2.5', role: 'amount' },
    ]);
  });

  test('never shares one path between two members', () => {
    const action = readAction(ask('mail.send', { to: [], options: { a: { b: 1 }, 'a.b': 2, 'a"]': 3 } }));
    const paths = action.values.map(({ path }) => path);
    expect(new Set(paths).size).toBe(3);
  });

  test.each<[where: string, to: JsonObject, names: readonly [path: string, name: string][]]>([
    ['beside a value', { iban: 'acme' }, [['to.iban#name', 'iban']]],
    ['of nothing', { 'DE89 3704': {} }, [['to["DE89 3704"]#name', 'DE89 3704']]],
    ['of an empty list', { DE89: [] }, [['to.DE89#name', 'DE89']]],
    [
      'inside others and lists',
      { a: [{ b: { c: 1 } }] },
      [
        ['to.a#name', 'a'],
        ['to.a[0].b#name', 'b'],
        ['to.a[0].b.c#name', 'c'],
      ],
    ],
    [
      'that looks like such a path',
      { 'a#name': {}, a: {}, '#name': {}, 'a"]#name': {} },
      [
        ['to["a#name"]#name', 'a#name'],
        ['to.a#name', 'a'],
        ['to["#name"]#name', '#name'],
        ['to["a\\"]#name"]#name', 'a"]#name'],
      ],
    ],
  ])('counts a name %s as a destination inside a destination', (_, to, names) => {
    const action = readAction(ask('wire.send', { to, about: { [EVIL]: 'x' } }));
    const own = action.weighty.filter(({ path }) => path.endsWith('#name'));
    expect(own).toEqual(names.map(([path, value]) => ({ path, value, role: 'destination' })));
    const traced = new Map(action.values.map(({ path, value }) => [path, value]));
    expect(traced.size).toBe(action.values.length);
    for (const [path, name] of names) expect(traced.get(path)).toBe(name);
    expect(traced.get(`about.${EVIL}`)).toBe('x');
    expect(traced.has(`about.${EVIL}#name`)).toBe(false);
  });

  test('leaves names out of arguments that move nothing', () => {
    const action = readAction(ask('wire.send', { to: {}, about: { [EVIL]: {}, b: [{ c: 1 }] } }));
    expect(action.values).toEqual([{ path: 'about.b[0].c', value: 1 }]);
    expect(action.weighty).toEqual([]);
  });

  test.each<[string, string, boolean, boolean]>([
    ['rate.read', '{"from":"EUR"}', false, true],
    ['customer.read', '{"customer":"C-1"}', true, false],
  ])(
    '%s has no identity, and counts as effectful only when it reads personal data',
    (name, args, effectful, stateless) => {
      const action = readAction(ask(name, JSON.parse(args)));
      expect(action).toMatchObject({ effectful, stateless, identity: undefined, policyArgs: args });
    },
  );
});

describe('arguments that are not what the catalog says', () => {
  const long = 'x'.repeat(1025);
  const deep = { a: { b: { c: { d: 1 } } } };
  const many = Array.from({ length: 257 }, (_, i) => `a${i}@x.test`);
  test.each<[string, string, JsonObject, string, string]>([
    [
      'a missing one',
      'payment.send',
      { ...PAYMENT, vendor: undefined } as never,
      'action.argument_missing',
      'vendor',
    ],
    ['an extra one', 'payment.send', { ...PAYMENT, approved: true }, 'action.argument_unknown', 'approved'],
    [
      'one named like a method',
      'payment.send',
      { ...PAYMENT, constructor: 1 } as never,
      'action.argument_unknown',
      'constructor',
    ],
    ['one in other letters', 'payment.send', { ...PAYMENT, Note: 'x' }, 'action.argument_unknown', 'Note'],
    [
      'a number for a decimal',
      'payment.send',
      { ...PAYMENT, amount: 120.5 },
      'action.argument_type',
      'amount',
    ],
    [
      'a list for a decimal',
      'payment.send',
      { ...PAYMENT, amount: ['120.50'] },
      'action.argument_type',
      'amount',
    ],
    ['a padded decimal', 'payment.send', { ...PAYMENT, amount: ' 120.50' }, 'action.argument_type', 'amount'],
    [
      'a decimal with leading zeros',
      'payment.send',
      { ...PAYMENT, amount: '0120.50' },
      'action.argument_type',
      'amount',
    ],
    [
      'a decimal with an exponent',
      'payment.send',
      { ...PAYMENT, amount: '1e3' },
      'action.argument_type',
      'amount',
    ],
    [
      'a decimal that a double would round',
      'payment.send',
      { ...PAYMENT, amount: '9007199254740993' },
      'action.argument_type',
      'amount',
    ],
    ['a null', 'payment.send', { ...PAYMENT, vendor: null }, 'action.argument_type', 'vendor'],
    [
      'a word for a boolean',
      'payment.send',
      { ...PAYMENT, urgent: 'true' },
      'action.argument_type',
      'urgent',
    ],
    ['a long string', 'payment.send', { ...PAYMENT, note: long }, 'action.argument_too_long', 'note'],
    [
      'a string past its own length',
      'payment.send',
      { ...PAYMENT, account: 'x'.repeat(35) },
      'action.argument_too_long',
      'account',
    ],
    ['a string for a list', 'mail.send', { to: 'a@x.test' }, 'action.argument_type', 'to'],
    ['a number in a list', 'mail.send', { to: ['a@x.test', 1] }, 'action.argument_type', 'to'],
    ['a list in a list', 'mail.send', { to: [['a@x.test']] }, 'action.argument_type', 'to'],
    ['a long item', 'mail.send', { to: ['x'.repeat(255)] }, 'action.argument_too_long', 'to'],
    ['a list without end', 'mail.send', { to: many }, 'action.argument_too_long', 'to'],
    ['a list for an object', 'mail.send', { to: [], options: [] }, 'action.argument_type', 'options'],
    ['a deep object', 'mail.send', { to: [], options: { x: deep } }, 'action.argument_too_long', 'options'],
    ['a wide object', 'mail.send', { to: [], options: { x: long } }, 'action.argument_too_long', 'options'],
    [
      'an object below a long name',
      'mail.send',
      { to: [], options: { [long.slice(0, 520)]: [1, 2] } },
      'action.argument_too_long',
      `options["${long}`.slice(0, 128),
    ],
    ['a fraction for an integer', 'mail.send', { to: [], copies: 1.5 }, 'action.argument_type', 'copies'],
    ['an integer past 2^53', 'mail.send', { to: [], copies: 2 ** 60 }, 'action.argument_type', 'copies'],
    ['a string for a number', 'mail.send', { to: [], weight: '2' }, 'action.argument_type', 'weight'],
  ])('%s is refused', (_, action, args, code, argument) => {
    expect(refusalOf(action, args)).toMatchObject({ code, details: { argument } });
  });

  test('an object at exactly the bounds is read whole', () => {
    const options = { a: { b: { c: { d: 'x'.repeat(995) } } } };
    const action = readAction(ask('mail.send', { to: [], options }));
    expect(action.policyArgs).toBe(JSON.stringify({ options, to: [] }));
  });
});

describe('business identity', () => {
  const first = readAction(ask('payment.send', PAYMENT)).identity;

  test.each<[string, JsonObject]>([
    ['trailing zeros', { amount: '120.5' }],
    ['blanks around', { vendor: '  Blue Harbor Ltd\t' }],
    ['blanks inside', { vendor: 'Blue   Harbor\u00a0Ltd' }],
    ['other letter case', { vendor: 'BLUE HARBOR LTD', invoice: 'inv-7' }],
    ['full-width letters', { invoice: '\uff29\uff2e\uff36-\uff17' }],
    ['invisible characters', { vendor: 'Blue\u200b Har\u00adbor Ltd\ufeff' }],
    ['a hyphen that does not break', { invoice: 'INV\u20117' }],
    ['a minus for a hyphen', { invoice: 'INV\u22127' }],
    ['another reference', { note: 'second try' }],
    ['another account', { account: 'GB29NWBK60161331926819' }],
  ])('%s make no second act', (_, change) => {
    expect(readAction(ask('payment.send', { ...PAYMENT, ...change })).identity).toBe(first);
  });

  test('another resource makes no second act where the catalog names what counts', () => {
    expect(readAction(ask('payment.send', PAYMENT, { type: 'invoice', id: 'other' })).identity).toBe(first);
  });

  test.each<[string, JsonObject]>([
    ['another amount', { amount: '120.51' }],
    ['another invoice', { invoice: 'INV-8' }],
    ['another vendor', { vendor: 'Blue Harbor Inc' }],
  ])('%s makes another act', (_, change) => {
    expect(readAction(ask('payment.send', { ...PAYMENT, ...change })).identity).not.toBe(first);
  });

  test('is all arguments and the resource where the catalog lists none, whatever the order or repetition', () => {
    const identity = (to: string[], id = 'm-1') =>
      readAction(ask('mail.send', { to }, { type: 'mail', id })).identity;
    expect(identity(['A@x.test', 'b@x.test', 'b@x.test '])).toBe(identity(['b@x.test', 'a@x.test']));
    expect(identity(['a@x.test'])).not.toBe(identity(['b@x.test']));
    expect(identity(['a@x.test'])).not.toBe(identity(['a@x.test'], 'm-2'));
  });

  test.each<[string, JsonObject]>([
    ['other letter case', { IBAN: 'acme', Bank: { BIC: 'x' } }],
    ['blanks around', { 'iban ': 'acme', bank: { '\tbic': 'x' } }],
    ['invisible characters', { 'ib\u200ban': 'acme', bank: { bic: 'x' } }],
    ['another order', { bank: { bic: 'x' }, iban: 'acme' }],
    ['the same said twice', { iban: 'acme', bank: { bic: 'x', BIC: 'X' }, IBAN: ' ACME' }],
  ])('%s of names makes no second act', (_, to) => {
    const identity = readAction(ask('wire.send', { to: { iban: 'acme', bank: { bic: 'x' } } })).identity;
    expect(readAction(ask('wire.send', { to })).identity).toBe(identity);
    expect(readAction(ask('wire.transmit', { ...to })).identity).toBe(
      readAction(ask('wire.transmit', { iban: 'acme', bank: { bic: 'x' } })).identity,
    );
  });

  test('two names that become one both count, whichever comes first', () => {
    const identity = (to: JsonObject) => readAction(ask('wire.send', { to })).identity;
    const both = identity({ iban: 'acme', IBAN: 'mallory' });
    expect(identity({ IBAN: 'acme', iban: 'mallory' })).toBe(both);
    expect(identity({ Iban: 'mallory', 'iban ': 'acme' })).toBe(both);
    expect(both).not.toBe(identity({ iban: 'acme' }));
    expect(both).not.toBe(identity({ iban: 'mallory' }));
    expect(both).toBe('["wire.send",{"to":{"iban":"acme","iban":"mallory"}}]');
  });

  test('an empty argument added makes no second act', () => {
    const bare = readAction(ask('mail.send', { to: ['a@x.test'] })).identity;
    expect(readAction(ask('mail.send', { to: ['a@x.test', ''], options: {} })).identity).toBe(bare);
  });
});

describe('an action without an entry', () => {
  test('is code, unknown, and everything in it is weighty', () => {
    const action = readAction(ask('shell.run', { cmd: 'ls', n: 3, dry: true, 'x.y': [null] }));
    expect(action).toMatchObject({ class: 'code', known: false, stateless: false, effectful: true });
    expect(action.policyArgs).toBe('{"cmd":"ls","dry":true,"n":3,"x.y":[null]}');
    expect(action.weighty).toEqual([
      { path: 'cmd#name', value: 'cmd', role: 'destination' },
      { path: 'cmd', value: 'ls', role: 'destination' },
      { path: 'dry#name', value: 'dry', role: 'destination' },
      { path: 'dry', value: 'true', role: 'destination' },
      { path: 'n#name', value: 'n', role: 'destination' },
      { path: 'n', value: '3', role: 'amount' },
      { path: '["x.y"]#name', value: 'x.y', role: 'destination' },
      { path: '["x.y"][0]', value: 'null', role: 'destination' },
    ]);
  });

  test('has the names inside its arguments among what is weighty', () => {
    const { weighty, values } = readAction(ask('shell.run', { to: { [EVIL]: {} }, 'to#name': [{ a: 1 }] }));
    expect(weighty.map(({ path }) => path)).toEqual([
      'to#name',
      `to.${EVIL}#name`,
      '["to#name"]#name',
      '["to#name"][0].a#name',
      '["to#name"][0].a',
    ]);
    expect(values.map(({ path }) => path)).toEqual(weighty.map(({ path }) => path));
  });

  test.each(['payment.send ', 'Payment.send', 'toString', 'payment'])('`%s` borrows no entry', (name) => {
    expect(readAction(ask(name, {})).known).toBe(false);
  });

  test('keeps to the default length, in one string or in a tree', () => {
    expect(refusalOf('shell.run', { cmd: 'x'.repeat(1025) }).code).toBe('action.argument_too_long');
    expect(refusalOf('shell.run', { cmd: ['x'.repeat(600), 'x'.repeat(600)] }).code).toBe(
      'action.argument_too_long',
    );
    expect(refusalOf('shell.run', { cmd: [[[[['x']]]]] }).code).toBe('action.argument_too_long');
  });

  test('keeps names to it as well, and to less where much would repeat them', () => {
    const long = 'x'.repeat(600);
    expect(refusalOf('shell.run', { [long + long]: 1 }).code).toBe('action.argument_too_long');
    expect(refusalOf('shell.run', { [long]: [1, 2] }).code).toBe('action.argument_too_long');
    expect(refusalOf('shell.run', { a: { [long]: { b: 1 } } }).code).toBe('action.argument_too_long');
    expect(readAction(ask('shell.run', { [long]: 1, a: { [long]: 1 } })).values).toHaveLength(5);
  });

  test('carries a bounded number of arguments', () => {
    const args = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`a${i}`, 1]));
    expect(refusalOf('shell.run', args).code).toBe('action.malformed');
  });
});
