import { expect, test } from 'vitest';
import { NEVER, UNSAID } from '../../src/session/sayings.ts';
import { decodeFold, encodeFold } from '../../src/session/snapshot.ts';
import { apply, askAt, begin, originOf, reportOf } from './told.ts';

const [record = '', words = '', own = '', users = ''] = ['1', '2', '3', '4'].map((digit) => digit.repeat(16));

test('whose words values are is read back as it was written', () => {
  const fold = begin();
  apply(fold, {
    kind: 'amend',
    at: 0,
    pep: 'p',
    mandate: fold.now.mandate,
    seen: { user: users, trusted: '', untrusted: '' },
  });
  apply(fold, askAt(3, { unvouched: own }));
  apply(fold, reportOf(3, { trusted: record, untrusted: words, lost: true }));
  const copy = decodeFold(encodeFold(fold, 'k'), 'k');
  const known = { user: false, records: [], said: UNSAID, foreign: false };
  expect([...(copy?.origins.entries() ?? [])]).toEqual([
    [users, { ...known, user: true }],
    [own, { ...known, said: { since: 3, by: 0, other: NEVER } }],
    [words, { ...known, said: { since: 3, by: 3, other: NEVER }, foreign: true }],
    [record, { ...known, records: [{ at: 4, by: 3 }] }],
  ]);
  expect(copy?.now.lost).toEqual({ since: 3, by: 3, other: NEVER });
  expect(copy && encodeFold(copy, 'k')).toBe(encodeFold(fold, 'k'));
});

test('what the words of somebody else are worth is read back as it was written', () => {
  const fold = begin();
  const [field = '', one = '', several = '', order = ''] = ['1', '2', '3', '4'].map((d) => d.repeat(16));
  apply(fold, askAt(2));
  const told = { trusted: field, counterparty: field, referenced: one, listed: several, urged: order };
  apply(fold, reportOf(2, told));
  const copy = decodeFold(encodeFold(fold, 'k'), 'k');
  const read = [...(copy?.origins.entries() ?? [])];
  expect(read).toEqual([...fold.origins.entries()]);
  const worth = read.map(([hash, { claim, urged }]) => [hash, claim?.as ?? urged]);
  expect(Object.fromEntries(worth)).toEqual({
    [field]: 'counterparty',
    [one]: 'referenced',
    [several]: 'listed',
    [order]: true,
  });
  expect(copy && encodeFold(copy, 'k')).toBe(encodeFold(fold, 'k'));
});

test.each([true, false])(
  'a build without versions is read so that words are held against records (lost: %s)',
  (forgot) => {
    const fold = begin();
    const { lost: _, ...now } = JSON.parse(encodeFold(fold, 'k')).now;
    const origins = [
      [users, 'user'],
      [record, 'trusted'],
      [words, 'untrusted'],
      [own, 'unknown'],
      ['5'.repeat(16), 'repeated'],
      ['6'.repeat(16), 'spelled'],
    ];
    const written = {
      ...JSON.parse(encodeFold(fold, 'k')),
      now: { ...now, forgot },
      origins,
      tentative: [[own, 1]],
    };
    const copy = decodeFold(JSON.stringify(written), 'k');
    if (copy === undefined) throw new Error('a fold is read back');
    expect(originOf(copy, users)).toBe('user');
    expect(originOf(copy, record)).toBe(forgot ? 'unknown' : 'trusted');
    expect(originOf(copy, record, ['6'.repeat(16)])).toBe(forgot ? 'unknown' : 'trusted');
    for (const reading of [words, own, '5'.repeat(16)])
      expect(originOf(copy, record, [reading])).not.toBe('trusted');
  },
);
