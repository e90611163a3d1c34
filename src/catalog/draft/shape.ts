import type { JsonValue } from '../../model/json.ts';

export type Kind = 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object';
export const KINDS: readonly Kind[] = ['string', 'number', 'integer', 'boolean', 'array', 'object'];

/** What a JSON Schema says of one value, with references and unions unfolded. */
export interface Shape {
  /** None: it may be anything. */
  readonly kinds: ReadonlySet<Kind>;
  readonly nullable: boolean;
  /** The only values there are, where the schema lists them; null left out. */
  readonly choices: readonly JsonValue[] | undefined;
  /** Lower case, empty where it says none. */
  readonly format: string;
  /** Unicode characters. */
  readonly maxLength: number | undefined;
  readonly description: string;
  readonly items: Shape | undefined;
  readonly properties: ReadonlyMap<string, Shape>;
  readonly required: ReadonlySet<string>;
  /** Members of any other name are described too: a map, not a record. */
  readonly anyNames: boolean;
}

/** Anything at all. */
export const ANYTHING: Shape = {
  kinds: new Set(),
  nullable: false,
  choices: undefined,
  format: '',
  maxLength: undefined,
  description: '',
  items: undefined,
  properties: new Map(),
  required: new Set(),
  anyNames: false,
};

/** A value that is all of these at once (`allOf`); of texts and formats the first one counts. */
export function both(a: Shape, b: Shape): Shape {
  const kinds =
    a.kinds.size === 0
      ? b.kinds
      : b.kinds.size === 0
        ? a.kinds
        : new Set([...a.kinds].filter((kind) => b.kinds.has(kind)));
  return {
    ...texts(a, b),
    kinds,
    nullable: (a.nullable || b.nullable) && takesNull(a) && takesNull(b),
    choices: a.choices ?? b.choices,
    maxLength: smaller(a.maxLength, b.maxLength),
    required: new Set([...a.required, ...b.required]),
  };
}

/** A value that is one of these (`anyOf`, `oneOf`): nothing is promised but what each of them promises. */
export function either(a: Shape, b: Shape): Shape {
  const open = a.kinds.size === 0 || b.kinds.size === 0;
  const bounded = a.maxLength !== undefined && b.maxLength !== undefined;
  return {
    ...texts(a, b),
    kinds: open ? new Set() : new Set([...a.kinds, ...b.kinds]),
    nullable: a.nullable || b.nullable,
    choices: a.choices === undefined || b.choices === undefined ? undefined : [...a.choices, ...b.choices],
    maxLength: bounded ? Math.max(a.maxLength ?? 0, b.maxLength ?? 0) : undefined,
    required: new Set([...a.required].filter((name) => b.required.has(name))),
  };
}

function texts(
  a: Shape,
  b: Shape,
): Pick<Shape, 'format' | 'description' | 'items' | 'properties' | 'anyNames'> {
  const properties = new Map(a.properties);
  for (const [name, shape] of b.properties) {
    const first = properties.get(name);
    properties.set(name, first === undefined ? shape : either(first, shape));
  }
  return {
    format: a.format || b.format,
    description: a.description || b.description,
    items: a.items === undefined || b.items === undefined ? (a.items ?? b.items) : either(a.items, b.items),
    properties,
    anyNames: a.anyNames || b.anyNames,
  };
}

/** One that names no type refuses none. */
function takesNull({ nullable, kinds }: Shape): boolean {
  return nullable || kinds.size === 0;
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
