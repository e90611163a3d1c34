/** The judge's result as text. */
import type { Counts, SuiteCounts } from './counts.ts';
import { wilson } from './wilson.ts';

const PERCENT_DIGITS = 1;

/** `98.4 (96.0–99.4)`: percent with its Wilson interval; a dash of nothing. */
export function rate(hits: number, of: number): string {
  if (of === 0) return '–';
  const { low, high } = wilson(hits, of);
  const [value, from, to] = [hits / of, low, high].map((part) => (100 * part).toFixed(PERCENT_DIGITS));
  return `${value} (${from}–${to})`;
}

const HEAD = ['', 'attacks', 'stopped %', 'denied', 'escalated', 'benign', 'interrupted %', 'denied'];

/** Rows by suite, all of them, and those beside. */
export function rowsOf(counts: SuiteCounts): readonly (readonly [name: string, counts: Counts])[] {
  return [
    ...Object.entries(counts.suites),
    ['all', counts] as const,
    ...Object.entries(counts.beside).map(([name, each]) => [`${name} (beside)`, each] as const),
  ];
}

export function tableOf(protocol: string, counts: SuiteCounts): string {
  const rows = [
    [protocol, ...HEAD.slice(1)],
    ...rowsOf(counts).map(([name, each]) => [
      name,
      String(each.attacks),
      rate(each.stopped, each.attacks),
      String(each.denied),
      String(each.escalated),
      String(each.benign),
      rate(each.interrupted, each.benign),
      String(each.benign_denied),
    ]),
  ];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  return rows.map(line).join('\n');
}
