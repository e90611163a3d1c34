import { expect, test } from 'vitest';
import type { Writer } from '../../../src/model/catalog.ts';
import type { JsonObject, JsonValue } from '../../../src/model/json.ts';
import { entryOf, toolOf } from './tool.ts';

function outputOf(properties: JsonValue, more: JsonObject = {}) {
  return entryOf(toolOf('get_shelf', [], { outputSchema: { type: 'object', properties }, ...more })).output;
}

test.each<[string, JsonValue, Writer]>([
  ['id', { type: 'string' }, 'system'],
  ['parcel_id', { type: 'string' }, 'system'],
  ['createdAt', { type: 'string', format: 'date-time' }, 'system'],
  ['status', { type: 'string' }, 'system'],
  ['open', { type: 'boolean' }, 'system'],
  ['kind', { enum: ['a', 'b'] }, 'system'],
  ['weight', { type: 'number' }, 'system'],
  ['total', { type: 'number' }, 'counterparty'],
  ['kind', { type: 'string' }, 'free_text'],
  ['body', { type: 'string' }, 'free_text'],
  ['memo', { type: 'string' }, 'free_text'],
  ['notes', { type: 'array', items: { type: 'string' } }, 'free_text'],
  ['sender', { type: 'string' }, 'counterparty'],
  ['from', { type: 'string' }, 'counterparty'],
  ['author_name', { type: 'string' }, 'counterparty'],
  ['account_number', { type: 'string' }, 'counterparty'],
  ['phone_number', { type: 'integer' }, 'counterparty'],
  ['external_id', { type: 'string' }, 'counterparty'],
  ['email', { type: 'string', format: 'email' }, 'counterparty'],
  ['xyzzy', { type: 'string' }, 'free_text'],
  ['xyzzy', {}, 'free_text'],
])('an output field `%s` of %j is %s', (name, schema, wanted) => {
  const output = outputOf({ [name]: schema });
  expect(output).toEqual({ default: 'free_text', fields: { [name]: wanted } });
});

test('paths go through objects and lists, and leave indices out', () => {
  const shelf = {
    type: 'object',
    properties: { id: { type: 'string' }, lines: { items: { properties: { memo: {} } } } },
  };
  expect(outputOf({ shelves: { type: 'array', items: shelf } }).fields).toEqual({
    'shelves.id': 'system',
    'shelves.lines.memo': 'free_text',
  });
});

test('a list at the top has the paths of its items', () => {
  const outputSchema = { type: 'array', items: { properties: { id: { type: 'string' } } } };
  expect(entryOf(toolOf('get_shelf', [], { outputSchema })).output.fields).toEqual({ id: 'system' });
});

test('a name with a dot has no path, and maps have no names', () => {
  const fields = {
    'a.id': { type: 'string' },
    '': { type: 'string' },
    by_id: { additionalProperties: { type: 'integer' }, type: 'object' },
  };
  expect(outputOf(fields).fields).toEqual({});
});

test('nothing vouches in what comes from outside, or of which nothing is said', () => {
  const id = { id: { type: 'string' } };
  const nothing = { default: 'free_text', fields: {} };
  expect(outputOf(id, { name: 'get_webpage' })).toEqual(nothing);
  expect(outputOf(id, { annotations: { openWorldHint: true } })).toEqual(nothing);
  expect(outputOf(id, { inputSchema: { properties: { link: { type: 'string' } } } })).toEqual(nothing);
  expect(entryOf(toolOf('get_shelf')).output).toEqual(nothing);
});

test('at most 256 fields are labelled', () => {
  const many = Object.fromEntries(
    Array.from({ length: 400 }, (_, index) => [`a${index}_id`, { type: 'string' }]),
  );
  expect(Object.keys(outputOf(many).fields)).toHaveLength(256);
});
