import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { isJsonObject, JsonError, type JsonObject, type JsonValue, parseJson } from '../model/json.ts';
import { UsageError } from './exit.ts';

/** Collects a repeatable option. */
export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `30m`, `2h`, `1d` as ms. @throws UsageError naming the option */
export function durationMs(text: string, option: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(amount) * (UNITS[unit] ?? 0);
  if (!(ms > 0))
    throw new UsageError(`${option} is a duration such as \`90s\`, \`30m\` or \`2h\`, not \`${text}\``);
  return ms;
}

/** A whole number within the bounds. @throws UsageError naming the option */
export function wholeNumber(
  text: string,
  option: string,
  { least = 0, most }: { readonly least?: number; readonly most?: number } = {},
): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= (most ?? value))) {
    const range = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new UsageError(`${option} is a whole number ${range}, not \`${text}\``);
  }
  return value;
}

/** `name=text` pairs as an object of strings. @throws UsageError naming the option, for a name given twice too */
export function pairs(
  items: readonly string[] | undefined,
  option: string,
): Readonly<Record<string, string>> {
  const entries = (items ?? []).map((item) => cut(item, '='));
  return named(entries, option);
}

/** Which of two was meant nobody knows: taking the last would let a slip loosen a limit. */
function named<T>(entries: readonly (readonly [string, T])[], option: string): Record<string, T> {
  const names = new Set<string>();
  for (const [name] of entries) {
    if (names.has(name)) throw new UsageError(`${option} gives \`${name}\` twice`);
    names.add(name);
  }
  return Object.fromEntries(entries);
}

/**
 * Arguments of a tool call: a JSON object (`{...}`, or `@file`), with `name=text` and `name:=json` laid over it.
 * @throws UsageError
 */
export function toolArguments(json: string | undefined, items: readonly string[] = []): JsonObject {
  const members = json === undefined ? {} : jsonObject(json, '--args');
  const entries = items.map((item): readonly [string, JsonValue] => {
    const exact = /^[^=]*?:=/.test(item);
    const [name, text] = cut(item, exact ? ':=' : '=');
    return [name, exact ? jsonValue(text, `--arg ${name}`) : text];
  });
  return { ...members, ...named(entries, '--arg') };
}

/** What people forget: the quotes of names, and those of the shell around it all. */
const OBJECT = `'{"vendor": "acme", "amount": "1200.00"}'`;

/** @throws UsageError */
export function jsonObject(text: string, what: string): JsonObject {
  const value = jsonValue(text, what);
  if (!isJsonObject(value)) throw new UsageError(`${what} is not a json object such as ${OBJECT}`);
  return value;
}

/** A JSON text, or `@file` that holds one. @throws UsageError */
export function jsonValue(text: string, what: string): JsonValue {
  try {
    return parseJson(text.startsWith('@') ? readText(text.slice(1)) : text, { maxDepth: 64 });
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    const file = text.startsWith('@') ? ` (file \`${text.slice(1)}\`)` : '';
    throw new UsageError(
      `${what}${file} ${cause.message}${at(cause.path)}; json is, say, ${OBJECT} or "text"`,
    );
  }
}

/** A file's text without its last line break; `-` is stdin. @throws UsageError */
export function readText(path: string): string {
  const bytes = readBytes(path);
  // Read leniently it would be another text, and the ask about another vendor.
  if (!isUtf8(bytes)) throw new UsageError(`\`${path}\` is not utf-8`);
  return Buffer.from(bytes).toString('utf8').replace(/\n$/, '');
}

/** A file's bytes; `-` is stdin. @throws UsageError */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (cause) {
    throw new UsageError(`\`${path}\` cannot be read`, { cause });
  }
}

function at(path: string): string {
  return path === '' ? '' : ` at \`${path}\``;
}

function cut(item: string, mark: string): [string, string] {
  const index = item.indexOf(mark);
  if (index < 1) throw new UsageError(`\`${item}\` is not of the form \`name${mark}value\``);
  return [item.slice(0, index), item.slice(index + mark.length)];
}
