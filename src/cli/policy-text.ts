import type { Activation } from '../client/client.ts';
import { shown, timeText } from './output.ts';

/** As many paths as an answer names. */
const MOST_NAMED = 100;

/** One activation as a row of a table. */
export function activationRow({ number, active, revision, name, at, pushedBy }: Activation): string[] {
  return [String(number), active ? 'active' : '-', name, timeText(at), pushedBy, revision];
}

interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** `rules/payments.rego:12:3: message`, so that editors jump to it. */
export function problemLine({ file, line, column, message }: Problem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return shown(place === '' ? message : `${place}: ${message}`);
}

/** Data that a push left as it was, and how to change it. */
export function keptLines(paths: readonly string[]): readonly string[] {
  const lines = paths.map((path) =>
    path === ''
      ? 'data kept: some of it, under names that no path can hold'
      : shown(`data kept: ${path}; to change it: npx assent policy data patch ${shellWord(path)} <json>`),
  );
  return paths.length < MOST_NAMED ? lines : [...lines, 'there may be more'];
}

function shellWord(text: string): string {
  return /^[\w./:@+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
