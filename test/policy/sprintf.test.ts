import { expect, test } from 'vitest';
import { createCompiler } from '../../src/policy/compile.ts';
import { sprintf } from '../../src/policy/sprintf.ts';

const json = JSON.stringify;
const written = (format: string, values: string) => sprintf(json(format), values);

/** Format, arguments as JSON, text. */
const SAME: readonly (readonly [string, string, string])[] = [
  ['', '[]', ''],
  ['plain', '[]', 'plain'],
  ['100%%', '[]', '100%'],
  ['%%s %s', '["a"]', '%s a'],
  ['%s', '["größer als 20 € 💶"]', 'größer als 20 € 💶'],
  ['%s', '["%s $& $1"]', '%s $& $1'],
  ['%s', '[""]', ''],
  ['%s', '["\\u0000\\n\\"\\\\"]', '\u0000\n"\\'],
  ['%s/%v/%d', '["a","b",3]', 'a/b/3'],
  ['%d', '[0]', '0'],
  ['%d', '[-7]', '-7'],
  ['%d', '[9007199254740993]', '9007199254740993'],
  ['%d', '[123456789012345678901234567890]', '123456789012345678901234567890'],
  ['%v', '[1200]', '1200'],
  ['%v', '[-9223372036854775809]', '-9223372036854775809'],
  ['%v', '[true]', 'true'],
  ['%v', '[false]', 'false'],
  ['%v', '[null]', 'null'],
  ['%v', '[1200.5]', '1200.5'],
  ['%v', '[1.0]', '1'],
  ['%v', '[1.50]', '1.5'],
  ['%v', '[1e3]', '1000'],
  ['%v', '[-0.0001]', '-0.0001'],
  ['%v', '[-0.00001]', '-1e-05'],
  ['%v', '[1.5e-7]', '1.5e-07'],
  ['%v', '[2.25e-100]', '2.25e-100'],
  ['%v', '[999999.9]', '999999.9'],
  ['%v', '[1000000]', '1000000'],
  ['%v', '[1200000.5]', '1.2000005e+06'],
  ['%v', '[-12345678901.25]', '-1.234567890125e+10'],
];

/** Fractions of every size between, none of them round. */
const FRACTIONS = Array.from({ length: 240 }, (_, i) => `[${i % 2 ? '-' : ''}${Math.PI ** ((i - 110) / 7)}]`)
  .filter((values) => values.includes('.'))
  .map((values) => ['%v', values, written('%v', values)] as const);

test('what it writes is what Go writes', { timeout: 60_000 }, async () => {
  const rows = [...SAME, ...FRACTIONS];
  expect(rows.length).toBeGreaterThan(200);
  for (const [format, values, text] of rows)
    expect([values, written(format, values)]).toEqual([values, text]);
  const tests = rows.map(
    ([format, values, text], i) => `test_${i} if sprintf(${json(format)}, ${values}) == ${json(text)}`,
  );
  const { report } = await createCompiler().test(
    new Map([
      ['manifest.json', json({ name: 'a', codes: ['policy.a'], data: [] })],
      ['a.rego', 'package rules.a\n\ndeny contains {"code": "policy.a"}\n'],
      ['a_test.rego', `package rules.a_test\n\n${tests.join('\n')}\n`],
    ]),
  );
  expect(report.problems).toEqual([]);
  expect(report.tests.filter(({ pass }) => !pass)).toEqual([]);
  expect(report.tests).toHaveLength(rows.length);
});

test.each([
  ['a list', '%v', '[["blocked"]]'],
  ['an object', '%v', '[{"a":1}]'],
  ['a number as a string', '%s', '[12]'],
  ['a boolean as a string', '%s', '[true]'],
  ['null as a string', '%s', '[null]'],
  ['a list as a string', '%s', '[[]]'],
  ['a string as an integer', '%d', '["5"]'],
  ['a fraction as an integer', '%d', '[1.5]'],
  ['a whole number with a point as an integer', '%d', '[1.0]'],
  ['a whole number with an exponent as an integer', '%d', '[1e3]'],
  ['minus zero', '%v', '[-0]'],
  ['zero with a point', '%v', '[0.0]'],
  ['a whole million with a point', '%v', '[2000000.0]'],
  ['a whole number with a large exponent', '%v', '[1e21]'],
  ['a number past doubles', '%v', '[1e400]'],
  ['an index', '%[2]s%[1]s', '["a","b"]'],
  ['a precision', '%.2f', '[0.125]'],
  ['a width', '%-5s|', '["a"]'],
  ['a quoted string', '%q', '["a"]'],
  ['a truth value', '%t', '[true]'],
  ['a character', '%c', '[65]'],
  ['hexadecimal digits', '%x', '[255]'],
  ['a lone percent sign at the end', '100%', '[]'],
  ['a percent sign before a blank', '5 % of', '[]'],
  ['too few arguments', '%s %s', '["only"]'],
  ['too many arguments', '%s', '["a","b"]'],
  ['arguments and no verb', 'a', '["b"]'],
  ['arguments that are no list', '%s', '"a"'],
])('%s is refused, not written otherwise', (_, format, values) => {
  expect(() => written(format, values)).toThrow(/^sprintf /);
});

test('a format that is no string is refused', () => {
  expect(() => sprintf('7', '[]')).toThrow('sprintf takes a string and a list');
});
