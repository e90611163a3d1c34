import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
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

test('a file of arguments is read as utf-8, and refused where it is something else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'assent-arguments-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'args.json');
  const json = '{"vendor": "Müller"}';
  writeFileSync(file, Buffer.from(json, 'latin1'));
  expect(() => toolArguments(`@${file}`)).toThrow(new UsageError(`\`${file}\` is not utf-8`));
  writeFileSync(file, json);
  expect(toolArguments(`@${file}`)).toEqual({ vendor: 'Müller' });
});

test('pairs are cut at the first sign', () => {
  expect(pairs(['a=b=c', 'd='], '--declare')).toEqual({ a: 'b=c', d: '' });
});

test.each<[string, string, () => unknown]>([
  ['a budget', '--limit gives `payments` twice', () => pairs(['payments=1', 'payments=5000'], '--limit')],
  ['a value', '--declare gives `b` twice', () => pairs(['b=1', 'a=1', 'b=1'], '--declare')],
  ['an argument', '--arg gives `a` twice', () => toolArguments(undefined, ['a=1', 'a=2'])],
  ['an argument in two forms', '--arg gives `a` twice', () => toolArguments('{"a": 1}', ['a=1', 'a:=2'])],
])('%s that is given twice is refused: nobody knows which was meant', (_, message, read) => {
  expect(read).toThrow(new UsageError(message));
});

test('an argument may have the name of a member that every object has', () => {
  const read = toolArguments(undefined, ['__proto__:={"a": 1}', 'constructor=c']);
  expect(Object.entries(read)).toEqual([
    ['__proto__', { a: 1 }],
    ['constructor', 'c'],
  ]);
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
