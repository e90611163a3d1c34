import { describe, expect, test } from 'vitest';
import { isVouched } from '../../src/session/origins.ts';
import { type Known, NEVER, originIn, type Sayings, saidAlso, UNSAID } from '../../src/session/sayings.ts';
import { apply, askAt, begin, reportOf } from './told.ts';

const record = (first: number, last = first): Known => ({ origin: 'trusted', first, last });
const said = (since: number, report: number, other = NEVER): Sayings => ({ since, report, other });
const words = (...by: Parameters<typeof said>): Known => ({ origin: 'untrusted', ...said(...by) });
const written = (since: number): Known => ({ origin: 'unknown', ...said(since, 0) });

describe('an argument’s origin', () => {
  test.each<[of: string, value: Known | undefined, reading: Known | undefined, origin: string]>([
    ['what nobody said', undefined, undefined, 'unknown'],
    ['the user’s word', { origin: 'user' }, words(2, 3), 'user'],
    ['somebody else’s word', words(2, 3), undefined, 'untrusted'],
    ['a record’s word', record(5), undefined, 'trusted'],
    ['a record’s word, read as the user’s', record(5), { origin: 'user' }, 'trusted'],
    ['a record’s word, read as another record’s', record(5), record(9), 'trusted'],
    ['a record’s word, said otherwise later', record(5), words(6, 7), 'trusted'],
    ['a record’s word, said otherwise before', record(5), words(2, 3), 'untrusted'],
    ['a record’s word, written before', record(5), written(4), 'unknown'],
    ['a record’s word, perhaps said otherwise before', record(5), words(4, 9), 'untrusted'],
    ['a record’s word, said otherwise beside it', record(5), words(4, 5), 'trusted'],
    ['a record’s word, said otherwise beside it and before', record(5), words(4, 5, 4), 'untrusted'],
    ['a record’s word, said again beside what is read as it', record(5, 9), words(4, 9), 'trusted'],
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
    [NEVER, said(4, 5), 'trusted'],
    [NEVER, said(3, 9, 4), 'unknown'],
  ])('of a record’s word of version 5, with %i awaited and %o lost: %s', (awaited, lost, origin) => {
    expect(originIn({ known: () => record(5), lost, awaited }, 'value', () => [])).toBe(origin);
  });
});

test('of many outputs the first is kept, and the first of all others than its own', () => {
  const all = [said(7, 8), said(5, 9), said(6, 7), said(4, 9), said(6, 12)];
  const kept = all.reduce((before, { since, report }) => saidAlso(before, since, report), UNSAID);
  expect(kept).toEqual(said(4, 9, 6));
});

test('it is known whose words a value is but for what an effect wrote, and what lost words may have said', () => {
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
  const known = [trusted, loose, own, later, '5'.repeat(16)].map((hash) => isVouched(fold, hash));
  expect(known).toEqual([true, true, false, false, false]);
});
