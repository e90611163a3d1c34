import { expect, test, vi } from 'vitest';
import { fail, table } from '../../src/cli/output.ts';
import { activationRow, keptLines, problemLine } from '../../src/cli/policy-text.ts';
import { AssentError } from '../../src/client/client.ts';

const EVIL = 'a\u001b[31mb\u202ec\nd\u2028e\u{e0001}f\ud800';
const SEEN = 'a\\u{1b}[31mb\\u{202e}c\\u{a}d\\u{2028}e\\u{e0001}f\\u{d800}';

/** What `fail` writes to stderr. */
function written(cause: unknown): string {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  fail(false, cause);
  const text = write.mock.calls.map(([chunk]) => String(chunk)).join('');
  write.mockRestore();
  return text;
}

test('a terminal is shown what a server says, and acts on none of it', () => {
  const activation = {
    number: 2,
    revision: 'r',
    name: EVIL,
    at: 0,
    pushedBy: EVIL,
    active: true,
    dataRoots: [],
  };
  const [row] = table([activationRow(activation)]);
  expect(row).toBe(`2  active  ${SEEN}  1970-01-01 00:00:00Z  ${SEEN}  r`);
  expect(problemLine({ file: EVIL, line: 1, column: 2, message: EVIL })).toBe(`${SEEN}:1:2: ${SEEN}`);
  expect(keptLines([EVIL]).join()).toContain(`data kept: ${SEEN};`);
});

test('columns are as wide as what is shown in them', () => {
  expect(
    table([
      ['\u001b', 'x'],
      ['ab', 'y'],
    ]),
  ).toEqual(['\\u{1b}  x', 'ab      y']);
});

test('what a text has of other scripts stays as it is', () => {
  expect(table([['Größe', '取引先', '🙂']])).toEqual(['Größe  取引先  🙂']);
});

test('what went wrong is told in the same way, a line for each field', () => {
  const failure = { status: 'INVALID_ARGUMENT', reason: EVIL, message: EVIL, retryDelayMs: undefined };
  const fields = [
    { field: EVIL, problem: EVIL },
    { field: '', problem: EVIL },
  ];
  const lines = [`assent: ${SEEN} (INVALID_ARGUMENT, ${SEEN})`, `  ${SEEN}: ${SEEN}`, `  ${SEEN}`];
  expect(written(new AssentError({ ...failure, fields }))).toBe(`${lines.join('\n')}\n`);
});
