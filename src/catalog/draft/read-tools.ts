import { isJsonObject, type JsonObject, type JsonValue } from '../../model/json.ts';
import { Malformed } from '../../model/refusal.ts';
import { readSchema } from './read-schema.ts';
import type { Shape } from './shape.ts';

/** A tool as its own server describes it: words of a counterparty, every one of them. */
export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly input: Shape;
  readonly output: Shape | undefined;
  readonly hints: Hints;
}

/** MCP tool annotations, as far as given. */
export interface Hints {
  readonly readOnly: boolean | undefined;
  readonly destructive: boolean | undefined;
  readonly openWorld: boolean | undefined;
}

export interface ToolList {
  readonly tools: readonly Tool[];
  /** The list says that it goes on elsewhere (MCP `nextCursor`). */
  readonly unfinished: boolean;
}

const MAX_TOOLS = 1000;
const MAX_DESCRIPTION = 4096;
const NO_HINTS: Hints = { readOnly: undefined, destructive: undefined, openWorld: undefined };

/**
 * Reads tools in any of the forms they are handed around in: an MCP `tools/list` result (also as its JSON-RPC
 * answer, or the list alone), a list of functions (`{"type":"function","function":{…}}`, or flat), one JSON Schema
 * with a `title`, or an object of name → JSON Schema.
 * @throws Malformed naming the place; a tool named twice is one, and so is a list without any
 */
export function readTools(json: JsonValue): ToolList {
  const { list, at, unfinished } = listIn(json);
  if (list.length === 0) throw new Malformed(at || 'the input', 'holds no tool');
  if (list.length > MAX_TOOLS) throw new Malformed(at || 'the input', `holds more than ${MAX_TOOLS} tools`);
  const seen = new Set<string>();
  const tools = list.map(({ value, at: place }) => {
    const tool = readTool(value, place);
    if (seen.has(tool.name)) throw new Malformed(place, 'names a tool that was named before');
    seen.add(tool.name);
    return tool;
  });
  return { tools, unfinished };
}

interface Found {
  readonly list: readonly { readonly value: JsonObject; readonly at: string }[];
  readonly at: string;
  readonly unfinished: boolean;
}

function listIn(json: JsonValue): Found {
  if (Array.isArray(json)) return { ...itemsOf(json as readonly JsonValue[], ''), unfinished: false };
  if (!isJsonObject(json)) throw new Malformed('the input', 'is neither an object nor a list');
  if (Object.hasOwn(json, 'jsonrpc')) return answerIn(json);
  for (const key of ['tools', 'functions'])
    if (Array.isArray(json[key]))
      return {
        ...itemsOf(json[key] as readonly JsonValue[], key),
        unfinished: typeof json['nextCursor'] === 'string',
      };
  if (isTool(json)) return { list: [{ value: json, at: '' }], at: '', unfinished: false };
  if (isSchema(json)) return { list: [{ value: titled(json), at: '' }], at: '', unfinished: false };
  const list = Object.entries(json).map(([name, schema]) => {
    if (!isJsonObject(schema) || !isSchema(schema))
      throw new Malformed(name.slice(0, 128) || 'the input', 'is neither a tool list nor a json schema');
    return {
      value: { description: schema['description'] ?? '', name, inputSchema: schema },
      at: name.slice(0, 128),
    };
  });
  return { list, at: '', unfinished: false };
}

function answerIn(json: JsonObject): Found {
  const result = json['result'];
  if (!isJsonObject(result)) throw new Malformed('result', 'is not an object');
  if (!Array.isArray(result['tools'])) throw new Malformed('result.tools', 'is not a list');
  const found = itemsOf(result['tools'] as readonly JsonValue[], 'result.tools');
  return { ...found, unfinished: typeof result['nextCursor'] === 'string' };
}

function itemsOf(items: readonly JsonValue[], at: string): Omit<Found, 'unfinished'> {
  const list = items.map((value, index) => {
    const place = `${at}[${index}]`;
    if (!isJsonObject(value)) throw new Malformed(place, 'is not an object');
    return { value, at: place };
  });
  return { list, at };
}

function isTool(json: JsonObject): boolean {
  return typeof json['name'] === 'string' || isJsonObject(json['function']);
}

function isSchema(json: JsonObject): boolean {
  return (
    ['properties', '$ref', 'allOf', 'anyOf', 'oneOf'].some((key) => Object.hasOwn(json, key)) ||
    json['type'] === 'object'
  );
}

function titled(schema: JsonObject): JsonObject {
  const title = schema['title'];
  if (typeof title !== 'string' || title === '')
    throw new Malformed('title', 'is missing: it names the action');
  return { name: title, description: schema['description'] ?? '', inputSchema: schema };
}

function readTool(value: JsonObject, at: string): Tool {
  const inner = value['function'];
  if (isJsonObject(inner)) return readTool(inner, under(at, 'function'));
  const name = value['name'];
  if (typeof name !== 'string' || name === '') throw new Malformed(under(at, 'name'), 'is not a name');
  const description = value['description'] ?? '';
  if (typeof description !== 'string') throw new Malformed(under(at, 'description'), 'is not a text');
  const key = ['inputSchema', 'input_schema', 'parameters'].find((each) => Object.hasOwn(value, each));
  const output = value['outputSchema'] ?? undefined;
  return {
    name,
    description: description.slice(0, MAX_DESCRIPTION),
    // Without a schema a tool takes nothing: any argument of an ask is then one too many.
    input: inputOf(
      key === undefined ? { type: 'object' } : (value[key] ?? { type: 'object' }),
      under(at, key ?? 'inputSchema'),
    ),
    output: output === undefined ? undefined : readSchema(output, under(at, 'outputSchema')),
    hints: readHints(value['annotations'] ?? undefined, under(at, 'annotations')),
  };
}

function inputOf(schema: JsonValue, at: string): Shape {
  const shape = readSchema(schema, at);
  if (shape.kinds.size > 0 && !shape.kinds.has('object'))
    throw new Malformed(at, 'is not a schema of an object');
  return shape;
}

function readHints(value: JsonValue | undefined, at: string): Hints {
  if (value === undefined) return NO_HINTS;
  if (!isJsonObject(value)) throw new Malformed(at, 'is not an object');
  const hint = (key: string): boolean | undefined => {
    const given = value[key] ?? undefined;
    if (given !== undefined && typeof given !== 'boolean')
      throw new Malformed(`${at}.${key}`, 'is not true or false');
    return given;
  };
  return {
    readOnly: hint('readOnlyHint'),
    destructive: hint('destructiveHint'),
    openWorld: hint('openWorldHint'),
  };
}

function under(at: string, key: string): string {
  return at === '' ? key : `${at}.${key}`;
}
