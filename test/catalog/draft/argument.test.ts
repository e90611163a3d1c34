import { describe, expect, test } from 'vitest';
import type { ArgumentRole } from '../../../src/model/catalog.ts';
import type { JsonValue } from '../../../src/model/json.ts';
import { entryOf, toolOf } from './tool.ts';

function argumentOf(tool: string, name: string, schema: JsonValue, required = false) {
  const inputSchema = { type: 'object', properties: { [name]: schema }, required: required ? [name] : [] };
  const { arguments: args, guess } = entryOf({ name: tool, inputSchema });
  return { drafted: args[name], guess: guess[`arguments.${name}`] ?? '' };
}

describe('the role of a text argument', () => {
  test.each<[string, string, ArgumentRole]>([
    ['send_parcel', 'to', 'destination'],
    ['send_parcel', 'recipientId', 'destination'],
    ['send_parcel', 'account_number', 'destination'],
    ['send_parcel', 'reply_to', 'destination'],
    ['send_parcel', 'webhook_url', 'destination'],
    ['send_parcel', 'street', 'destination'],
    ['send_parcel', 'parcel_id', 'resource_id'],
    ['send_parcel', 'email_id', 'resource_id'],
    ['send_parcel', 'message_body', 'content'],
    ['send_parcel', 'note', 'content'],
    ['send_parcel', 'currency', 'plain'],
    ['send_parcel', 'page_token', 'plain'],
    ['send_parcel', 'xyzzy', 'destination'],
    ['set_parcel', 'xyzzy', 'destination'],
    ['set_parcel', 'file_path', 'destination'],
    ['set_parcel', 'project', 'resource_id'],
    ['send_parcel', 'project', 'destination'],
    ['delete_parcel', 'parcel_id', 'destination'],
    ['run_job', 'code', 'destination'],
    ['get_parcel', 'xyzzy', 'plain'],
    ['get_parcel', 'path', 'resource_id'],
    ['get_parcel', 'channel', 'resource_id'],
    ['get_parcel', 'url', 'destination'],
  ])('of %s: %s is %s', (tool, name, wanted) => {
    expect(entryOf(toolOf(tool, [name])).arguments[name]?.role).toBe(wanted);
  });

  test.each<[string, JsonValue, ArgumentRole]>([
    ['a format', { type: 'string', format: 'email' }, 'destination'],
    ['a format of items', { type: 'array', items: { type: 'string', format: 'uri' } }, 'destination'],
    ['a description of somebody', { type: 'string', description: 'The IBAN of the seller' }, 'destination'],
    [
      'a list by description',
      { type: 'string', description: 'Comma-separated list of email addresses' },
      'destination',
    ],
    ['a description of a text', { type: 'string', description: 'The text to print' }, 'content'],
    ['a choice', { enum: ['small', 'large'] }, 'plain'],
    ['yes or no', { type: 'boolean' }, 'plain'],
    ['a number', { type: 'number' }, 'amount'],
  ])('without a telling name is told by %s', (_, schema, wanted) => {
    expect(argumentOf('send_parcel', 'xyzzy', schema).drafted?.role).toBe(wanted);
  });

  test.each<[string, JsonValue, ArgumentRole]>([
    ['title', { type: 'string', description: 'URL to open' }, 'destination'],
    ['to', { type: 'string', format: 'date' }, 'plain'],
    ['to', { type: 'string', description: 'Date until which it counts' }, 'plain'],
    ['recipient', { type: 'string', description: 'Text' }, 'destination'],
    ['channel', { enum: ['north', 'south'] }, 'destination'],
  ])('of `%s` with %j is %s', (name, schema, wanted) => {
    expect(argumentOf('send_parcel', name, schema).drafted?.role).toBe(wanted);
  });
});

describe('types', () => {
  test.each<[string, JsonValue, string]>([
    ['a union with null', { type: ['string', 'null'] }, 'string'],
    ['null among alternatives', { anyOf: [{ type: 'integer' }, { type: 'null' }] }, 'integer'],
    ['nullable', { type: 'number', nullable: true }, 'number'],
    ['whole numbers among numbers', { type: ['integer', 'number'] }, 'number'],
    ['choices without a type', { enum: ['a', 'b'] }, 'string'],
    ['a list of texts', { type: 'array', items: { type: 'string' } }, 'string_list'],
    ['members without a type', { properties: { a: { type: 'string' } } }, 'object'],
  ])('%s', (_, schema, wanted) => {
    const { drafted, guess } = argumentOf('set_shelf', 'note', schema);
    expect(drafted?.type).toBe(wanted);
    if (wanted !== 'object') expect(guess).not.toContain('is refused');
  });

  test.each<[string, JsonValue, string, string]>([
    ['no type', {}, 'string', 'only text is taken'],
    ['any schema at all', true, 'string', 'only text is taken'],
    ['text or number', { type: ['string', 'integer'] }, 'string', 'all but `string` is refused'],
    ['text or list', { type: ['string', 'array'] }, 'string_list', 'all but `string_list` is refused'],
    ['a list of anything', { type: 'array' }, 'string_list', 'only texts are taken'],
    ['a list of objects', { type: 'array', items: { type: 'object' } }, 'object', 'asks with it are refused'],
    [
      'a list with nulls',
      { type: 'array', items: { type: ['string', 'null'] } },
      'string_list',
      'items that are null',
    ],
    ['a list of numbers', { type: 'array', items: { type: 'number' } }, 'object', 'asks with it are refused'],
  ])('what cannot be said exactly is doubtful: %s', (_, schema, wanted, why) => {
    const { drafted, guess } = argumentOf('set_shelf', 'note', schema);
    expect(drafted?.type).toBe(wanted);
    expect(guess).toMatch(/^doubtful: /);
    expect(guess).toContain(why);
  });

  test('an argument that may be null is none that must be there', () => {
    const { drafted, guess } = argumentOf('set_shelf', 'note', { type: ['string', 'null'] }, true);
    expect(drafted?.required).toBe(false);
    expect(guess).toContain('null is refused');
    expect(argumentOf('set_shelf', 'note', { type: 'string' }, true).drafted?.required).toBe(true);
  });

  test('an amount in words is a decimal', () => {
    expect(argumentOf('send_parcel', 'price', { type: 'string' }).drafted).toMatchObject({
      type: 'decimal',
      role: 'amount',
    });
  });

  test('a tree is as weighty as what is in it', () => {
    const tree = (properties: JsonValue) =>
      argumentOf('send_parcel', 'spec', { type: 'object', properties }).drafted?.role;
    expect(tree({ body: { type: 'string' }, inner: { properties: { cc: { type: 'string' } } } })).toBe(
      'destination',
    );
    expect(tree({ body: { type: 'string' } })).toBe('content');
    expect(tree({})).toBe('destination');
  });
});

describe('bounds', () => {
  test.each<[string, JsonValue, number | undefined]>([
    ['note', { type: 'string', maxLength: 7 }, 7],
    ['note', { type: 'string', maxLength: 0 }, 1],
    ['note', { type: 'string', maxLength: 1_000_000 }, 65_536],
    ['note', { type: 'array', items: { type: 'string', maxLength: 9 } }, 9],
    ['size', { enum: ['s', 'xxl'] }, 3],
    ['email', { type: 'string' }, 254],
    ['shelf_id', { type: 'string' }, undefined],
    ['size', { type: 'integer' }, undefined],
  ])('of %s with %j: %s', (name, schema, wanted) => {
    expect(argumentOf('set_shelf', name, schema).drafted?.max_length).toBe(wanted);
  });

  test.each([
    ['password', true],
    ['api_key', true],
    ['iban', true],
    ['card_number', true],
    ['note', undefined],
    ['page_token', undefined],
  ])('`%s` is sensitive: %s', (name, wanted) => {
    expect(argumentOf('set_shelf', name, { type: 'string' }).drafted?.sensitive).toBe(wanted);
  });
});
