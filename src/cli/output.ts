import { styleText } from 'node:util';
import { AssentError } from '../client/client.ts';
import { EXIT, type ExitCode, exitOfFailure, UsageError } from './exit.ts';

/** Prints one result: `--json` as it is, else `lines`. Bigints and maps do not occur in results. */
export function print(json: boolean | undefined, result: unknown, lines: readonly string[]): void {
  process.stdout.write(json === true ? `${JSON.stringify(result, null, 2)}\n` : `${lines.join('\n')}\n`);
}

/** One line of long work as it happens: with `--json` only its end is printed. */
export function say(json: boolean | undefined, line: string): void {
  if (json !== true) process.stdout.write(`${line}\n`);
}

/** Tells what went wrong, on stderr, and gives the exit code. */
export function fail(json: boolean | undefined, cause: unknown): ExitCode {
  if (cause instanceof AssentError) {
    const { status, reason, message, fields, retryDelayMs } = cause;
    if (json === true) printError({ status, reason, message, fields, retryDelayMs });
    else {
      process.stderr.write(`assent: ${message} (${reason === '' ? status : `${status}, ${reason}`})\n`);
      for (const { field, problem } of fields) process.stderr.write(`  ${field}: ${problem}\n`);
    }
    return exitOfFailure(cause);
  }
  const message = cause instanceof Error ? cause.message : 'something failed';
  if (json === true) printError({ message });
  else process.stderr.write(`assent: ${message}\n`);
  if (!(cause instanceof UsageError) && cause instanceof Error && cause.cause instanceof Error)
    process.stderr.write(`  because: ${cause.cause.message}\n`);
  return EXIT.failed;
}

function printError(error: object): void {
  process.stderr.write(`${JSON.stringify({ error })}\n`);
}

/** Columns side by side, two blanks between them; the last one is not padded. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** Bold on a terminal, plain elsewhere and where colours are switched off. */
export function strong(text: string): string {
  return styleText('bold', text, { stream: process.stdout });
}

/** `2026-11-23 12:00:05Z` of Unix ms. */
export function timeText(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}
