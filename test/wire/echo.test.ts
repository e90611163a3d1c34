/** What an error repeats of its caller's input. */
import { expect, test } from 'vitest';
import { WireError } from '../../src/wire/grpc/errors.ts';
import { AUTHORIZE, askBytes, json, serve } from './harness.ts';

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

test.each([
  ['a line feed', 'a\nb', 'a\\u{a}b'],
  ['an escape sequence of a terminal', 'a\u001b[2Jb', 'a\\u{1b}[2Jb'],
  ['a delete and a C1 control', 'a\u007f\u009bb', 'a\\u{7f}\\u{9b}b'],
  ['text turned right to left', 'a\u202eb', 'a\\u{202e}b'],
  ['an isolate and a mark', 'a\u2066\u200f\u061cb', 'a\\u{2066}\\u{200f}\\u{61c}b'],
  ['separators of lines and paragraphs', 'a\u2028\u2029b', 'a\\u{2028}\\u{2029}b'],
  ['characters without width', 'a\u200b\ufeffb', 'a\\u{200b}\\u{feff}b'],
  ['a tag from another plane', 'a\u{e0041}b', 'a\\u{e0041}b'],
  ['letters of any script', 'é漢😀', 'é漢😀'],
])('the name of a field with %s comes back in characters that can be seen', async (_, name, shown) => {
  const house = await serve();
  const argumentsJson = json(`{${JSON.stringify(name)}:1,${JSON.stringify(name)}:2}`);
  const reply = await house.call(AUTHORIZE, askBytes({ action: { name: 'a', argumentsJson } }));
  expect(reply).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'MALFORMED_REQUEST' });
  expect(reply.fields[0]?.field).toBe(`action.arguments_json.${shown}`);
  expect(reply.message).toContain(`\`action.arguments_json.${shown}\``);
  expect(`${reply.message}${reply.fields[0]?.description}`).not.toMatch(UNSEEN);
});

test('a name of nothing but unseen characters is cut as well, message and all', async () => {
  const house = await serve();
  const name = '\u202e'.repeat(5000);
  const argumentsJson = json(`{"${name}":1,"${name}":2}`);
  const reply = await house.call(AUTHORIZE, askBytes({ action: { name: 'a', argumentsJson } }));
  expect(reply.code).toBe('INVALID_ARGUMENT');
  for (const text of [reply.message, reply.fields[0]?.field ?? '']) {
    expect(text.length).toBeLessThanOrEqual(256);
    expect(text).not.toMatch(UNSEEN);
  }
});

test('facts of an error are shown in the same way', async () => {
  const house = await serve();
  house.decide = async () => {
    throw new WireError('NOT_FOUND', 'ANY', 'no `\u0007`', { name: `\u202e${'x'.repeat(5000)}` });
  };
  const reply = await house.call(AUTHORIZE, askBytes());
  expect(reply.message).toBe('no `\\u{7}`');
  expect(reply.facts).toEqual({ name: `\\u{202e}${'x'.repeat(248)}` });
});
