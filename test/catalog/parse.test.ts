import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { guessedActions } from '../../src/catalog/guess.ts';
import { parseCatalog } from '../../src/catalog/parse.ts';
import { type JsonValue, parseJson } from '../../src/model/json.ts';
import { Malformed } from '../../src/model/refusal.ts';
import { CATALOG } from './fixture.ts';

function withAction(action: JsonValue): JsonValue {
  return { version: 1, actions: { 'a.b': action } };
}

function withArgument(argument: JsonValue): JsonValue {
  return withAction({ class: 'write', arguments: { x: argument } });
}

function fieldOf(json: JsonValue): string {
  try {
    parseCatalog(json);
  } catch (error) {
    if (error instanceof Malformed) return error.field;
    throw error;
  }
  throw new Error('was not refused');
}

describe('the catalog file', () => {
  test('gives each argument its strict defaults', () => {
    const entry = parseCatalog(CATALOG).get('payment.send');
    expect(entry?.arguments.get('amount')).toEqual({
      accepts: [],
      type: 'decimal',
      required: true,
      role: 'amount',
      maxLength: 1024,
      sensitive: false,
    });
    expect(entry?.stateless).toBe(false);
    expect(entry?.output.fields.get('payment_id')).toBe('system');
    expect(parseCatalog(CATALOG).get('mail.send')?.output.default).toBe('free_text');
  });

  test.each<[string, JsonValue, string]>([
    ['no object', [], 'catalog'],
    ['no version', { actions: {} }, 'version'],
    ['another version', { version: 2, actions: {} }, 'version'],
    ['no actions', { version: 1 }, 'actions'],
    ['an unknown key at the top', { version: 1, actions: {}, note: 1 }, 'note'],
    ['a bad action name', { version: 1, actions: { 'a b': { class: 'read' } } }, 'actions.a b'],
    ['an action name with nothing between dots', { version: 1, actions: { 'a..b': {} } }, 'actions.a..b'],
    ['an action name that ends in a dot', { version: 1, actions: { 'a.': {} } }, 'actions.a.'],
    ['no class', withAction({}), 'actions.a.b.class'],
    ['an unknown class', withAction({ class: 'harmless' }), 'actions.a.b.class'],
    ['an unknown key', withAction({ class: 'read', scope: [] }), 'actions.a.b.scope'],
    ['a stateless write', withAction({ class: 'write', stateless: true }), 'actions.a.b.stateless'],
    [
      'a stateless personal read',
      withAction({ class: 'personal_read', stateless: true }),
      'actions.a.b.stateless',
    ],
    ['a word for a flag', withAction({ class: 'read', stateless: 'yes' }), 'actions.a.b.stateless'],
    ['no type', withArgument({ role: 'plain' }), 'actions.a.b.arguments.x.type'],
    ['no role', withArgument({ type: 'string' }), 'actions.a.b.arguments.x.role'],
    [
      'an amount without digits',
      withArgument({ type: 'string', role: 'amount' }),
      'actions.a.b.arguments.x.role',
    ],
    [
      'a destination of yes or no',
      withArgument({ type: 'boolean', role: 'destination' }),
      'actions.a.b.arguments.x.role',
    ],
    [
      'no length at all',
      withArgument({ type: 'string', role: 'plain', max_length: 0 }),
      'actions.a.b.arguments.x.max_length',
    ],
    [
      'a null length',
      withArgument({ type: 'string', role: 'plain', max_length: null }),
      'actions.a.b.arguments.x.max_length',
    ],
    [
      'an unknown argument key',
      withArgument({ type: 'string', role: 'plain', secret: true }),
      'actions.a.b.arguments.x.secret',
    ],
    [
      'an identity that is no argument',
      withAction({ class: 'write', identity: ['y'] }),
      'actions.a.b.identity[0]',
    ],
    [
      'an unknown writer',
      withAction({ class: 'read', output: { default: 'untrusted' } }),
      'actions.a.b.output.default',
    ],
    ['a null writer', withAction({ class: 'read', output: { default: null } }), 'actions.a.b.output.default'],
    [
      'an unknown field writer',
      withAction({ class: 'read', output: { fields: { 'a.b': 'god' } } }),
      'actions.a.b.output.fields.a.b',
    ],
    [
      'a field path with a gap',
      withAction({ class: 'read', output: { fields: { 'a..b': 'self' } } }),
      'actions.a.b.output.fields.a..b',
    ],
    [
      'a guess at what is no part of the entry',
      withAction({ class: 'read', guess: { 'arguments.x': 'likely' } }),
      'actions.a.b.guess.arguments.x',
    ],
    [
      'a guess at a field that is not labelled',
      withAction({ class: 'read', output: { fields: {} }, guess: { 'output.fields.x': 'likely' } }),
      'actions.a.b.guess.output.fields.x',
    ],
    [
      'a guess without a reason',
      withAction({ class: 'read', guess: { class: true } }),
      'actions.a.b.guess.class',
    ],
    [
      'a reason as long as a tale',
      withAction({ class: 'read', guess: { class: 'x'.repeat(301) } }),
      'actions.a.b.guess.class',
    ],
    ['guesses that are no object', withAction({ class: 'read', guess: ['class'] }), 'actions.a.b.guess'],
  ])('with %s is refused by its dotted key', (_, json, field) => {
    expect(fieldOf(json)).toBe(field);
  });

  test('a read has no identity', () => {
    const argument = { type: 'string', role: 'plain' };
    expect(fieldOf(withAction({ class: 'read', arguments: { x: argument }, identity: ['x'] }))).toBe(
      'actions.a.b.identity',
    );
  });
});

test('guesses decide nothing, and the actions that hold some are known', () => {
  const entry = {
    class: 'write',
    arguments: { x: { type: 'string', role: 'plain' } },
    identity: ['x'],
    output: { default: 'free_text', fields: { 'a.b': 'system' } },
  };
  const reason = 'doubtful: no word says what it is';
  const paths = ['class', 'identity', 'output', 'arguments.x', 'output.fields.a.b'];
  const guess = Object.fromEntries(paths.map((path) => [path, reason]));
  const guessed = { version: 1, actions: { a: { ...entry, guess }, b: { ...entry, guess: {} }, c: entry } };
  const catalog = parseCatalog(guessed);
  expect(catalog.get('a')).toEqual(catalog.get('c'));
  expect(guessedActions(guessed)).toEqual(['a']);
});

test('the catalog that comes with the house is one', () => {
  const file = readFileSync(new URL('../../policies/catalog.json', import.meta.url));
  const catalog = parseCatalog(parseJson(file, { maxDepth: 8 }));
  expect(catalog.get('payment.send')?.arguments.get('account')?.role).toBe('destination');
});
