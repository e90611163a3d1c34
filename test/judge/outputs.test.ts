import { expect, test } from 'vitest';
import { readPrinted } from '../../bench/judge/outputs.ts';

test.each([
  ['JSON', '{"a": [1, "x"]}', { a: [1, 'x'] }],
  [
    'YAML',
    '- to: a@b.example\n  note: "two\\nlines"\n- to: c\n',
    [{ to: 'a@b.example', note: 'two\nlines' }, { to: 'c' }],
  ],
  ['a Python dict', "{'a': None, 'b': True, 'c': [1, 2.5]}", { a: null, b: true, c: [1, 2.5] }],
  ['a Python dict with a tuple', "{'at': (1, 2,), 'none': ()}", { at: [1, 2], none: [] }],
  [
    'quotes within Python strings',
    `{'it': "it's", "say": 'a "word"', 'x': 'don\\'t'}`,
    { it: "it's", say: 'a "word"', x: "don't" },
  ],
  ['Python escapes', "['a\\nb', '\\x41\\u00e9\\U0001f600', 'c:\\\\d']", ['a\nb', 'Aé😀', 'c:\\d']],
  ['Python words within strings', "['None of True (or) False']", ['None of True (or) False']],
  ['a member named as no number is', "{'__proto__': 'x'}", JSON.parse('{"__proto__": "x"}')],
])('%s is read as the value it prints', (_, text, value) => {
  expect(readPrinted(text)).toEqual(value);
});

test.each([
  ['a sentence', 'The rent is due.'],
  ['a sentence with a colon and a quote', 'He said: "no" and left: so be it'],
  ['a number', '41.64'],
  ['an address', 'ida.brandt@mail.example'],
  ['nothing', ''],
  ['broken brackets', "{'a': "],
  ['an alias, which could grow', 'a: &x [1]\nb: *x'],
])('%s stays text', (_, text) => {
  expect(readPrinted(text)).toBe(text);
});

test('a value that is no text stays what it is', () => {
  expect(readPrinted({ a: 1 })).toEqual({ a: 1 });
  expect(readPrinted(null)).toBeNull();
});
