/** Numbers of many digits, as an argument or a tool's output may hold them: read in one pass, or refused in one. */
import { expect, test } from 'vitest';
import { JsonError, parseJson } from '../../src/model/json.ts';

/** As long as the longest output of a tool; work that grows with its square takes minutes. */
const MANY = 512 * 1024;
const ZEROS = '0'.repeat(MANY);

function read(text: string): unknown {
  try {
    return parseJson(text, { maxDepth: 1 });
  } catch (cause) {
    if (cause instanceof JsonError) return cause.message;
    throw cause;
  }
}

const ROUNDED = 'is a number that would be rounded';

test.each<[string, string, unknown]>([
  ['zeros between its last digit and the point', `1.${ZEROS}1`, ROUNDED],
  ['zeros between other digits', `1.${`${'0'.repeat(1023)}1`.repeat(512)}`, ROUNDED],
  ['zeros behind the point', `1.${ZEROS}`, 1],
  ['zeros behind the point, and an exponent', `-1.5${ZEROS}e2`, -150],
  ['zeros before its first digit', `0.${ZEROS}1e${MANY}`, 0.1],
  ['a zero as its exponent, many times', `1e${ZEROS}`, 1],
  ['nines', `0.${'9'.repeat(MANY)}`, ROUNDED],
  ['digits before the point', `1${ZEROS}`, ROUNDED],
])(
  'a number with half a million %s',
  (_, text, value) => {
    expect(read(text)).toBe(value);
  },
  10_000,
);
