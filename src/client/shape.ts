/**
 * What callers hand over, looked at member by member before anything is done with it: plain JavaScript may hold
 * anything, a misspelled name would be a limit that nobody keeps, and the encoder bends text that is no text.
 */
import { type Failure, wrongField } from './failure.ts';

type Problem = Failure['fields'][number];
/** The first thing that is wrong with `value`, named below `field`; undefined: nothing. Quotes no value. */
export type Check = (value: unknown, field: string) => Problem | undefined;
/** A check for each member that `T` has; no other name is taken. */
export type Shape<T> = { readonly [K in keyof T]-?: Check };

const MAX_COUNT = 2 ** 31 - 1;

/** @throws AssentError naming what is wrong */
export function demand(check: Check, value: unknown, field: string): void {
  const wrong = check(value, field);
  if (wrong !== undefined) throw wrongField(wrong.field, wrong.problem);
}

/** @throws AssentError for what is no text */
export function checkedText(value: string, field: string): string {
  demand(text, value, field);
  return value;
}

/** Only for what is looked at elsewhere, or may be anything. */
export const anything: Check = () => undefined;

/** A string whose bytes say the same: a lone surrogate has none (RFC 3629 §3). */
export const text: Check = (value, field) => {
  if (typeof value !== 'string') return { field, problem: 'is not a string' };
  return value.isWellFormed() ? undefined : { field, problem: 'has a lone surrogate' };
};

export const flag: Check = (value, field) =>
  typeof value === 'boolean' ? undefined : { field, problem: 'is not true or false' };

export const number: Check = (value, field) =>
  typeof value === 'number' ? undefined : { field, problem: 'is not a number' };

/** As an `int32` of the contract takes it. */
export const count: Check = (value, field) =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_COUNT
    ? undefined
    : { field, problem: `is not a whole number from 0 to ${MAX_COUNT}` };

export const bytes: Check = (value, field) =>
  value instanceof Uint8Array ? undefined : { field, problem: 'is not bytes' };

/** A list of texts. */
export const texts: Check = (value, field) => {
  if (!Array.isArray(value)) return { field, problem: 'is not a list of strings' };
  // By index: `forEach` and its like pass over holes.
  for (let i = 0; i < value.length; i += 1) {
    const wrong = text(value[i], `${field}[${i}]`);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
};

/** A text for each of any names. */
export const textByName: Check = (value, field) => {
  if (!isPlainObject(value)) return { field, problem: 'is not a plain object of strings' };
  for (const [name, item] of Object.entries(value)) {
    const wrong = name.isWellFormed() ? text(item, `${field}.${name}`) : bentName(field);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
};

const bentName = (field: string): Problem => ({ field, problem: 'has a name with a lone surrogate' });

export function optional(check: Check): Check {
  return (value, field) => (value === undefined ? undefined : check(value, field));
}

export function oneOf(...values: readonly (string | boolean)[]): Check {
  return (value, field) =>
    values.some((known) => known === value) ? undefined : { field, problem: `is not ${values.join(' or ')}` };
}

/** A text, or an object that `check` looks at. */
export function textOr(check: Check): Check {
  return (value, field) => {
    if (typeof value === 'string') return text(value, field);
    return typeof value === 'object'
      ? check(value, field)
      : { field, problem: 'is not a string or an object' };
  };
}

/** A plain object. `bare`: its members go by their own names alone, as those of an ask do. */
export function object<T>(shape: Shape<T>, { bare = false } = {}): Check {
  const checks = new Map(Object.entries<Check>(shape));
  return (value, field) => {
    if (!isPlainObject(value)) return { field, problem: 'is not a plain object' };
    const below = (name: string): string => (bare ? name : `${field}.${name}`);
    for (const name of Object.keys(value))
      if (!checks.has(name)) return { field: below(name.toWellFormed()), problem: 'is not a known name' };
    for (const [name, check] of checks) {
      const wrong = check(value[name], below(name));
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };
}

/** Any other would be read as empty where all members may be absent: a `Map`, say. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
