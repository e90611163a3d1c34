import { expect, test } from 'vitest';
import { mapSuites, mapTool } from '../../bench/judge/catalog.ts';
import type { Tool } from '../../bench/judge/tools.ts';
import { parseCatalog } from '../../src/catalog/parse.ts';
import { parseJson } from '../../src/model/json.ts';

function tool(change: Partial<Tool> & { readonly types?: Readonly<Record<string, string>> } = {}): Tool {
  const { types = {}, ...others } = change;
  return {
    params: new Map(Object.entries(types).map(([name, type]) => [name, { type, required: true }])),
    effect: 'read',
    destinationParams: [],
    otherSensitiveParams: [],
    outputCarriesInjection: null,
    outputSystemOfRecord: false,
    ...others,
  };
}

test.each([
  ['read', 'read'],
  ['read(+marks read)', 'read'],
  ['egress-read', 'read'],
  ['personal_read', 'personal_read'],
  ['file-write', 'write'],
  ['write', 'write'],
  ['write(+mails somebody)', 'external'],
  ['destructive(+mails participants)', 'destructive'],
  ['transfer', 'external'],
  ['teleport', 'code'],
  ['', 'code'],
  ['read and write', 'code'],
])('the effect `%s` is class %s', (effect, wanted) => {
  expect(mapTool(tool({ effect })).class).toBe(wanted);
});

test.each([
  ['string', 'string'],
  ['string|null', 'string'],
  ['null | string', 'string'],
  ['number|null', 'number'],
  ['integer|number', 'number'],
  ['integer|string', 'string'],
  ['boolean', 'boolean'],
  ['list[str]', 'string_list'],
  ['array<string>', 'string_list'],
  ['array of strings|null', 'string_list'],
  ['string[]', 'string_list'],
  ['array', 'object'],
  ['array of object', 'object'],
  ['list[dict]', 'object'],
  ['object', 'object'],
  ['string|object', 'object'],
  ['enum(a,b)', 'string'],
  ['Permission', 'object'],
  ['', 'string'],
])('the type `%s` is %s', (written, wanted) => {
  expect(mapTool(tool({ types: { x: written } })).arguments['x']?.type).toBe(wanted);
});

test('a list of destinations is one of names, also where its items have no type', () => {
  const mapped = mapTool(tool({ types: { to: 'array|null' }, destinationParams: ['to'] }));
  expect(mapped.arguments['to']).toMatchObject({ type: 'string_list', role: 'destination' });
});

test.each([
  ['body', 'string', 'content'],
  ['email_body', 'string', 'content'],
  ['messageText', 'string', 'content'],
  ['recipient', 'string', 'destination'],
  ['bodyguard', 'string', 'destination'],
  ['anybody', 'string', 'destination'],
  ['urgent', 'boolean', 'plain'],
])('a destination named `%s` of type %s has the role %s', (name, type, role) => {
  const mapped = mapTool(tool({ types: { [name]: type }, destinationParams: [name] }));
  expect(mapped.arguments[name]?.role).toBe(role);
});

test.each([
  ['amount', 'number'],
  ['id', 'integer'],
  ['file', 'string'],
])('a parameter `%s` of type %s that is sensitive and leads nowhere is plain', (name, type) => {
  const mapped = mapTool(tool({ types: { [name]: type }, otherSensitiveParams: [name] }));
  expect(mapped.arguments[name]?.role).toBe('plain');
});

test('a parameter that nobody lists is plain', () => {
  expect(mapTool(tool({ types: { day: 'string' } })).arguments['day']?.role).toBe('plain');
});

test.each([
  ['[].body', { body: 'free_text' }],
  ['text', { text: 'free_text' }],
  ['[].sender.note', { 'sender.note': 'free_text' }],
  ['items[].lines[].memo', { 'items.lines.memo': 'free_text' }],
  ['[].memo, [].alias (both are typed by the sender)', { memo: 'free_text', alias: 'free_text' }],
])('injected text at `%s` is free text, the rest somebody else’s', (written, fields) => {
  const { output } = mapTool(tool({ outputCarriesInjection: written }));
  expect(output.default).toBe('counterparty');
  expect(output.fields).toMatchObject(fields);
});

test.each(['whole output', 'everything', 'all of it', '$.items[0]', '[].body, whole output'])(
  'injected text at `%s` makes the whole output free text',
  (written) => {
    const { output } = mapTool(tool({ outputCarriesInjection: written, outputSystemOfRecord: true }));
    expect(output).toEqual({ default: 'free_text', fields: {} });
  },
);

test.each(['[]', '[] (a name that anybody may give)'])(
  'injected text at `%s`, items without a name, makes each item somebody else’s value',
  (written) => {
    const { output } = mapTool(tool({ outputCarriesInjection: written, outputSystemOfRecord: true }));
    expect(output).toEqual({ default: 'counterparty', fields: {} });
  },
);

test('a system of record vouches for its fields but for those that carry text', () => {
  expect(mapTool(tool({ outputSystemOfRecord: true })).output).toEqual({ default: 'system', fields: {} });
  const mixed = mapTool(tool({ outputSystemOfRecord: true, outputCarriesInjection: '[].memo' }));
  expect(mixed.output).toEqual({ default: 'system', fields: { memo: 'free_text' } });
});

test('fields named as text are free text in whatever is no system of record', () => {
  const { output } = mapTool(tool({}));
  expect(output.default).toBe('counterparty');
  expect(output.fields['body']).toBe('free_text');
});

test('what is mapped is a catalog', () => {
  const types = { to: 'array', text: 'string', amount: 'number', urgent: 'boolean', more: 'object|null' };
  const described = tool({ types, effect: 'message', destinationParams: Object.keys(types) });
  const { text, entries } = mapSuites([{ name: 'estate', tools: new Map([['send-letter', described]]) }]);
  expect([...parseCatalog(parseJson(text, { maxDepth: 16 })).keys()]).toEqual(['estate.send-letter']);
  expect([...entries.keys()]).toEqual(['estate.send-letter']);
});
