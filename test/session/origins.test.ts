import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyEntry } from '../../src/session/apply.ts';
import type { AskEntry, LaterEntry } from '../../src/session/entry.ts';
import type { Fold } from '../../src/session/fold.ts';
import { decodeFold, encodeFold } from '../../src/session/snapshot.ts';
import { NO_UNDO } from '../../src/session/undo.ts';
import { apply, askAt, BOUNDS, begin, originOf, reportOf } from './told.ts';

const VALUES = ['1', '2', '3'].map((digit) => digit.repeat(16));

/** One allow after another, and reports of them in any order, or none. */
interface Step {
  readonly report: boolean;
  /** Which of the allows that were not reported. */
  readonly which: number;
  readonly trusted: readonly string[];
  readonly untrusted: readonly string[];
  readonly lost: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  report: fc.boolean(),
  which: fc.nat(5),
  trusted: fc.subarray(VALUES, { maxLength: 2 }),
  untrusted: fc.subarray(VALUES, { maxLength: 1 }),
  lost: fc.integer({ min: 0, max: 5 }).map((chance) => chance === 0),
});

interface Output {
  readonly asked: number;
  readonly reported: number;
  readonly step: Step | undefined;
}

/** `crowded`: more were awaited at once than are. */
function play(steps: readonly Step[]): { fold: Fold; outputs: readonly Output[]; crowded: boolean } {
  const fold = begin();
  const outputs: Output[] = [];
  let crowded = false;
  for (const told of steps) {
    const open = outputs.filter(({ reported }) => reported === Number.POSITIVE_INFINITY);
    const version = fold.now.head.version + 1;
    const output = open[told.which % Math.max(open.length, 1)];
    if (!told.report || output === undefined) {
      crowded ||= open.length >= BOUNDS.reads;
      outputs.push({ asked: version, reported: Number.POSITIVE_INFINITY, step: undefined });
      apply(fold, askAt(version));
      continue;
    }
    outputs[outputs.indexOf(output)] = { ...output, reported: version, step: told };
    const [trusted, untrusted] = [told.trusted.join(''), told.untrusted.join('')];
    apply(fold, reportOf(output.asked, { trusted, untrusted, lost: told.lost }));
  }
  return { fold, outputs, crowded };
}

const says = ({ step: told }: Output, value: string, whose: 'trusted' | 'untrusted'): boolean =>
  told?.[whose].includes(value) === true;

/** Whether a record of this output named the value before any other output can have brought one of these, or lost words. */
function isFirst(
  outputs: readonly Output[],
  record: Output,
  value: string,
  readings: readonly string[],
): boolean {
  if (!says(record, value, 'trusted')) return false;
  return outputs.every((output) => {
    if (output === record || output.asked >= record.reported) return true;
    if (output.step === undefined || output.step.lost) return false;
    return [value, ...readings].every((said) => !says(output, said, 'untrusted'));
  });
}

const isRecords = (outputs: readonly Output[], value: string, readings: readonly string[] = []): boolean =>
  outputs.some((record) => isFirst(outputs, record, value, readings));

test('a value is trusted only where a record named it before any output can have brought it, or a reading of it, otherwise', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { fold, outputs } = play(steps);
      const [read = ''] = VALUES;
      for (const value of VALUES) {
        const readings = value === read ? [] : [read];
        if (originOf(fold, value, readings) !== 'trusted') continue;
        // What is a record's own casts no doubt on its other spellings.
        expect(isRecords(outputs, value, isRecords(outputs, read) ? [] : readings)).toBe(true);
      }
    }),
    { numRuns: 3000 },
  );
});

test('a value is trusted wherever one of its first four records named it so', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { fold, outputs, crowded } = play(steps);
      // What was given up past the bound of what is awaited counts as lost.
      if (crowded) return;
      const [read = ''] = VALUES;
      for (const value of VALUES) {
        const readings = value === read ? [] : [read];
        const records = outputs.filter(
          (output) => says(output, value, 'trusted') && output.step !== undefined,
        );
        if (records.length > 4 || !isRecords(outputs, value, readings)) continue;
        expect(originOf(fold, value, readings)).toBe('trusted');
      }
    }),
    { numRuns: 3000 },
  );
});

test('where each output is reported right after its allow, the first origin stays', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 15 }), (told) => {
      const whole = told.map((one) => ({ ...one, lost: false }));
      const steps = whole.flatMap((one) => [
        { ...one, report: false },
        { ...one, report: true, which: 0 },
      ]);
      const { fold } = play(steps);
      for (const value of VALUES) {
        const first = whole.find(
          ({ trusted, untrusted }) => trusted.includes(value) || untrusted.includes(value),
        );
        const origin = first && (first.trusted.includes(value) ? 'trusted' : 'untrusted');
        expect(originOf(fold, value)).toBe(origin ?? 'unknown');
      }
      expect(fold.awaited.size).toBe(0);
    }),
  );
});

test('past the bound of what is awaited, nothing new is trusted in the session', () => {
  const quiet = { which: 0, trusted: [], untrusted: [], lost: false };
  const asks = Array.from({ length: 5 }, () => ({ ...quiet, report: false }));
  const reports = Array.from({ length: 5 }, () => ({ ...quiet, report: true }));
  const [first, second] = VALUES;
  if (first === undefined || second === undefined) throw new Error('two values');
  const learned = [
    { ...quiet, report: false },
    { ...quiet, report: true, trusted: [second] },
  ];
  const known = [
    { ...quiet, report: false },
    { ...quiet, report: true, trusted: [first] },
  ];
  const { fold } = play([...known, ...asks, ...reports, ...learned]);
  expect([originOf(fold, first), originOf(fold, second)]).toEqual(['trusted', 'unknown']);
});

test('what an effect was allowed with is not trusted after it was crowded out', () => {
  const bounds = { ...BOUNDS, origins: 4 };
  const fold = begin();
  const put = (entry: LaterEntry): void => {
    const stored = { version: fold.now.head.version + 1, digest: 'x'.repeat(16), payload: '' };
    applyEntry(fold, entry, { stored, bounds, undo: NO_UNDO });
  };
  const [value = '', ...rest] = [1, 2, 3, 4, 5].map((digit) => String(digit).repeat(16));
  const { foreign: _, ...plain } = askAt(2) as AskEntry;
  put({ ...plain, unvouched: value });
  put(reportOf(2, { trusted: rest.join('') }));
  expect(fold.origins.get(value)).toBeUndefined();
  put({ ...plain, answer: { ...plain.answer, id: 'd4' } });
  put(reportOf(4, { trusted: value }));
  expect(originOf(fold, value)).not.toBe('trusted');
});

test('an operation that is asked again goes on waiting for what its first try may bring', () => {
  const fold = begin();
  const [value = ''] = VALUES;
  const operation = { operation: 'op', act: 'act' };
  apply(fold, askAt(2, operation));
  apply(fold, askAt(3));
  apply(fold, reportOf(3, { trusted: value }));
  apply(fold, askAt(5, operation));
  expect(originOf(fold, value)).toBe('unknown');
  apply(fold, reportOf(5, { untrusted: value }));
  expect(originOf(fold, value)).toBe('untrusted');
});

test.each([
  [2, 3],
  [3, 2],
])('each try of an operation is waited for by itself: %i reported before %i', (one, last) => {
  const fold = begin();
  const [value = '', other = ''] = VALUES;
  const operation = { operation: 'op', act: 'act' };
  apply(fold, askAt(2, operation));
  apply(fold, askAt(3, operation));
  apply(fold, askAt(4));
  apply(fold, reportOf(4, { trusted: value + other }));
  apply(fold, reportOf(one, {}));
  expect(originOf(fold, value)).toBe('unknown');
  apply(fold, reportOf(last, { untrusted: value }));
  expect([originOf(fold, value), originOf(fold, other)]).toEqual(['untrusted', 'trusted']);
  expect(fold.awaited.size).toBe(0);
});

test('tries of one operation count one by one against the bound of what is awaited', () => {
  const fold = begin();
  for (let version = 2; version <= 6; version += 1)
    apply(fold, askAt(version, { operation: 'op', act: 'act' }));
  expect([[...fold.awaited.keys()], fold.now.lost.since]).toEqual([['d3', 'd4', 'd5', 'd6'], 2]);
});

test('of tries that are awaited since one moment the same is given up on every replica', () => {
  const operation = { operation: 'op', act: 'act' };
  const asks = [askAt(9, operation), askAt(8, operation), askAt(7, operation), askAt(6, operation)];
  const fold = begin();
  for (const entry of asks) apply(fold, entry);
  const copy = decodeFold(encodeFold(fold, 'k'), 'k');
  if (copy === undefined) throw new Error('a fold is read back');
  const last = askAt(5, operation);
  for (const one of [fold, copy]) apply(one, last);
  expect(encodeFold(copy, 'k')).toBe(encodeFold(fold, 'k'));
});

test('an output that only systems or the agent itself write is not waited for', () => {
  const fold = begin();
  const [value = ''] = VALUES;
  const { foreign: _, ...ask } = askAt(2) as AskEntry;
  apply(fold, ask);
  apply(fold, askAt(3));
  apply(fold, reportOf(3, { trusted: value }));
  expect(originOf(fold, value)).toBe('trusted');
});

test('a second output of a later try may bring what the first try that was awaited then brought', () => {
  const fold = begin();
  const [value = '', reading = ''] = VALUES;
  const operation = { operation: 'op', act: 'act' };
  apply(fold, askAt(2, operation));
  apply(fold, askAt(3));
  apply(fold, reportOf(3, { trusted: value }));
  apply(fold, askAt(5, operation));
  for (const id of [2, 5]) apply(fold, reportOf(id, {}));
  expect(originOf(fold, value, [reading])).toBe('trusted');
  apply(fold, reportOf(5, { untrusted: reading }));
  expect(originOf(fold, value, [reading])).toBe('untrusted');
});

test('words that others said of a value are held against it when they were crowded out', () => {
  const bounds = { ...BOUNDS, origins: 4 };
  const fold = begin();
  const put = (entry: LaterEntry): void => {
    const stored = { version: fold.now.head.version + 1, digest: 'x'.repeat(16), payload: '' };
    applyEntry(fold, entry, { stored, bounds, undo: NO_UNDO });
  };
  const [reading = '', value = '', ...rest] = [1, 2, 3, 4, 5].map((digit) => String(digit).repeat(16));
  put(askAt(2));
  put(reportOf(2, { untrusted: reading }));
  put(askAt(4));
  put(reportOf(4, { trusted: value }));
  expect(originOf(fold, value, [reading])).toBe('untrusted');
  put(askAt(6));
  put(reportOf(6, { trusted: rest.join('') }));
  expect(fold.origins.get(reading)).toBeUndefined();
  expect(originOf(fold, value, [reading])).toBe('unknown');
});
