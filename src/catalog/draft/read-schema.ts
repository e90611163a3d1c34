import { isJsonObject, type JsonObject, type JsonValue } from '../../model/json.ts';
import { Malformed } from '../../model/refusal.ts';
import { ANYTHING, both, either, KINDS, type Kind, type Shape } from './shape.ts';

/** References and nested schemas followed downwards; a schema that contains itself ends here as anything. */
const MAX_DEPTH = 12;
/** Parts that one schema may unfold to. */
const MAX_PARTS = 5000;
/** Characters of a description that are looked at. */
const MAX_DESCRIPTION = 4096;

/**
 * Reads a JSON Schema (draft 7 to 2020-12) for what a catalog wants to know: types, nullable unions, choices,
 * formats, lengths, members. Local references are followed; what lies elsewhere, or too deep, is anything.
 * @param at where the schema stands, for complaints
 * @throws Malformed naming the place, also for a schema that unfolds to more than 5000 parts
 */
export function readSchema(schema: JsonValue, at: string): Shape {
  return new Reader(schema, at).read(schema, at, MAX_DEPTH);
}

class Reader {
  private readonly root: JsonValue;
  private readonly at: string;
  private parts = 0;

  constructor(root: JsonValue, at: string) {
    this.root = root;
    this.at = at;
  }

  read(schema: JsonValue, at: string, depth: number): Shape {
    this.parts += 1;
    if (this.parts > MAX_PARTS) throw new Malformed(this.at, `unfolds to more than ${MAX_PARTS} parts`);
    if (typeof schema === 'boolean' || depth === 0) return ANYTHING;
    if (!isJsonObject(schema)) throw new Malformed(at, 'is not a json schema');
    let shape = this.own(schema, at, depth);
    const reference = member(schema, '$ref');
    if (reference !== undefined) shape = both(shape, this.follow(reference, `${at}.$ref`, depth));
    for (const part of this.list(schema, 'allOf', at, depth)) shape = both(shape, part);
    for (const key of ['anyOf', 'oneOf']) shape = this.oneOf(shape, this.list(schema, key, at, depth));
    return shape;
  }

  private oneOf(shape: Shape, parts: readonly Shape[]): Shape {
    const [first, ...more] = parts.filter((part) => part !== NOTHING_BUT_NULL);
    const nullable = parts.includes(NOTHING_BUT_NULL);
    if (first === undefined) return nullable ? { ...shape, nullable } : shape;
    const joined = both(shape, more.reduce(either, first));
    // A schema beside `anyOf` says nothing of null unless it names types of its own.
    return {
      ...joined,
      nullable: shape.nullable || nullable || [first, ...more].some((part) => part.nullable),
    };
  }

  private own(schema: JsonObject, at: string, depth: number): Shape {
    const { kinds, nullable } = typesOf(schema, at);
    const choices = choicesOf(schema, at);
    if (kinds.size === 0 && nullable && choices === undefined) return NOTHING_BUT_NULL;
    const items = member(schema, 'items');
    const others = member(schema, 'additionalProperties');
    const shape: Shape = {
      kinds: kinds.size > 0 ? kinds : implied(schema, choices),
      nullable: nullable || member(schema, 'nullable') === true || (choices?.includes(null) ?? false),
      choices: choices?.filter((choice) => choice !== null),
      format: textOf(schema, 'format', at).toLowerCase(),
      maxLength: lengthOf(schema, at),
      description: textOf(schema, 'description', at).slice(0, MAX_DESCRIPTION),
      // A list of schemas describes items by place: no kind holds for all of them.
      items:
        items === undefined || Array.isArray(items) ? undefined : this.read(items, `${at}.items`, depth - 1),
      properties: this.properties(schema, at, depth),
      required: requiredOf(schema, at),
      anyNames: member(schema, 'patternProperties') !== undefined || isJsonObject(others) || others === true,
    };
    return shape;
  }

  private properties(schema: JsonObject, at: string, depth: number): ReadonlyMap<string, Shape> {
    const properties = member(schema, 'properties');
    if (properties === undefined) return new Map();
    if (!isJsonObject(properties)) throw new Malformed(`${at}.properties`, 'is not an object');
    const shapes = new Map<string, Shape>();
    for (const [name, value] of Object.entries(properties))
      shapes.set(name, this.read(value, `${at}.properties.${name.slice(0, 128)}`, depth - 1));
    return shapes;
  }

  private list(schema: JsonObject, key: string, at: string, depth: number): readonly Shape[] {
    const parts = member(schema, key);
    if (parts === undefined) return [];
    if (!Array.isArray(parts)) throw new Malformed(`${at}.${key}`, 'is not a list');
    return parts.map((part: JsonValue, index) => this.read(part, `${at}.${key}[${index}]`, depth - 1));
  }

  private follow(reference: JsonValue, at: string, depth: number): Shape {
    if (typeof reference !== 'string') throw new Malformed(at, 'is not a reference');
    // Nothing is fetched: what another document says is unknown.
    if (!reference.startsWith('#')) return ANYTHING;
    let found: JsonValue | undefined = this.root;
    for (const step of reference.slice(1).split('/').slice(1)) {
      const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
      found = isJsonObject(found) ? member(found, name) : undefined;
    }
    if (found === undefined) throw new Malformed(at, 'points to nothing');
    return this.read(found, at, depth - 1);
  }
}

/** The `null` of a union. */
const NOTHING_BUT_NULL: Shape = { ...ANYTHING, nullable: true };

function member(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function typesOf(
  schema: JsonObject,
  at: string,
): { readonly kinds: ReadonlySet<Kind>; readonly nullable: boolean } {
  const type = member(schema, 'type');
  if (type === undefined) return { kinds: new Set(), nullable: false };
  const names: readonly JsonValue[] = Array.isArray(type) ? type : [type as JsonValue];
  const kinds = new Set<Kind>();
  for (const name of names) {
    const kind = KINDS.find((known) => known === name);
    if (kind !== undefined) kinds.add(kind);
    else if (name !== 'null') throw new Malformed(`${at}.type`, `is not one of ${KINDS.join(', ')}, null`);
  }
  return { kinds, nullable: names.includes('null') };
}

function choicesOf(schema: JsonObject, at: string): readonly JsonValue[] | undefined {
  const only = member(schema, 'const');
  if (only !== undefined) return [only];
  const choices = member(schema, 'enum');
  if (choices === undefined) return undefined;
  if (!Array.isArray(choices)) throw new Malformed(`${at}.enum`, 'is not a list');
  return choices as readonly JsonValue[];
}

/** Schemas often leave out the type that their other keywords show. */
function implied(schema: JsonObject, choices: readonly JsonValue[] | undefined): ReadonlySet<Kind> {
  if (choices !== undefined) return new Set(choices.flatMap(kindsOfValue));
  if (Object.hasOwn(schema, 'properties')) return new Set(['object']);
  if (Object.hasOwn(schema, 'items')) return new Set(['array']);
  return new Set();
}

function kindsOfValue(value: JsonValue): readonly Kind[] {
  if (value === null) return [];
  if (Array.isArray(value)) return ['array'];
  if (typeof value === 'number') return [Number.isInteger(value) ? 'integer' : 'number'];
  return [typeof value as 'string' | 'boolean' | 'object'];
}

function textOf(schema: JsonObject, key: string, at: string): string {
  const text = member(schema, key) ?? '';
  if (typeof text !== 'string') throw new Malformed(`${at}.${key}`, 'is not a text');
  return text;
}

function lengthOf(schema: JsonObject, at: string): number | undefined {
  const length = member(schema, 'maxLength');
  if (length === undefined) return undefined;
  if (typeof length !== 'number' || !Number.isInteger(length) || length < 0)
    throw new Malformed(`${at}.maxLength`, 'is not a whole number of at least 0');
  return length;
}

function requiredOf(schema: JsonObject, at: string): ReadonlySet<string> {
  const names = member(schema, 'required');
  // Draft 3 wrote `required: true` at the member itself.
  if (names === undefined || typeof names === 'boolean') return new Set();
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
    throw new Malformed(`${at}.required`, 'is not a list of names');
  return new Set(names as readonly string[]);
}
