import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, JsonError, type JsonValue, parseJson } from '../../src/model/json.ts';

const LIMITS = { maxDepth: 32 };
const name = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => text !== '__proto__');
const scalar = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const value = fc.letrec<{ tree: JsonValue }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('tree'), { maxLength: 5 }),
    fc.dictionary(name, tie('tree'), { maxKeys: 5 }),
  ) as fc.Arbitrary<JsonValue>,
})).tree;

function refused(text: string): boolean {
  try {
    parseJson(text, LIMITS);
    return false;
  } catch (error) {
    if (error instanceof JsonError) return true;
    throw error;
  }
}

/** The exact value of a JSON number, as a fraction of a power of ten. */
function exact(literal: string): { readonly units: bigint; readonly scale: number } {
  const [mantissa = '', exponent = '0'] = literal.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const scale = fraction.length - Number(exponent);
  const units = BigInt(whole + fraction);
  return scale >= 0 ? { units, scale } : { units: units * 10n ** BigInt(-scale), scale: 0 };
}

function sameNumber(a: string, b: string): boolean {
  const x = exact(a);
  const y = exact(b);
  const scale = Math.max(x.scale, y.scale);
  return x.units * 10n ** BigInt(scale - x.scale) === y.units * 10n ** BigInt(scale - y.scale);
}

describe('strict JSON', () => {
  test('parsing the canonical form gives the canonical form again', () => {
    fc.assert(
      fc.property(value, (json) => {
        const text = canonicalJson(json);
        expect(canonicalJson(parseJson(text, LIMITS))).toBe(text);
        expect(canonicalJson(parseJson(Buffer.from(text), LIMITS))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  test('white space, order of members and escapes change nothing', () => {
    fc.assert(
      fc.property(value, (json) => {
        const spaced = JSON.stringify(json, null, '\t').replace(/\u00e9/g, '\\u00e9');
        expect(canonicalJson(parseJson(spaced, LIMITS))).toBe(canonicalJson(json));
      }),
      { numRuns: 300 },
    );
  });

  test('a number is kept exact or refused, never rounded', () => {
    const digits = fc.stringMatching(/^-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?$/);
    fc.assert(
      fc.property(digits, (literal) => {
        let kept: JsonValue;
        try {
          kept = parseJson(literal, LIMITS);
        } catch (error) {
          expect(error).toBeInstanceOf(JsonError);
          return;
        }
        expect(sameNumber(literal, String(kept))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('every double comes through as itself', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(parseJson(String(number), LIMITS)).toBe(Object.is(number, -0) ? 0 : number);
      }),
      { numRuns: 1000 },
    );
  });

  test('a member named twice is refused wherever it stands', () => {
    fc.assert(
      fc.property(name, value, value, fc.nat({ max: 5 }), (key, first, second, depth) => {
        const twice = `{${JSON.stringify(key)}:${JSON.stringify(first)},${JSON.stringify(key)}:${JSON.stringify(second)}}`;
        expect(refused(`${'['.repeat(depth)}${twice}${']'.repeat(depth)}`)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('a text cut short or continued is refused', () => {
    fc.assert(
      fc.property(value, fc.nat(), (json, cut) => {
        const text = canonicalJson(json);
        const shorter = text.slice(0, cut % text.length);
        // A number cut short is a shorter number.
        if (typeof json !== 'number') expect(refused(shorter)).toBe(true);
        expect(refused(`${text} ,`)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('bytes give a value or a JsonError, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          parseJson(bytes, LIMITS);
        } catch (error) {
          expect(error).toBeInstanceOf(JsonError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    '{"__proto__":1}',
    '[{"a":{"__proto__":null}}]',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '1e400',
    '-1e400',
    '9007199254740993',
    '0.1000000000000000055511151231257827',
    'NaN',
    'Infinity',
    '01',
    '1.',
    '.5',
    '+1',
    '"\u0000"',
    "'a'",
    '[1,]',
    '{"a":1,}',
    '/**/1',
    '',
    `${'['.repeat(33)}${']'.repeat(33)}`,
  ])('`%s` is refused', (text) => {
    expect(refused(text)).toBe(true);
  });
});
