import type { JsonObject, JsonValue } from '../model/json.ts';

/** A value that is not JSON, or not JSON that two readers read alike. `path` says where. */
export class NotJson extends TypeError {
  readonly path: string;
  readonly problem: string;
  constructor(path: string, problem: string) {
    super(`\`${path}\` ${problem}`);
    this.path = path;
    this.problem = problem;
  }
}

/** Nesting that the wire accepts. */
const MAX_DEPTH = 32;

/**
 * A frozen copy of `value` that holds plain JSON only. What is judged and what the tool gets must be the same,
 * so everything that JSON would bend is refused: NaN and infinities, integers past 2^53, bigints, dates and
 * other class instances, accessors, holes, lone surrogates, `__proto__`. Members that are undefined are left out.
 * @throws NotJson
 */
export function strictObject(value: unknown, name: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new NotJson(name, 'is not an object');
  return copyObject(value, name, 1);
}

/** The same for any JSON value. */
export function strictValue(value: unknown, name: string): JsonValue {
  return copy(value, name, 1);
}

function copy(value: unknown, path: string, depth: number): JsonValue {
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'string':
      if (!value.isWellFormed()) throw new NotJson(path, 'has a lone surrogate');
      return value;
    case 'number':
      return copyNumber(value, path);
    case 'object':
      if (value === null) return null;
      if (depth > MAX_DEPTH) throw new NotJson(path, `nests deeper than ${MAX_DEPTH}`);
      return Array.isArray(value) ? copyArray(value, path, depth) : copyObject(value, path, depth);
    default:
      throw new NotJson(path, `is a ${typeof value}, which json does not have`);
  }
}

function copyNumber(value: number, path: string): number {
  if (!Number.isFinite(value)) throw new NotJson(path, 'is not a finite number');
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    throw new NotJson(path, 'is an integer past 2^53: send a decimal string');
  return Object.is(value, -0) ? 0 : value;
}

function copyArray(value: readonly unknown[], path: string, depth: number): JsonValue {
  const items: JsonValue[] = [];
  for (let i = 0; i < value.length; i += 1) {
    if (!Object.hasOwn(value, i)) throw new NotJson(`${path}[${i}]`, 'is a hole');
    items.push(copy(value[i], `${path}[${i}]`, depth + 1));
  }
  return Object.freeze(items);
}

function copyObject(value: object, path: string, depth: number): JsonObject {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new NotJson(path, 'is not a plain object');
  const members: Record<string, JsonValue> = {};
  for (const name of Reflect.ownKeys(value)) {
    const at = path === '' ? String(name) : `${path}.${String(name)}`;
    if (typeof name === 'symbol') throw new NotJson(at, 'is named by a symbol');
    if (name === '__proto__') throw new NotJson(at, 'is a reserved member name');
    if (!name.isWellFormed()) throw new NotJson(path, 'has a member name with a lone surrogate');
    const property = Object.getOwnPropertyDescriptor(value, name);
    // A getter may say one thing to the judge and another to the tool.
    if (property === undefined || !('value' in property)) throw new NotJson(at, 'is an accessor');
    if (property.value === undefined) continue;
    members[name] = copy(property.value, at, depth + 1);
  }
  return Object.freeze(members);
}
