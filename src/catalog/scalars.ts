import type { ArgumentRole, WeightyArgument } from '../model/catalog.ts';
import { isJsonObject, type JsonValue, quoteJson } from '../model/json.ts';
import { Refusal } from '../model/refusal.ts';

/**
 * Every scalar of the arguments, and those of them that decide where something goes or how much of it. The name of a
 * member is a value too where it can decide that: inside a destination, and in an action without an entry.
 */
export interface Scalars {
  readonly values: { readonly path: string; readonly value: JsonValue }[];
  readonly weighty: WeightyArgument[];
}

/** Longest path of a list or an object: every value inside repeats it, so a long name there would cost its length times their number. */
const MAX_PATH = 512;

/**
 * Notes one argument, scalar by scalar; `role` is the catalog's, `unknown` where the catalog has no entry.
 * @throws Refusal action.argument_too_long where the names that lead to a list or an object are too long together
 */
export function noteScalars(
  into: Scalars,
  path: string,
  value: JsonValue,
  role: ArgumentRole | 'unknown',
): void {
  if (typeof value === 'object' && value !== null) {
    noteInside(into, path, value, role);
    return;
  }
  into.values.push({ path, value });
  if (role === 'amount' || role === 'destination') into.weighty.push({ path, value: String(value), role });
  else if (role === 'unknown')
    into.weighty.push({
      path,
      value: String(value),
      role: typeof value === 'number' ? 'amount' : 'destination',
    });
}

/**
 * Notes a member's name, or that of an argument whose name is the asker's, under `to.iban#name`: no other path ends so,
 * since a plain name has no `#` and any other stands in quotes and brackets.
 */
export function noteName(into: Scalars, path: string, name: string): void {
  const own = `${path}#name`;
  into.values.push({ path: own, value: name });
  into.weighty.push({ path: own, value: name, role: 'destination' });
}

function noteInside(
  into: Scalars,
  path: string,
  value: readonly JsonValue[] | { readonly [name: string]: JsonValue },
  role: ArgumentRole | 'unknown',
): void {
  if (path.length > MAX_PATH)
    throw new Refusal('action.argument_too_long', { argument: path.slice(0, 128), max_path: MAX_PATH });
  if (!isJsonObject(value)) {
    (value as readonly JsonValue[]).forEach((item, index) => {
      noteScalars(into, `${path}[${index}]`, item, role);
    });
    return;
  }
  const named = role === 'destination' || role === 'amount' || role === 'unknown';
  for (const [name, member] of Object.entries(value)) {
    const inside = stepInto(path, name);
    if (named) noteName(into, inside, name);
    noteScalars(into, inside, member, role);
  }
}

const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

/** `a.b`, or `a["b.c"]` where the name could be mistaken for a path: two members never share one path. */
export function stepInto(path: string, name: string): string {
  if (!PLAIN_NAME.test(name)) return `${path}[${quoteJson(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

/** Nesting of arrays and objects: 0 for a scalar. Stops counting past `enough`. */
export function depthOf(value: JsonValue, enough: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (enough === 0) return 1;
  let deepest = 0;
  for (const member of Object.values(value)) {
    const depth = depthOf(member as JsonValue, enough - 1);
    if (depth > deepest) deepest = depth;
  }
  return deepest + 1;
}
