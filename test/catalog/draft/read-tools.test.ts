import { describe, expect, test } from 'vitest';
import { readTools } from '../../../src/catalog/draft/read-tools.ts';
import { Malformed } from '../../../src/model/refusal.ts';
import { parsed } from './tool.ts';

const schema = { type: 'object', properties: { shelf: { type: 'string' } }, required: ['shelf'] };
const tool = { name: 'get_shelf', description: 'Gets it.', inputSchema: schema };
const fn = { name: 'get_shelf', description: 'Gets it.', parameters: schema };

describe('tools are read', () => {
  test.each<[string, unknown]>([
    ['of a tools/list result', { tools: [tool] }],
    ['of the answer that carries it', { jsonrpc: '2.0', id: 1, result: { tools: [tool] } }],
    ['of the list alone', [tool]],
    ['of one tool alone', tool],
    ['of a list of functions', [{ type: 'function', function: fn }]],
    ['of functions under `tools`', { tools: [{ type: 'function', function: fn }] }],
    ['of flat functions', [{ type: 'function', ...fn }]],
    ['of functions under `functions`', { functions: [fn] }],
    ['with `input_schema`', [{ name: 'get_shelf', description: 'Gets it.', input_schema: schema }]],
    ['of one schema with a title', { title: 'get_shelf', description: 'Gets it.', ...schema }],
    ['of schemas by name', { get_shelf: { description: 'Gets it.', ...schema } }],
  ])('%s', (_, json) => {
    const { tools, unfinished } = readTools(parsed(json));
    expect(unfinished).toBe(false);
    expect(tools.map(({ name, description }) => [name, description])).toEqual([['get_shelf', 'Gets it.']]);
    expect([...(tools[0]?.input.properties.keys() ?? [])]).toEqual(['shelf']);
    expect(tools[0]?.input.required).toEqual(new Set(['shelf']));
  });

  test('and a list that goes on elsewhere says so', () => {
    expect(readTools(parsed({ tools: [tool], nextCursor: 'p2' })).unfinished).toBe(true);
  });
});

describe('what is no tool list is refused by its place', () => {
  test.each<[string, unknown, string]>([
    ['text', 'tools', 'the input'],
    ['an empty list', { tools: [] }, 'tools'],
    ['an answer without a result', { jsonrpc: '2.0', error: {} }, 'result'],
    ['an answer without tools', { jsonrpc: '2.0', result: {} }, 'result.tools'],
    ['an item that is no object', [tool, 1], '[1]'],
    ['no name', { tools: [{ inputSchema: schema }] }, 'tools[0].name'],
    ['a name twice', { tools: [tool, tool] }, 'tools[1]'],
    ['too many tools', Array.from({ length: 1001 }, (_, index) => ({ name: `get_${index}` })), 'the input'],
    ['a description of another type', [{ name: 'a', description: 1 }], '[0].description'],
    ['a schema of no object', [{ name: 'a', inputSchema: { type: 'array' } }], '[0].inputSchema'],
    ['a schema that is none', [{ name: 'a', inputSchema: 'x' }], '[0].inputSchema'],
    [
      'a hint of another type',
      [{ name: 'a', annotations: { readOnlyHint: 'no' } }],
      '[0].annotations.readOnlyHint',
    ],
    ['a function without a name', [{ function: { parameters: schema } }], '[0].function.name'],
    ['a schema without a title', schema, 'title'],
    ['something else by name', { get_shelf: { class: 'read' } }, 'get_shelf'],
    [
      'a wrong type inside',
      [{ name: 'a', inputSchema: { properties: { b: { type: 'text' } } } }],
      '[0].inputSchema.properties.b.type',
    ],
    ['a type that is no name', [{ name: 'a', inputSchema: { type: 7 } }], '[0].inputSchema.type'],
    ['alternatives that are no list', [{ name: 'a', inputSchema: { anyOf: {} } }], '[0].inputSchema.anyOf'],
    [
      'properties that are no object',
      [{ name: 'a', inputSchema: { properties: [] } }],
      '[0].inputSchema.properties',
    ],
    [
      'a length below nothing',
      [{ name: 'a', inputSchema: { properties: { b: { maxLength: -1 } } } }],
      '[0].inputSchema.properties.b.maxLength',
    ],
    ['a reference to nothing', [{ name: 'a', inputSchema: { $ref: '#/$defs/b' } }], '[0].inputSchema.$ref'],
    ['names that are none', [{ name: 'a', inputSchema: { required: [1] } }], '[0].inputSchema.required'],
    [
      'choices that are no list',
      [{ name: 'a', inputSchema: { properties: { b: { enum: 'x' } } } }],
      '[0].inputSchema.properties.b.enum',
    ],
  ])('%s', (_, json, field) => {
    let failed: unknown;
    try {
      readTools(parsed(json));
    } catch (cause) {
      failed = cause;
    }
    expect(failed).toBeInstanceOf(Malformed);
    expect(failed).toMatchObject({ field });
  });
});
