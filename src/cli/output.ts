import { styleText } from 'node:util';
import { AssentError } from '../client/client.ts';
import { EXIT, type ExitCode, exitOfFailure, NotReached, UsageError } from './exit.ts';

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
  const failure = cause instanceof NotReached ? cause.failure : cause;
  const { error, lines } = failure instanceof AssentError ? told(failure) : toldOther(cause);
  const hint = cause instanceof NotReached ? { hint: cause.hint } : {};
  if (json === true) printError({ ...error, ...hint });
  else process.stderr.write(`assent: ${[...lines, ...Object.values(hint)].join('\n  ')}\n`);
  return failure instanceof AssentError ? exitOfFailure(failure) : EXIT.failed;
}

/** As JSON, and in lines for people. */
interface Told {
  readonly error: object;
  readonly lines: readonly string[];
}

function told({ status, reason, message, fields, retryDelayMs }: AssentError): Told {
  // Where one field is wrong, the message has named it.
  const more = fields.filter(({ field, problem }) => !message.endsWith(`\`${field}\` ${problem}`));
  return {
    error: { status, reason, message, fields, retryDelayMs },
    lines: [
      shown(`${message} (${reason === '' ? status : `${status}, ${reason}`})`),
      // A bundle that is no bundle has no file to name.
      ...more.map(({ field, problem }) => shown(field === '' ? problem : `${field}: ${problem}`)),
    ],
  };
}

function toldOther(cause: unknown): Told {
  if (!(cause instanceof Error))
    return { error: { message: 'something failed' }, lines: ['something failed'] };
  const { message } = cause;
  // What the user got wrong has been said; what failed below may be told only by its causes.
  const causes = cause instanceof UsageError ? [] : causesOf(cause);
  if (causes.length === 0) return { error: { message }, lines: [message] };
  const lines = [message, ...causes.map((because) => `because: ${because}`)];
  return { error: { message, because: causes.join('; because: ') }, lines };
}

/** What the causes say, the nearest first, but for what has been said above them. */
function causesOf({ message, cause }: Error): readonly string[] {
  if (!(cause instanceof Error)) return [];
  return message.includes(cause.message) ? causesOf(cause) : [cause.message, ...causesOf(cause)];
}

/** An error as a line of JSON on stderr. */
export function printError(error: object): void {
  process.stderr.write(`${JSON.stringify({ error })}\n`);
}

/** What a terminal would act on, or not show: control and format characters, line separators, half pairs. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Somebody else's words for a terminal: what it would act on stands as `\\u{1b}`. */
export function shown(text: string): string {
  return text.replace(UNPRINTABLE, (unseen) => `\\u{${(unseen.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Columns side by side, two blanks between them; the last one is not padded. Cells are shown as `shown` has them. */
export function table(cells: readonly (readonly string[])[]): string[] {
  const rows = cells.map((row) => row.map(shown));
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
