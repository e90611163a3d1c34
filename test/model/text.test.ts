import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foldText } from '../../src/model/text.ts';

describe('folded text', () => {
  test.each<[string, string, string]>([
    ['case', 'Straße', 'STRASSE'],
    ['a capital sharp s', 'STRAẞE', 'strasse'],
    ['width', 'ＧＢ２９', 'gb29'],
    ['blanks', ' a \t\n b\u00a0c ', 'a b c'],
    ['control characters', 'a\u0000b', 'a b'],
    ['zero-width characters', 'a\u200bb\u200c\u200d\u2060\ufeffc', 'abc'],
    ['soft hyphens', 'a\u00adb', 'ab'],
    ['fillers', 'a\u3164b\u115fc', 'abc'],
    ['variation selectors', 'a\ufe0fb', 'ab'],
    ['what turns text around', '\u202ea\u202c', 'a'],
    ['dashes', 'a\u2010b\u2011c\u2012d\u2013e\u2014f\u2212g\ufe63h', 'a-b-c-d-e-f-g-h'],
    ['composition around what nobody sees', 'e\u200d\u0301', '\u00e9'],
    ['a blank that only stood beside what nobody sees', 'a \u200b b', 'a b'],
  ])('has one spelling for %s', (_, written, folded) => {
    expect(foldText(written)).toBe(foldText(folded));
    expect(foldText(folded)).toBe(folded.toLowerCase());
  });

  test.each([
    ['letters of another script', 'a', '\u0430'],
    ['digits and letters', '1', 'l'],
    ['words put together', 'a b', 'ab'],
  ])('keeps %s apart', (_, one, other) => {
    expect(foldText(one)).not.toBe(foldText(other));
  });

  test('folded again is the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const folded = foldText(text);
        expect(foldText(folded)).toBe(folded);
      }),
      { numRuns: 2000 },
    );
  });
});
