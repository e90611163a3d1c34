import type { ArgumentEntry } from '../model/catalog.ts';
import { isExactNumber, parseDecimal } from '../model/decimal.ts';
import { canonicalJson, isJsonObject, type JsonValue, quoteJson } from '../model/json.ts';
import { Refusal } from '../model/refusal.ts';
import { depthOf } from './scalars.ts';

/** Nesting inside an `object` argument, the object itself counting one. */
const MAX_DEPTH = 4;
/** Items of a `string_list`. */
const MAX_ITEMS = 256;

/**
 * Checks one argument against its entry and returns it as policy sees it, canonical: catalogued decimals are
 * strings on the wire and exact numbers here. Nothing is cut, converted or swapped to make it fit.
 * @throws Refusal action.argument_type, action.argument_too_long
 */
export function policyArgument(name: string, value: JsonValue, entry: ArgumentEntry): string {
  switch (entry.type) {
    case 'string':
      if (typeof value !== 'string') throw mistyped(name, entry.type);
      return quoteJson(bounded(name, value, entry.maxLength));
    case 'decimal':
      return decimalArgument(name, value, entry.maxLength);
    case 'integer':
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw mistyped(name, entry.type);
      return canonicalJson(value);
    case 'number':
      if (typeof value !== 'number' || !Number.isFinite(value)) throw mistyped(name, entry.type);
      return canonicalJson(value);
    case 'boolean':
      if (typeof value !== 'boolean') throw mistyped(name, entry.type);
      return value ? 'true' : 'false';
    case 'string_list':
      return listArgument(name, value, entry.maxLength);
    case 'object':
      if (!isJsonObject(value)) throw mistyped(name, entry.type);
      return boundedTree(name, value, entry.maxLength);
    default:
      return entry.type satisfies never;
  }
}

function decimalArgument(name: string, value: JsonValue, maxLength: number): string {
  if (typeof value !== 'string') throw mistyped(name, 'decimal');
  const decimal = parseDecimal(bounded(name, value, maxLength));
  // Sixteen digits could come out of a double as their neighbour, and policy would compare that one.
  if (decimal === undefined || !isExactNumber(decimal)) throw mistyped(name, 'decimal');
  return exactText(value as string);
}

/** The canonical number for a decimal of at most 15 digits: equal for `120.50` and `120.5`. */
export function exactText(decimal: string): string {
  return canonicalJson(Number(decimal));
}

function listArgument(name: string, value: JsonValue, maxLength: number): string {
  if (!Array.isArray(value)) throw mistyped(name, 'string_list');
  if (value.length > MAX_ITEMS) throw tooLong(name, { max_items: MAX_ITEMS });
  let out = '[';
  for (const item of value as readonly JsonValue[]) {
    if (typeof item !== 'string') throw mistyped(name, 'string_list');
    out += `${out === '[' ? '' : ','}${quoteJson(bounded(name, item, maxLength))}`;
  }
  return `${out}]`;
}

/** An object, or anything of an action without an entry: bounded by nesting and by its canonical text. */
export function boundedTree(name: string, value: JsonValue, maxLength: number): string {
  if (typeof value === 'string') return quoteJson(bounded(name, value, maxLength));
  if (depthOf(value, MAX_DEPTH + 1) > MAX_DEPTH) throw tooLong(name, { max_depth: MAX_DEPTH });
  return bounded(name, canonicalJson(value), maxLength);
}

/** @throws Refusal action.argument_too_long */
export function bounded(name: string, text: string, maxLength: number): string {
  if (text.length > maxLength) throw tooLong(name, { max_length: maxLength });
  return text;
}

/** Argument names of an unknown action are the asker's: cut for the message, never for the check. */
function named(name: string): string {
  return name.slice(0, 128);
}

function mistyped(name: string, wanted: string): Refusal {
  return new Refusal('action.argument_type', { argument: named(name), wanted });
}

function tooLong(name: string, bound: { readonly [name: string]: number }): Refusal {
  return new Refusal('action.argument_too_long', { argument: named(name), ...bound });
}
