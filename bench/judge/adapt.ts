/**
 * What an enforcement point makes of a recorded call before it asks. A lenient tool takes a number written as text;
 * the catalog says which type is meant, and what does not fit it is left for Assent to refuse.
 */
import type { ArgumentType } from '../../src/model/catalog.ts';
import type { Mapped } from './catalog.ts';
import { readPrinted } from './outputs.ts';

type Values = Readonly<Record<string, unknown>>;

/** @param mapped undefined for a tool that the suite does not have */
export function adaptArguments(recorded: Values, mapped: Mapped | undefined): Values {
  const adapted: [string, unknown][] = [];
  for (const [name, value] of Object.entries(unprinted(recorded))) {
    // Python hands over `None` for what was not said.
    if (value === null || value === undefined) continue;
    const wanted =
      mapped !== undefined && Object.hasOwn(mapped.arguments, name) ? mapped.arguments[name] : undefined;
    adapted.push([name, wanted === undefined ? value : coerce(value, wanted.type)]);
  }
  return Object.fromEntries(adapted);
}

/** Some recorders keep the arguments as their printed form, in one member. */
function unprinted(recorded: Values): Values {
  const { _raw: raw, ...others } = recorded;
  if (typeof raw !== 'string' || Object.keys(others).length > 0) return recorded;
  const read = readPrinted(raw);
  return typeof read === 'object' && read !== null && !Array.isArray(read) ? (read as Values) : recorded;
}

const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

function coerce(value: unknown, type: ArgumentType): unknown {
  switch (type) {
    case 'integer':
    case 'number':
    case 'decimal':
      return typeof value === 'string' && NUMBER.test(value) ? Number(value) : value;
    case 'boolean':
      return typeof value === 'string' && /^(?:true|false)$/i.test(value)
        ? value.toLowerCase() === 'true'
        : value;
    case 'string':
      return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
    case 'string_list':
      return stringsOf(value);
    case 'object':
      return typeof value === 'object' && !Array.isArray(value) ? value : { items: value };
    default:
      return type satisfies never;
  }
}

function stringsOf(value: unknown): unknown {
  const list = typeof value === 'string' ? readPrinted(value) : value;
  if (!Array.isArray(list)) return value;
  return list.map((item: unknown) => (typeof item === 'number' ? String(item) : item));
}
