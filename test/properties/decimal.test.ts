import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addDecimal,
  compareDecimal,
  type Decimal,
  formatDecimal,
  isExactNumber,
  parseDecimal,
  subtractDecimal,
} from '../../src/model/decimal.ts';

const text = fc.stringMatching(/^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?$/);
const decimal = text.map(parseDecimal).filter((value): value is Decimal => value !== undefined);

/** The value in units of 10^-24, by another way. */
function units(value: Decimal): bigint {
  return value.units * 10n ** BigInt(24 - value.scale);
}

describe('decimals', () => {
  test('come back as their shortest text, which reads as the same value', () => {
    fc.assert(
      fc.property(text, (written) => {
        const value = parseDecimal(written) as Decimal;
        const short = formatDecimal(value);
        expect(parseDecimal(short)).toEqual(value);
        expect(short).not.toMatch(/\.[0-9]*0$|\.$|^-0$/);
        expect(short.length).toBeLessThanOrEqual(written.length);
      }),
      { numRuns: 1000 },
    );
  });

  test('add, subtract and compare exactly', () => {
    fc.assert(
      fc.property(decimal, decimal, (a, b) => {
        expect(units(addDecimal(a, b))).toBe(units(a) + units(b));
        expect(units(subtractDecimal(a, b))).toBe(units(a) - units(b));
        expect(Math.sign(compareDecimal(a, b))).toBe(units(a) < units(b) ? -1 : units(a) > units(b) ? 1 : 0);
      }),
      { numRuns: 1000 },
    );
  });

  test('called exact survive a double', () => {
    fc.assert(
      fc.property(decimal, (value) => {
        if (!isExactNumber(value)) return;
        const plain = Number(formatDecimal(value)).toFixed(value.scale);
        expect(formatDecimal(parseDecimal(plain) as Decimal)).toBe(formatDecimal(value));
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    '',
    ' 1',
    '1 ',
    '+1',
    '01',
    '1.',
    '.5',
    '1e3',
    '1,5',
    '--1',
    '0x1',
    '1_000',
    '\u0661',
    '1234567890123456789',
    '1.1234567890123',
  ])('`%s` is none', (written) => {
    expect(parseDecimal(written)).toBeUndefined();
  });
});
