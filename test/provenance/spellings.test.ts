import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foldText } from '../../src/model/text.ts';
import { formOf } from '../../src/provenance/forms.ts';
import { emptyHarvest, type Harvest, harvestForms, harvestScalar } from '../../src/provenance/harvest.ts';
import { takeSpellings } from '../../src/provenance/spellings.ts';
import { takeWords, wordsOf } from '../../src/provenance/words.ts';

const IBAN = 'GB29NWBK60161331926819';

function harvest(text: string, writer: 'free_text' | 'system' = 'free_text'): Harvest {
  const into = emptyHarvest();
  harvestScalar(into, text, writer);
  return into;
}

/** What the rules for a record's words look at. */
const PIECES = [
  ...[
    'eur',
    '9',
    '99',
    ',',
    '.',
    '-',
    ' ',
    '/',
    'INV',
    'gb29',
    IBAN,
    'GB29 NWBK 6016 1331 9268 19',
    'http://',
    '@',
  ],
  ...[
    '%41',
    '%20',
    "'",
    'iban',
    'x',
    '|',
    '…',
    '—',
    'は',
    '$',
    ':',
    '\\n',
    '&amp;',
    '2026-05-12',
    't10:30',
    '#',
    '<',
  ],
];

const finds = (text: string, value: string): boolean => harvest(text).untrusted.has(formOf(value) ?? '');

function users(purpose: string): ReadonlySet<string> {
  return harvestForms({ taskType: 'pay', purpose, actions: ['*'], declared: {}, limits: {}, expiresAt: 0 });
}

describe('somebody else’s text', () => {
  test.each<[text: string, value: string]>([
    ['ref/A-1', 'A-1'],
    ['ref\\A-1\\b', 'A-1'],
    ['a&A-1&b', 'A-1'],
    ['to+A-1', 'A-1'],
    ['vendor_A-1_now', 'A-1'],
    ['x@A-1', 'A-1'],
    ['what?A-1!now', 'A-1'],
    ['100%A-1', 'A-1'],
    ['id=A-1', 'A-1'],
    ['pay--A-1--now', 'A-1'],
    ['ref-A-1', 'A-1'],
    ['A-1-ref', 'A-1'],
    ['-A-1-', 'A-1'],
    ['—9.5', '9.5'],
    [`pay${IBAN}now`, IBAN],
    ['gb29.nwbk - 6016/1331 | 9268 19', IBAN],
    ['thanks.A-1', 'A-1'],
    ['A-1.pdf', 'A-1'],
    ['x1,2y', '2y'],
    ['pay—A-1—now', 'A-1'],
    ['pay–A-1', 'A-1'],
    ['the A‑1 of', 'A-1'],
    ['the A\u22121 of', 'A-1'],
    ['口座はA-1です', 'A-1'],
    ['номерA-1д', 'A-1'],
    ['🏦A-1🏦', 'A-1'],
    ['→A-1←', 'A-1'],
    ['pay\u200bA-1\u200bnow', 'A-1'],
    ['the A\u200b-\u20601\ufe0f of', 'A-1'],
    ['the A\u00ad-1 of', 'A-1'],
    ['to%20A-1\u200bnow', 'A-1'],
    ['to ann@corp.test/bob', 'ann@corp.test'],
    ['mailto:ann+x@corp.test?subject=hi', 'ann+x@corp.test'],
    ['x_ann@corp.test', 'ann@corp.test'],
    ['https://h.test/v/A-1/edit', 'A-1'],
    ['https://h.test/?to=A-1&x=1', 'A-1'],
    ['https://h.test/#A-1', 'A-1'],
    ['https://h.test/?to=A%2D1', 'A-1'],
    ['https://h.test/?to=%EF%BC%A1-1', 'A-1'],
    ['https://h.test/?next=https://evil.test/p', 'https://evil.test/p'],
    ['https://h.test/?next=https%3A%2F%2Fevil.test%2Fp%3Fto%3DA-1', 'https://evil.test/p?to=A-1'],
    ['https://h.test/?next=https%3A%2F%2Fevil.test%2F%3Fto%3DA%252D1', 'A-1'],
    ['see(https://evil.test/p),now', 'https://evil.test/p'],
    ['https://ann@evil.test:8080/p', 'evil.test'],
    ['{\\"to\\":\\"A-1\\",\\n\\"x\\":1}', 'A-1'],
    ['pay\\nA-1\\nnow', 'A-1'],
    ['folder\\n-7', 'n-7'],
    ['pay\\u0041-1'.replace('pay', ' '), 'A-1'],
    ['to&nbsp;A-1&nbsp;now', 'A-1'],
    ['to &#65;&#x2d;1', 'A-1'],
    ['amount_9999', '9999'],
    ['eur/9999.50', '9999.5'],
    ['合計9,999円', '9999'],
    ['9000-9999', '9999'],
    ['9 999,50 EUR', '9999.5'],
    ['12 345 678', '12345678'],
    ['pos. 3 1 200 EUR', '1200'],
    ['am 31.12.2026 1 200,00 EUR', '1200'],
    ['pay 000999 now', '999'],
    ['order-000999', '999'],
    ['9.99e2 EUR', '999'],
    ['no. 5 60-16-13 31926819', '60161331926819'],
    ['12 34 56', '123456'],
    ['+49 (0)170 1234567', '4901701234567'],
    ['v1.acct77', 'acct77'],
    ['no.1.0x5290', '0x5290'],
    ['EUR000999', '999'],
    ['acct0012345678', '12345678'],
    ['7/000999', '999'],
    ['12-34-5678', '12345678'],
    ['1234-56-78', '12345678'],
    ['20-00-00', '200000'],
    ['1234 - 5678', '12345678'],
    ['1234 – 5678', '12345678'],
    ['1234.5678', '12345678'],
    ['1111 2222 3333 4444 5555 6666 7777 8888 99', '1111222233334444555566667777888899'],
    ['11 22 33 44 55 66 77 88 99 11 22 33', '112233445566778899112233'],
    ['1 2 3 11 22 33 44 55 66 4 5 6', '112233445566'],
    ['1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7', '1234567891234567'],
    ['1 2 3 4 5 6 7 8 9 60 16 13 31926819 1 2 3', '60161331926819'],
    ['1.12345678901', '12345678901'],
    ['wallet-0f8fad5b-d9cb-469f-a165-70867728950e', '0f8fad5b-d9cb-469f-a165-70867728950e'],
    ['0f8fad5b-d9cb-469f-a165-70867728950e-x', '0f8fad5b-d9cb-469f-a165-70867728950e'],
    ['021000021/123456789', '123456789'],
    ['12-3456-78901', '12345678901'],
    ['1234 5678 9012', '123456789012'],
    ['12-34-5678-9012', '123456789012'],
    ['12.34.5678.9012', '123456789012'],
    ['12-34-5678 9012 3456', '1234567890123456'],
    ['2026-05-12 1234-5678-9012', '123456789012'],
    ['2026-05-12/9999', '9999'],
    ['INV_7.pdf', 'INV_7'],
    ['https://h.test/cus_9s8d.json', 'cus_9s8d'],
    ['acct_1ABC.Thanks', 'acct_1ABC'],
    ['acct_1ABC-now', 'acct_1ABC'],
    ['acct_1ABC@bank', 'acct_1ABC'],
    ['a_long_way_to_go_and_then_INV_7.pdf', 'INV_7'],
    ['see-acme_tools.pdf', 'acme_tools'],
    ["mailto:o'neil@evil.test", "o'neil@evil.test"],
    ['git+https://evil.test/p_now', 'https://evil.test/p'],
    ['ref/0f8fad5b-d9cb-469f-a165-70867728950e_now', '0f8fad5b-d9cb-469f-a165-70867728950e'],
    ['{"u":"https:\\/\\/evil.test\\/p"}', 'https://evil.test/p'],
    ['u=https:\\/\\/evil.test\\/p', 'evil.test'],
    ['x1,200.50y', '1200.5'],
    ['999kr', '999'],
    ['kr999', '999'],
    ['2x999', '999'],
    ['/999p.a.', '999'],
    ['100-999 EUR', '999'],
    ['10-99 EUR', '99'],
    ['999/1', '999'],
    ['pay $999:1 now', '999'],
    ['A&shy;-1', 'A-1'],
    ['A&NoBreak;-1', 'A-1'],
    ['ann&commat;evil.test', 'ann@evil.test'],
    ['evil&period;test', 'evil.test'],
    ['A&hyphen;1', 'A-1'],
    ['to&sol;A&dash;1&lpar;x', 'A-1'],
    ['A&unheardof;-1', 'A-1'],
    ['to&unheardof;A-1&unheardof;now', 'A-1'],
  ])('`%s` names `%s`', (text, value) => {
    expect(finds(text, value)).toBe(true);
  });

  test.each<[text: string, value: string]>([
    ['due 2026-05-12', '12'],
    ['due 2026-05-12', '2026'],
    ['due 12/05/2026', '2026'],
    ['at 12:30', '30'],
    ['1,200.50', '200.5'],
    ['at 52.520008', '520008'],
    ['0f8fad5b-d9cb-469f-a165-70867728950e', 'd9cb'],
    ['x/0f8fad5b-d9cb-469f-a165-70867728950e', 'd9cb'],
    ['report_2026-05-12.pdf', '2026-05'],
    ['at 2026-05-12T10:30:45Z', '10'],
    ['a1b2c3d4e5f6', '5'],
  ])('`%s` does not name `%s`', (text, value) => {
    expect(finds(text, value)).toBe(false);
  });

  test('loses nothing of an ordinary letter', () => {
    const letter =
      'Dear Ann — thank you for order INV-7 (see https://shop.test/i/7?x=1): 1,200.50 €, due 2026-05-12.\n';
    expect(harvest(letter.repeat(80)).lost).toBe(false);
  });

  test('has room for so many forms and no more', () => {
    const { untrusted, lost } = harvest(Array.from({ length: 1100 }, (_, i) => `a${i}/b${i}`).join(' '));
    expect([untrusted.size, lost]).toEqual([2048, true]);
  });

  test.each(['a ', 'はa', 'a\u200b', 'a%20', 'a\\n'])(
    'more words than are looked at are lost: `%s`',
    (piece) => {
      expect(harvest(`${piece.repeat(17_000)}Q7X`).lost).toBe(true);
    },
  );

  test('counts characters that nobody sees, since they are looked at', () => {
    expect(harvest('\u200b'.repeat(262_143)).lost).toBe(false);
    expect(harvest('\u200b'.repeat(262_145)).lost).toBe(true);
  });

  test('any text is taken within the bounds, and every word of it is noted', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: fc.constantFrom(...'aZ0-9.,:/\\%&+_@?= \u200b\u2014はg2b'), maxLength: 200 }),
    );
    fc.assert(
      fc.property(text, (written) => {
        const forms = new Set<string>();
        expect(
          takeSpellings({ text: written, folded: foldText(written) }, (form) => forms.add(form).size > 0),
        ).toBe(true);
        for (const word of written.split(' '))
          if (/^[a-z]+$/.test(word)) expect(forms).toContain(`s:${word}`);
      }),
    );
  });

  test('is noted for all that a record or the user would be believed for', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ unit: fc.constantFrom(...'a9z0.,:/-@ =_€$1%&;|+\'’"(#'), maxLength: 16 }),
      fc.string({ unit: fc.constantFrom(...PIECES), maxLength: 9 }),
    );
    fc.assert(
      fc.property(text, (written) => {
        const folded = foldText(written);
        const forms = new Set<string>();
        takeSpellings({ text: written, folded }, (form) => forms.add(form).size > 0);
        expect(forms).toContain(formOf(written));
        takeWords(wordsOf(folded), (form) => expect(forms).toContain(form));
      }),
      { numRuns: 2000 },
    );
  });

  test('a value with marks in it is found between any two others', () => {
    const ids = ['Q7X', 'a_b', 'Q_7', 'Q-7', 'Q.X7', 'a-b', 'q.x', 'ann@corp.test', 'o_x@a.corp.test', IBAN];
    const marks = ['\u2014', '\u2013', '--', 'は', '\u200b', '…', '•', '%20', '&nbsp;', '&excl;', '\\/'];
    const mark = fc.constantFrom(...'/\\&+_@?%=!*~^$#|;:"\'()[]{}<>., -', ...marks);
    fc.assert(
      fc.property(
        fc.constantFrom(...ids, 'https://evil.test/p', 'https://evil.test/p/Q7?x=1'),
        fc.array(mark, { minLength: 1, maxLength: 4 }),
        mark,
        (id, before, behind) => {
          expect(finds(`to${before.join('')}${id}${behind}now`, id)).toBe(true);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('a table of numbers is taken whole', () => {
  test.each<[between: string, count: number]>([
    [',', 900],
    [' ', 400],
    ['\n', 400],
  ])('with %j between them', (between, count) => {
    const numbers = Array.from({ length: count }, (_, i) =>
      String(between === ',' ? 10_000 + 7 * i : 100 + i),
    );
    const { untrusted, lost } = harvest(numbers.join(between));
    expect(lost).toBe(false);
    for (const number of numbers) expect(untrusted).toContain(formOf(number));
  });
});

/** Each fills what is looked at of one output, and each is of what one of the rules could stumble over. */
describe('256 Ki characters', () => {
  test.each<[string, string]>([
    ['beginnings of an IBAN', 'gb29'],
    ['beginnings of an IBAN and dots', `gb29${'.'.repeat(5000)}`],
    ['letters far apart', `a${'.'.repeat(5000)}`],
    ['digits far apart', `1${'-'.repeat(5000)}`],
    ['IBANs glued together', IBAN],
    ['slashes', '/a'],
    ['all marks', '/\\&+_@?%=-.:'],
    ['half escapes', '%4\\u00&#'],
    ['escapes', '%41\\n&#65;'],
    ['escapes of escapes', '%25'],
    ['groups of digits', '1 '],
    ['groups of three digits', '123 '],
    ['groups of digits and commas', '1,'],
    ['groups of digits and brackets', '1 (0) '],
    ['zeros', '0'],
    ['zeros before a number', '01 '],
    ['UUIDs', '0f8fad5b-d9cb-469f-a165-70867728950e-'],
    ['points and letters', '1.a'],
    ['digits', '1'],
    ['digits and dashes', '12-'],
    ['dashes', '-a'],
    ['schemes', 'http://'],
    ['schemes of schemes', 'a.+-'],
    ['other letters', 'はa'],
    ['zero-width spaces', 'a\u200b'],
    ['marks on a letter', '\u0301'],
    ['blanks', '\u00a0 \n'],
    ['half a character', '\ud83d'],
    ['parts of a few values', 'a_1.b-'],
    ['numbers next to letters', 'x999y'],
    ['names of no mark', '&unheardof;'],
    ['ranges', '100-999/'],
    ['escapes between characters nobody sees', '%2\u200b5\u200b%25\u200b'],
  ])('of %s are taken within the bounds', (_, piece) => {
    const { untrusted } = harvest(piece.repeat(262_000 / piece.length));
    expect(untrusted.size).toBeGreaterThan(0);
    expect(untrusted.size).toBeLessThanOrEqual(2048);
  });
});

/** What a part would say, the whole has not said. */
const NO_PARTS: readonly [text: string, part: string][] = [
  ['ann@corp.test', 'corp.test'],
  ['ann@corp.test', 'ann'],
  ['acme/9-X', '9-X'],
  ['acme\\9-X', '9-X'],
  ['acme&9-X', '9-X'],
  ['acme+9-X', '9-X'],
  ['acme_9-X', '9-X'],
  ['acme?9-X', '9-X'],
  ['acme%9-X', '9-X'],
  ['acme—9-X', '9-X'],
  ['acme.9-X', '9-X'],
  ['は9-X', '9-X'],
  ['acme\u200b9-X', '9-X'],
  ['INV-7', '7'],
  ['INV-2026-17', '2026-17'],
  ['9000-9999', '9999'],
  ['021000021/123456789', '123456789'],
  ['12-3456-78901', '12345678901'],
  ['2026-05-12', '2026'],
  ['9 999,50', '9999.5'],
  ['https://h.test/?to=A-1', 'A-1'],
  ['https://h.test/A-1', 'A-1'],
  ['https://h.test/%41-1', 'A-1'],
  [`x${IBAN}`, IBAN],
  [`ref/${IBAN}`, IBAN],
];

describe.each<[string, (text: string) => ReadonlySet<string>]>([
  ['a record', (text) => harvest(text, 'system').trusted],
  ['the user', users],
])('%s', (_who, formsIn) => {
  test.each(NO_PARTS)('who said `%s` has not said `%s`', (text, part) => {
    expect(formsIn(text)).toContain(formOf(text));
    expect(formsIn(text)).not.toContain(formOf(part));
    expect(formsIn(`see ${text} there`)).not.toContain(formOf(part));
  });
});
