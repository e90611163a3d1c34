import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formOf } from '../../src/provenance/forms.ts';
import { ibansIn, isIban } from '../../src/provenance/iban.ts';

const IBANS = [
  'gb29nwbk60161331926819',
  'de89370400440532013000',
  'no9386011117947',
  'mt84malt011000012345mtlcast001s',
  'lc55hemm000100010012001200023015',
  'ru0204452560040702810412345678901',
];

describe('an IBAN', () => {
  test.each(IBANS)('`%s` has its checksum, and another with one character changed has not', (iban) => {
    expect(isIban(iban)).toBe(true);
    for (let i = 2; i < iban.length; i += 1) {
      const other = iban.charAt(i) === '1' ? '2' : '1';
      expect(isIban(iban.slice(0, i) + other + iban.slice(i + 1))).toBe(false);
    }
  });

  test.each([
    '',
    'gb29',
    'gb29nwbk6016133192681',
    'GB29NWBK60161331926819',
    'gb29 nwbk60161331926819',
    `${IBANS[0]}0`,
  ])('`%s` is none', (text) => {
    expect(isIban(text)).toBe(false);
  });

  test('is found wherever it stands, whatever marks are in it', () => {
    const mark = fc.constantFrom('', ' ', '-', '.', '/', ' - ', '_', ' | ', '—', '・', '\n', '%');
    const around = fc.stringMatching(/^[a-z .,はé-]{0,20}$/);
    fc.assert(
      fc.property(fc.constantFrom(...IBANS), mark, around, around, (iban, between, before, behind) => {
        expect(ibansIn(`${before}${iban.split('').join(between)}${behind}`)).toContain(iban);
      }),
    );
  });

  test('every IBAN that is found has its checksum', () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcd0123456789 .-'), minLength: 200, maxLength: 400 });
    fc.assert(
      fc.property(text, (written) => {
        for (const iban of ibansIn(written)) expect(isIban(iban)).toBe(true);
      }),
    );
  });

  test('is not found in less than the shortest takes', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{2}[0-9]{12}$/), (text) => {
        expect(ibansIn(text)).toEqual([]);
      }),
    );
  });

  test.each([
    'GB29 NWBK 6016 1331 9268 19',
    'GB29-NWBK-6016-1331-9268-19',
    'gb29.nwbk.6016.1331.9268.19',
    'GB29/NWBK/6016/1331/9268/19',
    'GB29\u2013NWBK\u20136016\u20131331\u20139268\u201319',
    'GB29\u00a0NWBK\u200b60161331926819',
    'IBAN GB29 NWBK 6016 1331 9268 19',
    'IBAN: GB29NWBK60161331926819',
  ])('as a whole value `%s` is one value with all its spellings', (spelled) => {
    expect(formOf(spelled)).toBe(`s:${IBANS[0]}`);
  });

  test.each(['GB29 NWBK 6016 1331 9268 18', 'to GB29NWBK60161331926819', 'GB29NWBKは60161331926819'])(
    'what only looks like it stays what it is: `%s`',
    (text) => {
      expect(formOf(text)).toBe(`s:${text.toLowerCase()}`);
    },
  );
});
