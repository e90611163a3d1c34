import { expect, test } from 'vitest';
import { adaptArguments } from '../../bench/judge/adapt.ts';
import type { Mapped } from '../../bench/judge/catalog.ts';
import type { ArgumentType } from '../../src/model/catalog.ts';

const TYPES = ['string', 'number', 'integer', 'boolean', 'string_list', 'object'] as const;

const MAPPED: Mapped = {
  class: 'write',
  arguments: Object.fromEntries(
    TYPES.map((type: ArgumentType) => [
      type,
      { type, required: false, role: 'plain' as const, max_length: 100, accepts: [] },
    ]),
  ),
  output: { default: 'system', fields: {} },
};

test.each([
  ['number', '380', 380],
  ['number', ' -1.5e2 ', -150],
  ['number', '380 EUR', '380 EUR'],
  ['number', '', ''],
  ['number', '0x10', '0x10'],
  ['integer', '7', 7],
  ['boolean', 'True', true],
  ['boolean', 'yes', 'yes'],
  ['string', 42, '42'],
  ['string', false, 'false'],
  ['string', ['a'], ['a']],
  ['string_list', "['a', 'b']", ['a', 'b']],
  ['string_list', [1, 'b'], ['1', 'b']],
  ['string_list', 'a@b.example', 'a@b.example'],
  ['object', [{ a: 1 }], { items: [{ a: 1 }] }],
  ['object', { a: 1 }, { a: 1 }],
  ['object', 'text', { items: 'text' }],
])('for a %s, %j becomes %j', (type, value, wanted) => {
  expect(adaptArguments({ [type]: value }, MAPPED)).toEqual({ [type]: wanted });
});

test('what was not said is left out', () => {
  expect(adaptArguments({ string: null, number: undefined, boolean: false }, MAPPED)).toEqual({
    boolean: false,
  });
});

test('an argument that the tool does not have is handed on as it is', () => {
  expect(adaptArguments({ other: '7', constructor: '8' }, MAPPED)).toEqual({ other: '7', constructor: '8' });
  expect(adaptArguments({ number: '7' }, undefined)).toEqual({ number: '7' });
});

test('arguments that were kept as their printed form are read', () => {
  expect(adaptArguments({ _raw: "{'number': '7'}" }, MAPPED)).toEqual({ number: 7 });
  expect(adaptArguments({ _raw: 'words' }, MAPPED)).toEqual({ _raw: 'words' });
  expect(adaptArguments({ _raw: "{'number': 7}", string: 'x' }, MAPPED)).toEqual({
    _raw: "{'number': 7}",
    string: 'x',
  });
});
