/** What an ask brought itself, no answer to it can vouch for. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCatalog } from '../../src/catalog/parse.ts';
import { createActionReader } from '../../src/catalog/read-action.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { Mandate } from '../../src/model/mandate.ts';
import type { Argued, Arguing } from '../../src/model/session.ts';
import { createProvenance } from '../../src/provenance/provenance.ts';
import { ask } from '../catalog/fixture.ts';

const MANDATE: Mandate = {
  taskType: 't',
  purpose: '',
  actions: ['*'],
  declared: {},
  limits: {},
  expiresAt: 0,
};
const TEXT = { type: 'string', role: 'plain', max_length: 65_536 };
const CATALOG = parseCatalog({
  version: 1,
  actions: {
    'note.write': { class: 'write', arguments: { text: TEXT }, output: { default: 'free_text' } },
    'record.read': { class: 'read', arguments: { text: TEXT }, output: { default: 'system' } },
    'page.read': { class: 'read', arguments: { text: TEXT }, output: { default: 'free_text' } },
  },
});
const readAction = createActionReader(CATALOG);
const tracer = createProvenance({ key: Buffer.alloc(32, 1) });

function argued(action: string, text: string, isVouched: (hash: string) => boolean = () => false): Argued {
  const args: JsonObject = { text };
  return tracer.harvestArguments('acme', readAction(ask(action, args)), arguing(isVouched));
}

function arguing(isVouched: (hash: string) => boolean): Arguing {
  return { isVouched, originOf: () => 'unknown', mandate: MANDATE };
}

/** What a record is believed for when it says this. */
function believed(text: string, unvouched: ReadonlySet<string> | 'all' = new Set()): string[] {
  const output = { json: text, truncated: false, garbled: false, unvouched, open: '' as const };
  const { seen } = tracer.harvestOutput('acme', CATALOG.get('record.read'), output);
  return seen.filter(({ origin }) => origin === 'trusted').map(({ hash }) => hash);
}

const pieces = fc.constantFrom(
  ...[
    '999',
    '1.200',
    '9,001',
    '$',
    'EUR',
    'kr',
    ':',
    '-',
    '_',
    '.',
    ',',
    ' ',
    '/',
    '@',
    '://',
    '(',
    ')',
    'a',
    'INV',
  ],
  ...[
    'DE89370400440532013000',
    'DE89 3704',
    '0044 0532 0130 00',
    '2024-01-02',
    '\u200b',
    '—',
    '%20',
    '１',
    'ß',
    '口',
  ],
);
const written = fc.oneof(
  fc.array(pieces, { maxLength: 10 }).map((parts) => parts.join('')),
  fc.string({ unit: 'grapheme' }),
);

describe('an answer that repeats an argument', () => {
  test('is believed for nothing, whatever the argument is', () => {
    fc.assert(
      fc.property(written, (text) => {
        const { hashes, complete } = argued('record.read', text);
        expect(complete).toBe(true);
        expect(believed(text, new Set(hashes))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  test('is believed for no other reading of what somebody vouched for', () => {
    const [whole = ''] = believed('1.2');
    const { hashes } = argued('record.read', '1.200', (hash) => hash === whole);
    expect(believed('1.200', new Set(hashes))).toEqual([whole]);
  });
});

describe('what is taken of an ask', () => {
  test('is nothing of what is vouched for', () => {
    const known = new Set(believed('acme 17'));
    expect(argued('record.read', 'acme 17', (hash) => known.has(hash)).hashes).not.toContain([...known][0]);
  });

  test('is nothing for a read whose output is believed for nothing', () => {
    expect(argued('page.read', 'DE89370400440532013000')).toEqual({ hashes: [], complete: true, open: '' });
  });

  test('is there for an effect, whatever its output is', () => {
    expect(argued('note.write', 'DE89370400440532013000').hashes).toContain(
      believed('DE89370400440532013000')[0],
    );
  });

  test('is the names of its arguments too, where the catalog does not know the action', () => {
    const action = readAction(ask('no.such', { DE89370400440532013000: 1 }));
    const { hashes } = tracer.harvestArguments(
      'acme',
      action,
      arguing(() => false),
    );
    expect(hashes).toContain(believed('DE89370400440532013000')[0]);
  });

  test('is not complete past a bound, of many values and of very many words', () => {
    const many = Array.from({ length: 300 }, (_, i) => `v${i}`).join(' ');
    expect(argued('note.write', many).complete).toBe(false);
    const long = 'a '.repeat(20_000);
    expect(argued('note.write', long).complete).toBe(false);
    expect(argued('note.write', long, (hash) => hash === believed(long)[0]).complete).toBe(false);
  });
});
