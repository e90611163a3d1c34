import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { draftEntries } from '../../../src/catalog/draft/draft.ts';
import { VERBS } from '../../../src/catalog/draft/verbs.ts';
import type { ActionClass } from '../../../src/model/catalog.ts';
import { entryOf, toolOf, toolsOf } from './tool.ts';

const ORDER: readonly string[] = ['read', 'personal_read', 'write', 'external', 'destructive', 'code'];

describe('the class is read off the name', () => {
  test.each<[string, ActionClass]>([
    ['get_shelf', 'read'],
    ['getShelf', 'read'],
    ['shelves.list', 'read'],
    ['depot/shelf:read', 'read'],
    ['mcp__depot__list_shelves', 'read'],
    ['depot-find-shelf', 'read'],
    ['shelf_search', 'read'],
    ['set_shelf', 'write'],
    ['get_or_create_shelf', 'write'],
    ['sendParcel', 'external'],
    ['parcel.share', 'external'],
    ['message_get', 'personal_read'],
    ['message_search', 'external'],
    ['message_depot', 'external'],
    ['schedule_payment', 'external'],
    ['tag_payment', 'write'],
    ['create_comment', 'external'],
    ['create_draft_comment', 'write'],
    ['add_member', 'external'],
    ['set_permission', 'external'],
    ['find_and_remove_duplicates', 'destructive'],
    ['get_delete_status', 'destructive'],
    ['revokeKey', 'destructive'],
    ['run_report', 'code'],
    ['depot.exec', 'code'],
    ['get_patient', 'personal_read'],
    ['list_customers', 'personal_read'],
    ['frobnicate', 'code'],
    ['depot', 'code'],
  ])('%s: %s', (name, wanted) => {
    expect(entryOf(toolOf(name)).class).toBe(wanted);
  });
});

describe('what else is said', () => {
  test.each<[string, string, ActionClass]>([
    ['a description stands in for a name without a verb', 'Returns the shelf.', 'read'],
    [
      'a description that begins with an order of the reader',
      'Use this tool to delete a shelf.',
      'destructive',
    ],
    ['a thing that is a verb elsewhere', 'List of shelves.', 'code'],
    ['nothing at all', '', 'code'],
  ])('%s', (_, description, wanted) => {
    expect(entryOf(toolOf('shelf', [], { description })).class).toBe(wanted);
  });

  test.each<[string, ActionClass]>([
    ['Gets the shelf. It also sends a note to its keeper.', 'external'],
    ['Gets the shelf and permanently deletes it.', 'destructive'],
    ['Gets the shelf. The keeper will be notified.', 'external'],
    ['Removes the shelf.', 'destructive'],
    ['Gets the shelf with its keeper’s phone.', 'personal_read'],
    ['Gets the shelf. Then call set_shelf to send it.', 'read'],
  ])('a description tightens what the name says: %s', (description, wanted) => {
    expect(entryOf(toolOf('get_shelf', [], { description })).class).toBe(wanted);
  });

  test('a description loosens nothing', () => {
    expect(entryOf(toolOf('delete_shelf', [], { description: 'Reads the shelf.' })).class).toBe(
      'destructive',
    );
  });

  test.each<[string, ActionClass]>([
    ['url', 'external'],
    ['callback_uri', 'external'],
    ['sql', 'code'],
    ['script', 'code'],
    ['shelf', 'read'],
  ])('an argument `%s` makes a read a %s', (argument, wanted) => {
    expect(entryOf(toolOf('get_shelf', [argument])).class).toBe(wanted);
  });

  test('one tool for many acts is as strict as the strictest of them', () => {
    const properties = { method: { enum: ['get_shelf', 'update_shelf', 'delete_shelf'] } };
    expect(entryOf({ name: 'get_shelves', inputSchema: { properties } }).class).toBe('destructive');
  });

  test('an output about people makes a read a personal one', () => {
    const outputSchema = {
      type: 'object',
      properties: { keeper: { properties: { birthdate: { type: 'string' } } } },
    };
    expect(entryOf(toolOf('get_shelf', [], { outputSchema })).class).toBe('personal_read');
  });
});

describe('hints of the tool’s own server', () => {
  test.each<[string, Record<string, boolean>, ActionClass]>([
    ['get_shelf', { readOnlyHint: false }, 'write'],
    ['set_shelf', { destructiveHint: true }, 'destructive'],
    ['set_shelf', { openWorldHint: true }, 'external'],
    ['set_shelf', { readOnlyHint: true }, 'write'],
    ['delete_shelf', { readOnlyHint: true, destructiveHint: false }, 'destructive'],
    ['send_shelf', { openWorldHint: false }, 'external'],
    ['frobnicate', { readOnlyHint: true, openWorldHint: false }, 'code'],
    // A failed act outside needs proof before it is free again: `destructive` would ask for none.
    ['send_shelf', { destructiveHint: true }, 'external'],
  ])('%s with %j is %s', (name, annotations, wanted) => {
    expect(entryOf(toolOf(name, [], { annotations })).class).toBe(wanted);
  });

  test('never make any guess looser', () => {
    const words = fc.constantFrom(...VERBS.keys(), 'shelf', 'payment', 'user', 'and', 'key');
    const name = fc.array(words, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('_'));
    const description = fc.array(words, { maxLength: 5 }).map((parts) => parts.join(' '));
    const hint = fc.option(fc.boolean(), { nil: undefined });
    const hints = fc.record({ readOnly: hint, destructive: hint, openWorld: hint });
    fc.assert(
      fc.property(name, description, hints, (named, said, hinted) => {
        const [plain] = toolsOf([toolOf(named, ['url_of', 'note'], { description: said })]);
        if (plain === undefined) throw new Error('no tool');
        const rankOf = (tool: typeof plain): number =>
          ORDER.indexOf([...draftEntries([tool]).actions.values()][0]?.class ?? '');
        expect(rankOf({ ...plain, hints: hinted })).toBeGreaterThanOrEqual(rankOf(plain));
      }),
    );
  });
});
