import { readFileSync } from 'node:fs';
import { isJsonObject, JsonError, type JsonObject, type JsonValue, parseJson } from '../model/json.ts';
import { UsageError } from './exit.ts';

/** Collects a repeatable option. */
export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `30m`, `2h`, `1d` as ms. @throws UsageError */
export function durationMs(text: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(amount) * (UNITS[unit] ?? 0);
  if (!(ms > 0)) throw new UsageError(`\`${text}\` is not a duration such as \`90s\`, \`30m\` or \`2h\``);
  return ms;
}

/** A whole number of at least `least`. @throws UsageError */
export function wholeNumber(text: string, least = 0): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least)) throw new UsageError(`\`${text}\` is not a whole number of at least ${least}`);
  return value;
}

/** `name=text` pairs as an object of strings. @throws UsageError */
export function pairs(items: readonly string[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(items.map((item) => cut(item, '=')));
}

/**
 * Arguments of a tool call: a JSON object (`{...}`, or `@file`), with `name=text` and `name:=json` laid over it.
 * @throws UsageError
 */
export function toolArguments(json: string | undefined, items: readonly string[] = []): JsonObject {
  const members: Record<string, JsonValue> = { ...(json === undefined ? {} : jsonObject(json, '--args')) };
  for (const item of items) {
    const exact = /^[^=]*?:=/.test(item);
    const [name, text] = cut(item, exact ? ':=' : '=');
    members[name] = exact ? jsonValue(text, `--arg ${name}`) : text;
  }
  return members;
}

/** @throws UsageError */
export function jsonObject(text: string, what: string): JsonObject {
  const value = jsonValue(text, what);
  if (!isJsonObject(value)) throw new UsageError(`${what} is not a json object`);
  return value;
}

/** A JSON text, or `@file` that holds one. @throws UsageError */
export function jsonValue(text: string, what: string): JsonValue {
  try {
    return parseJson(text.startsWith('@') ? readText(text.slice(1)) : text, { maxDepth: 64 });
  } catch (cause) {
    if (cause instanceof JsonError) throw new UsageError(`${what} ${cause.message}${at(cause.path)}`);
    throw cause;
  }
}

/** A file's text without its last line break; `-` is stdin. @throws UsageError */
export function readText(path: string): string {
  return Buffer.from(readBytes(path)).toString('utf8').replace(/\n$/, '');
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
