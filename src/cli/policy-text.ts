import type { Activation } from '../client/client.ts';
import { timeText } from './output.ts';

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
  return place === '' ? message : `${place}: ${message}`;
}
