/**
 * One mapping from `tools.json` to a catalog, the same for every suite: docs/judging.md says it in words. What is not
 * understood becomes the strictest there is.
 */
import type { Accepted, ActionClass, ArgumentRole, ArgumentType, Writer } from '../../src/model/catalog.ts';
import type { Parameter, Tool, Tools } from './tools.ts';

export interface MappedArgument {
  readonly type: ArgumentType;
  readonly required: boolean;
  readonly role: ArgumentRole;
  readonly max_length: number;
  readonly accepts: readonly Accepted[];
}

/** An entry as the catalog file has it. */
export interface Mapped {
  readonly class: ActionClass;
  readonly arguments: Readonly<Record<string, MappedArgument>>;
  readonly output: { readonly default: Writer; readonly fields: Readonly<Record<string, Writer>> };
}

/** The catalog file's text, and its entries by action: `<suite>.<tool>`. */
export interface MappedCatalog {
  readonly text: string;
  readonly entries: ReadonlyMap<string, Mapped>;
}

/** As long as the catalog takes it: whether a text is too long is not what is judged. */
const MAX_LENGTH = 65_536;

/** Names of text for people. As a parameter it leads nowhere but by its links; in an output it is somebody's text. */
const CONTENT =
  /(?:^|_)(?:body|subject|description|content|title|text|message|note|comment|summary|caption|memo)s?$/;
const CONTENT_FIELDS = [
  'body',
  'subject',
  'description',
  'content',
  'title',
  'text',
  'message',
  'note',
  'comment',
  'summary',
  'caption',
  'memo',
];

export function actionOf(suite: string, tool: string): string {
  return `${suite}.${tool}`;
}

export function mapSuites(suites: Iterable<{ readonly name: string; readonly tools: Tools }>): MappedCatalog {
  const entries = new Map<string, Mapped>();
  for (const { name, tools } of suites)
    for (const [tool, described] of tools) entries.set(actionOf(name, tool), mapTool(described));
  return { text: JSON.stringify({ version: 1, actions: Object.fromEntries(entries) }), entries };
}

export function mapTool(tool: Tool): Mapped {
  return {
    class: classOf(tool.effect),
    arguments: Object.fromEntries(
      [...tool.params].map(([name, parameter]) => [name, argumentOf(tool, name, parameter)]),
    ),
    output: outputOf(tool),
  };
}

/** Class by the effect's first word. */
const CLASSES: ReadonlyMap<string, ActionClass> = new Map([
  ['read', 'read'],
  ['egress-read', 'read'],
  ['personal-read', 'personal_read'],
  ['write', 'write'],
  ['file-write', 'write'],
  ['destructive', 'destructive'],
  ['code', 'code'],
  ...[
    'calendar',
    'credential',
    'egress',
    'external',
    'membership',
    'message',
    'order',
    'profile',
    'purchase',
    'transfer',
  ].map((effect) => [effect, 'external'] as const),
]);

/** In brackets stands what else the tool does: a write that also tells somebody leaves the house. */
function classOf(effect: string): ActionClass {
  const [, word = '', more] = /^\s*([A-Za-z_-]+)\s*(\(.*\))?\s*$/.exec(effect) ?? [];
  const named = CLASSES.get(word.toLowerCase().replaceAll('_', '-')) ?? 'code';
  return named === 'write' && more !== undefined ? 'external' : named;
}

function argumentOf(tool: Tool, name: string, parameter: Parameter): MappedArgument {
  const type = typeOf(parameter.type, tool.destinationParams.includes(name));
  const role = roleOf(tool, name, type);
  return {
    type,
    required: parameter.required,
    role,
    max_length: MAX_LENGTH,
    accepts: role === 'destination' ? ['counterparty', 'referenced'] : [],
  };
}

const WORDS: ReadonlyMap<string, ArgumentType> = new Map([
  ...['string', 'str', 'text', 'date', 'datetime', 'time', 'enum', ''].map(
    (word) => [word, 'string'] as const,
  ),
  ...['number', 'float', 'double', 'decimal'].map((word) => [word, 'number'] as const),
  ...['integer', 'int'].map((word) => [word, 'integer'] as const),
  ...['boolean', 'bool'].map((word) => [word, 'boolean'] as const),
]);
const NULL = /^(?:null|none|undefined)$/;
const STRINGS =
  /^(?:(?:array|list)\s*(?:of\s+|[[<(]\s*)(?:str(?:ing)?|text)s?\s*[\])>]?|str(?:ing)?\s*\[\])$/;
const LIST = /^(?:array|list)\b|\[\]$/;

/** @param leads it is a destination: a list of these is one of names or addresses, also where no type says so */
function typeOf(written: string, leads: boolean): ArgumentType {
  const parts = written
    .toLowerCase()
    .split('|')
    .map((part) => part.trim())
    .filter((part) => !NULL.test(part));
  const types = new Set(parts.map((part) => partOf(part, leads)));
  const [only = 'string'] = types;
  if (types.size <= 1) return only;
  if ([...types].every((type) => type === 'integer' || type === 'number')) return 'number';
  // Of several scalars each can be written as text; of anything else only an object can hold each.
  return types.has('object') || types.has('string_list') ? 'object' : 'string';
}

function partOf(part: string, leads: boolean): ArgumentType {
  if (STRINGS.test(part)) return 'string_list';
  if (LIST.test(part)) return leads && /^(?:array|list)$/.test(part) ? 'string_list' : 'object';
  return WORDS.get(part.replace(/[\s([<].*$/s, '')) ?? 'object';
}

function roleOf(tool: Tool, name: string, type: ArgumentType): ArgumentRole {
  if (type === 'boolean') return 'plain';
  if (CONTENT.test(snake(name))) return 'content';
  if (tool.destinationParams.includes(name)) return 'destination';
  // What is sensitive and leads nowhere, such as an amount that the agent works out, is not judged by whose word it is.
  return 'plain';
}

function snake(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

/** A path such as `[].sender.note`; no name behind the brackets: the items themselves. */
const PATH = /^(?:\[\]\.?)*([A-Za-z_][\w-]*(?:(?:\[\])?\.[A-Za-z_][\w-]*)*)?(?:\[\])*$/;
const WHOLE = /^(?:whole|all|any|everything|output|entire)$/;

function outputOf({ outputSystemOfRecord, outputCarriesInjection }: Tool): Mapped['output'] {
  const rest = outputSystemOfRecord ? 'system' : 'counterparty';
  const fields: Record<string, Writer> = {};
  if (!outputSystemOfRecord) for (const field of CONTENT_FIELDS) fields[field] = 'free_text';
  if (outputCarriesInjection === null) return { default: rest, fields };
  // In brackets it is said to people what stands there.
  for (const written of outputCarriesInjection.replace(/\([^()]*\)/g, ' ').split(/[,;|]|\s(?:and|or)\s/)) {
    const path = written.trim();
    const named = PATH.exec(path)?.[1]?.replaceAll('[]', '');
    // A list of plain values: each is one that somebody else filled in, such as a name, and is believed as a whole only.
    if (/^(?:\[\])+$/.test(path)) return { default: 'counterparty', fields };
    if (named === undefined || WHOLE.test(named)) return { default: 'free_text', fields: {} };
    fields[named] = 'free_text';
  }
  return { default: rest, fields };
}
