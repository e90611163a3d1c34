import { describe, expect, test } from 'vitest';
import { durationMs, pairs, toolArguments, wholeNumber } from '../../src/cli/arguments.ts';
import { UsageError } from '../../src/cli/exit.ts';

describe('a duration', () => {
  test.each([
    ['250ms', 250],
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('%s is %i ms', (text, ms) => expect(durationMs(text, '--timeout')).toBe(ms));

  test.each(['', '5', '-5s', '0s', '1.5h', '1w', '5 s', '99999999999s'])('is not `%s`', (text) =>
    expect(() => durationMs(text, '--timeout')).toThrow(/^--timeout is a duration/),
  );
});

describe('arguments of a tool call', () => {
  test('are text by `=`, and anything by `:=`', () => {
    const items = ['amount=1200.00', 'to:=["a@x","b@x"]', 'note=a=b:=c', 'urgent:=true', 'n:=12'];
    expect(toolArguments(undefined, items)).toEqual({
      amount: '1200.00',
      to: ['a@x', 'b@x'],
      note: 'a=b:=c',
      urgent: true,
      n: 12,
    });
  });

  test('laid over an object win', () => {
    expect(toolArguments('{"a": "1", "b": "2"}', ['b=3'])).toEqual({ a: '1', b: '3' });
  });

  test.each([
    ['no name', undefined, ['=1']],
    ['no value', undefined, ['amount']],
    ['broken json', undefined, ['amount:={']],
    ['a number that would be rounded', undefined, ['amount:=9007199254740993']],
    ['a list for an object', '[1]', []],
    ['a duplicate member', '{"a":1,"a":2}', []],
    ['a file that is not there', '@/nowhere/at/all.json', []],
  ])('are refused with %s', (_, json, items) => {
    expect(() => toolArguments(json, items)).toThrow(UsageError);
  });
});

test('pairs are cut at the first sign', () => {
  expect(pairs(['a=b=c', 'd='])).toEqual({ a: 'b=c', d: '' });
});

test.each(['', '-1', '1.5', '1e3', 'x', '0', '201'])('`%s` is not a whole number from 1 to 200', (text) =>
  expect(() => wholeNumber(text, '--limit', { least: 1, most: 200 })).toThrow(
    `--limit is a whole number from 1 to 200, not \`${text}\``,
  ),
);

test.each([
  ['{"a": }', '--args is not json at `a`'],
  ['vendor=acme', '--args is not json'],
  ['[1]', '--args is not a json object'],
])('a bad object `%s` is told with an example of a good one', (text, problem) => {
  expect(() => toolArguments(text)).toThrow(problem);
  expect(() => toolArguments(text)).toThrow(`'{"vendor": "acme", "amount": "1200.00"}'`);
});
