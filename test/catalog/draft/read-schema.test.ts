import { describe, expect, test } from 'vitest';
import { readSchema } from '../../../src/catalog/draft/read-schema.ts';
import { parsed } from './tool.ts';

const read = (schema: unknown) => readSchema(parsed(schema), 'schema');

describe('a schema', () => {
  test('follows its references, also with escapes', () => {
    const { properties } = read({
      $defs: { 'a/b~c': { type: 'string', format: 'EMAIL' } },
      properties: { x: { $ref: '#/$defs/a~1b~0c' } },
    });
    expect(properties.get('x')).toMatchObject({ kinds: new Set(['string']), format: 'email' });
  });

  test('fetches nothing: what lies elsewhere is anything', () => {
    expect(read({ $ref: 'https://example.com/schema.json' }).kinds.size).toBe(0);
  });

  test('may contain itself, and ends', () => {
    const tree = read({ properties: { inner: { $ref: '#' }, name: { type: 'string' } } });
    expect(tree.properties.get('inner')?.properties.has('name')).toBe(true);
  });

  test('that unfolds without end is refused by its place', () => {
    const fan = { anyOf: Array.from({ length: 8 }, () => ({ $ref: '#' })) };
    expect(() => read(fan)).toThrow('schema unfolds to more than 5000 parts');
  });

  test('of all together has the members of each, and the smaller bound', () => {
    const shape = read({
      allOf: [
        { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
        { properties: { b: { type: 'integer' } }, required: ['b'] },
      ],
    });
    expect([...shape.properties.keys()]).toEqual(['a', 'b']);
    expect(shape.required).toEqual(new Set(['a', 'b']));
    expect(read({ maxLength: 9, allOf: [{ maxLength: 4 }] }).maxLength).toBe(4);
  });

  test('of alternatives demands what each demands, and bounds where each bounds', () => {
    const shape = read({
      oneOf: [
        { properties: { a: {}, b: {} }, required: ['a', 'b'] },
        { properties: { a: {}, c: {} }, required: ['a'] },
      ],
    });
    expect([...shape.properties.keys()]).toEqual(['a', 'b', 'c']);
    expect(shape.required).toEqual(new Set(['a']));
    expect(read({ anyOf: [{ type: 'string', maxLength: 3 }, { type: 'string' }] }).maxLength).toBeUndefined();
    expect(read({ anyOf: [{ enum: ['a'] }, { type: 'string' }] }).choices).toBeUndefined();
    expect(read({ anyOf: [{ const: 'a' }, { const: 'b' }, { type: 'null' }] })).toMatchObject({
      choices: ['a', 'b'],
      nullable: true,
    });
  });

  test.each([
    [{ type: ['string', 'null'] }, true],
    [{ type: 'string', nullable: true }, true],
    [{ enum: ['a', null] }, true],
    [{ anyOf: [{ type: 'string' }, { type: 'null' }] }, true],
    [{ $ref: '#/$defs/a', $defs: { a: { type: ['string', 'null'] } } }, true],
    [{ type: 'string', allOf: [{ type: ['string', 'null'] }] }, false],
    [{ type: 'string' }, false],
    [{}, false],
  ])('%j may be null: %s', (schema, wanted) => {
    expect(read(schema).nullable).toBe(wanted);
  });
});
