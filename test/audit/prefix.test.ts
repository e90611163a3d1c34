import { expect, test } from 'vitest';
import { endOfObject } from '../../src/audit/prefix.ts';

const OBJECT =
  '{"a":[1,2.5e+30,-0,{}],"b":{"c":"x\\u00e9\\" {\\"","d":[]},"e":true,"f":[[null]],"g":false,"h":"\u00e2\u0082"}';

test('an object that is cut anywhere ends where the text does', () => {
  for (let cut = 1; cut <= OBJECT.length; cut += 1)
    expect([cut, endOfObject(OBJECT.slice(0, cut))]).toEqual([cut, cut]);
});

test.each(['{"x":1}', 'xx', '\0\0', '}'])('a whole object ends before %j', (behind) => {
  expect(endOfObject(OBJECT + behind)).toBe(OBJECT.length);
});

test.each([
  '',
  '[1',
  '"a"',
  '{a',
  '{,',
  '{"a"x',
  '{"a":1,]',
  '{"a":[1}',
  '{"a":[,',
  '{"a":tru}',
  '{"a":1 ',
  '{ "a"',
  '{"a":"\0',
  '{"a":"\\x',
  '{"a":1,"b":"c{"index":',
  '{"a":{"b":1}{"c":1}',
])('%j is no object, whole or cut', (text) => {
  expect(endOfObject(text)).toBeUndefined();
});
