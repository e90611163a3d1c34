import { describe, expect, test } from 'vitest';
import { heardBy, isVouched } from '../../src/session/origins.ts';
import {
  type Known,
  NEVER,
  originIn,
  type Sayings,
  saidAlso,
  UNKNOWN,
  UNSAID,
  type Words,
  withRecord,
  withWords,
  withWritten,
} from '../../src/session/sayings.ts';
import { apply, askAt, begin, reportOf } from './told.ts';

const said = (since: number, by: number, other = NEVER): Sayings => ({ since, by, other });
const records = (...named: (readonly [at: number, by: number])[]): Known => ({
  ...UNKNOWN,
  records: named.map(([at, by]) => ({ at, by })),
});
const record = records([5, 4]);
const words = (...by: Parameters<typeof said>): Known => ({ ...UNKNOWN, foreign: true, said: said(...by) });
const written = (since: number): Known => ({ ...UNKNOWN, said: said(since, 0) });
const USERS: Known = { ...UNKNOWN, user: true };

describe('an argument’s origin', () => {
  test.each<[of: string, value: Known | undefined, reading: Known | undefined, origin: string]>([
    ['what nobody said', undefined, undefined, 'unknown'],
    ['the user’s word', USERS, words(2, 2), 'user'],
    ['somebody else’s word', words(2, 2), undefined, 'untrusted'],
    ['what the agent wrote', written(2), undefined, 'unknown'],
    ['a record’s word', record, undefined, 'trusted'],
    [
      'a record’s word, somebody else’s before',
      { ...record, ...words(2, 2), records: record.records },
      undefined,
      'untrusted',
    ],
    ['a record’s word, written before', { ...record, said: said(3, 0) }, undefined, 'unknown'],
    [
      'a record’s word, somebody else’s since',
      { ...words(6, 6), records: record.records },
      undefined,
      'trusted',
    ],
    [
      'a record’s word, somebody else’s beside it',
      { ...words(4, 4), records: record.records },
      undefined,
      'trusted',
    ],
    ['a record’s word, read as the user’s', record, USERS, 'trusted'],
    ['a record’s word, read as another record’s', record, records([9, 8]), 'trusted'],
    [
      'a record’s word, read as another record’s that others said since',
      record,
      { ...words(3, 3), records: [{ at: 2, by: 1 }] },
      'trusted',
    ],
    [
      'a record’s word, read as another record’s that others said before',
      record,
      { ...words(1, 1), records: [{ at: 2, by: 2 }] },
      'untrusted',
    ],
    ['a record’s word, said otherwise later', record, words(6, 6), 'trusted'],
    ['a record’s word, said otherwise before', record, words(2, 2), 'untrusted'],
    ['a record’s word, written otherwise before', record, written(3), 'unknown'],
    ['a record’s word, said otherwise beside it', record, words(4, 4), 'trusted'],
    ['a record’s word, said otherwise beside it and before', record, words(4, 4, 4), 'untrusted'],
    [
      'a record’s word, said again beside what is read as it',
      records([5, 3], [9, 4]),
      words(4, 4),
      'trusted',
    ],
    ['a record’s word, said a third time', records([5, 3], [9, 4], [12, 11]), words(4, 4), 'trusted'],
  ])('%s', (_, value, reading, origin) => {
    const known = (hash: string) => (hash === 'value' ? value : reading);
    const heard = { known, lost: UNSAID, awaited: NEVER };
    expect(originIn(heard, 'value', () => ['reading'])).toBe(origin);
  });

  test.each<[awaited: number, lost: Sayings, origin: string]>([
    [NEVER, UNSAID, 'trusted'],
    [4, UNSAID, 'unknown'],
    [6, UNSAID, 'trusted'],
    [NEVER, said(4, 0), 'unknown'],
    [NEVER, said(6, 0), 'trusted'],
    [NEVER, said(4, 4), 'trusted'],
    [NEVER, said(3, 4, 4), 'unknown'],
  ])('of a record’s word of version 5, with %i awaited and %o lost: %s', (awaited, lost, origin) => {
    expect(originIn({ known: () => record, lost, awaited }, 'value', () => [])).toBe(origin);
  });
});

describe('what the words of somebody else are worth', () => {
  const claim = (as: Words['as'], at = 5, by = 4, since = by): Words => ({ as, at, by, since });

  test.each<[what: string, words: readonly Words[], origin: string]>([
    ['a field', [claim('counterparty')], 'counterparty'],
    ['the one value left open', [claim('referenced')], 'referenced'],
    ['one of several', [claim('listed')], 'listed'],
    ['a text', [claim('untrusted')], 'untrusted'],
    ['a text that gives orders', [claim('urged')], 'untrusted'],
    ['a text, a field later', [claim('untrusted'), claim('counterparty', 7, 6)], 'untrusted'],
    ['a field, a text later', [claim('counterparty'), claim('untrusted', 7, 6)], 'counterparty'],
    ['a field, a text beside it', [claim('counterparty'), claim('untrusted', 7, 3)], 'untrusted'],
    ['a field, one of several beside it', [claim('counterparty'), claim('listed', 7, 3)], 'listed'],
    ['one of several, a field beside it', [claim('listed'), claim('counterparty', 7, 3)], 'listed'],
    ['a field, an order later', [claim('counterparty'), claim('urged', 7, 6)], 'untrusted'],
    [
      'an order, a field later',
      [claim('urged'), claim('counterparty', 7, 6), claim('counterparty', 9, 8)],
      'untrusted',
    ],
  ])('%s', (_, all, origin) => {
    const known = all.reduce(withWords, UNKNOWN);
    expect(originIn({ known: () => known, lost: UNSAID, awaited: NEVER }, 'value', () => [])).toBe(origin);
  });

  const field = withWords(UNKNOWN, claim('counterparty'));

  test.each<[what: string, known: Known, reading: Known | undefined, origin: string]>([
    ['after the agent wrote it', withWords(written(3), claim('counterparty')), undefined, 'untrusted'],
    ['before the agent wrote it', withWritten(field, 6), undefined, 'counterparty'],
    ['read as what a text said before', field, words(2, 2), 'untrusted'],
    ['read as what the agent wrote before', field, written(2), 'untrusted'],
    ['read as what a text says later', field, words(6, 6), 'counterparty'],
    ['read as what the same output says', field, words(4, 4), 'counterparty'],
    ['that a record names too', withRecord(field, { at: 5, by: 4 }), undefined, 'trusted'],
    ['that a record names later', withRecord(field, { at: 9, by: 8 }), undefined, 'counterparty'],
  ])('of a value in a field %s', (_, value, reading, origin) => {
    const known = (hash: string) => (hash === 'value' ? value : reading);
    expect(originIn({ known, lost: UNSAID, awaited: NEVER }, 'value', () => ['reading'])).toBe(origin);
  });

  test.each<[awaited: number, lost: Sayings]>([
    [4, UNSAID],
    [NEVER, said(3, 3)],
  ])('of a value in a field nothing, with %i awaited and %o lost', (awaited, lost) => {
    expect(originIn({ known: () => field, lost, awaited }, 'value', () => [])).toBe('untrusted');
  });

  test('changes nothing where nothing is new', () => {
    for (const as of ['counterparty', 'untrusted', 'urged'] as const) {
      const known = withWords(field, claim(as));
      expect(withWords(known, claim(as))).toBe(known);
    }
  });
});

test('of many allows the first is kept, and the first of all others', () => {
  const all = [said(7, 8), said(5, 9), said(6, 7), said(4, 9), said(6, 12)];
  const kept = all.reduce((before, { since, by }) => saidAlso(before, since, by), UNSAID);
  expect(kept).toEqual(said(4, 9, 6));
});

test('of one allow a value is a record’s once, and the first four records are kept', () => {
  const named = [4, 4, 6, 8, 10, 12].reduce((known, by) => withRecord(known, { at: by + 1, by }), UNKNOWN);
  expect(named.records.map(({ by }) => by)).toEqual([4, 6, 8, 10]);
});

test('it is known whose words a value is but for what an effect wrote, and what others may have said first', () => {
  const fold = begin();
  const [trusted = '', loose = '', own = '', later = ''] = ['1', '2', '3', '4'].map((digit) =>
    digit.repeat(16),
  );
  apply(fold, askAt(2));
  apply(fold, reportOf(2, { trusted, untrusted: loose }));
  apply(fold, askAt(4, { unvouched: own }));
  apply(fold, reportOf(4, { lost: true }));
  apply(fold, askAt(6));
  apply(fold, reportOf(6, { trusted: later }));
  const soon = '6'.repeat(16);
  apply(fold, askAt(8));
  apply(fold, askAt(9));
  apply(fold, reportOf(9, { trusted: soon }));
  const known = [trusted, loose, own, later, '5'.repeat(16), soon].map((hash) =>
    isVouched(heardBy(fold), hash),
  );
  expect(known).toEqual([true, true, false, false, false, false]);
});
