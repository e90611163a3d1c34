import type {
  Accepted,
  ActionClass,
  ArgumentEntry,
  ArgumentRole,
  ArgumentType,
  CatalogEntry,
  Writer,
} from '../model/catalog.ts';
import { isJsonObject, type JsonValue } from '../model/json.ts';
import { isActionName } from '../model/pattern.ts';
import { Malformed } from '../model/refusal.ts';
import { checkGuess } from './guess.ts';
import { Section } from './section.ts';

/** What the operator says of every action, by action name. */
export type Catalog = ReadonlyMap<string, CatalogEntry>;

/** Longest string argument where the catalog names no other length, in UTF-16 units. */
export const DEFAULT_MAX_LENGTH = 1024;
const LONGEST = 65_536;

const CLASSES: readonly ActionClass[] = ['read', 'personal_read', 'write', 'external', 'destructive', 'code'];
const TYPES: readonly ArgumentType[] = [
  'string',
  'decimal',
  'integer',
  'number',
  'boolean',
  'string_list',
  'object',
];
const ROLES: readonly ArgumentRole[] = ['amount', 'destination', 'resource_id', 'content', 'plain'];
const ACCEPTED: readonly Accepted[] = ['counterparty', 'referenced'];
const WRITERS: readonly Writer[] = ['self', 'system', 'counterparty', 'free_text'];

/** Plain enough to stand in a path without quotes. */
export const ARGUMENT_NAME: RegExp = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

/**
 * Reads the catalog file: `{"version":1,"actions":{<name>:{class, stateless, arguments, identity, output}}}`.
 * Keys are closed. An argument must name type and role, since leaving a destination unnamed would open a door;
 * `required` is true, `sensitive` false, `max_length` 1024 and an output's writer `free_text` unless said. An entry's
 * `guess` marks what nobody has confirmed; it is checked, and decides nothing.
 * @throws Malformed naming the dotted key
 */
export function parseCatalog(json: JsonValue): Catalog {
  if (!isJsonObject(json)) throw new Malformed('catalog', 'is not an object');
  const file = new Section(json, '', ['version', 'actions']);
  file.integer('version', 0, 1, 1);
  const actions = file.section('actions');
  const catalog = new Map<string, CatalogEntry>();
  for (const name of actions.keys()) {
    if (!isActionName(name)) throw new Malformed(actions.at(name.slice(0, 128)), 'is not an action name');
    catalog.set(
      name,
      parseEntry(actions.section(name, ['class', 'stateless', 'arguments', 'identity', 'output', 'guess'])),
    );
  }
  return catalog;
}

function parseEntry(section: Section): CatalogEntry {
  const actionClass = section.oneOf('class', CLASSES);
  const stateless = section.flag('stateless', false);
  if (stateless && actionClass !== 'read')
    throw new Malformed(section.at('stateless'), 'is for public reads only');
  const args = parseArguments(section);
  checkGuess(section);
  return {
    class: actionClass,
    stateless,
    arguments: args,
    identity: parseIdentity(section, actionClass, args),
    output: parseOutput(section),
  };
}

function parseArguments(entry: Section): CatalogEntry['arguments'] {
  const parsed = new Map<string, ArgumentEntry>();
  if (!entry.has('arguments')) return parsed;
  const section = entry.section('arguments');
  for (const name of section.keys()) {
    if (!ARGUMENT_NAME.test(name))
      throw new Malformed(section.at(name.slice(0, 128)), 'is not an argument name');
    const argument = section.section(name, [
      'type',
      'required',
      'role',
      'max_length',
      'sensitive',
      'accepts',
    ]);
    const type = argument.oneOf('type', TYPES);
    const role = argument.oneOf('role', ROLES);
    if (!fits(type, role)) throw new Malformed(argument.at('role'), `is not for an argument of type ${type}`);
    parsed.set(name, {
      type,
      required: argument.flag('required', true),
      role,
      maxLength: argument.integer('max_length', DEFAULT_MAX_LENGTH, 1, LONGEST),
      accepts: parseAccepts(argument, role),
      sensitive: argument.flag('sensitive', false),
    });
  }
  return parsed;
}

function parseAccepts(argument: Section, role: ArgumentRole): readonly Accepted[] {
  const names = argument.names('accepts');
  if (names.length > 0 && role !== 'destination' && role !== 'amount')
    throw new Malformed(argument.at('accepts'), 'is for a destination or an amount');
  return names.map((name, index) => {
    const accepted = ACCEPTED.find((one) => one === name);
    if (accepted === undefined)
      throw new Malformed(`${argument.at('accepts')}[${index}]`, `is not one of ${ACCEPTED.join(', ')}`);
    return accepted;
  });
}

/** An amount has digits; a yes or no leads nowhere. */
function fits(type: ArgumentType, role: ArgumentRole): boolean {
  if (role === 'amount') return type === 'decimal' || type === 'integer' || type === 'number';
  if (role === 'destination') return type !== 'boolean';
  return true;
}

function parseIdentity(
  entry: Section,
  actionClass: ActionClass,
  args: CatalogEntry['arguments'],
): readonly string[] {
  const identity = entry.names('identity');
  identity.forEach((name, index) => {
    if (!args.has(name)) throw new Malformed(`${entry.at('identity')}[${index}]`, 'is not an argument');
  });
  if (identity.length > 0 && (actionClass === 'read' || actionClass === 'personal_read'))
    throw new Malformed(entry.at('identity'), 'must be empty: reading twice is no second act');
  return identity;
}

function parseOutput(entry: Section): CatalogEntry['output'] {
  const fields = new Map<string, Writer>();
  if (!entry.has('output')) return { default: 'free_text', fields };
  const output = entry.section('output', ['default', 'fields']);
  if (output.has('fields')) {
    const section = output.section('fields');
    for (const path of section.keys()) {
      if (path.split('.').includes(''))
        throw new Malformed(section.at(path.slice(0, 128)), 'is not a dotted path');
      fields.set(path, section.oneOf(path, WRITERS));
    }
  }
  return { default: output.oneOf('default', WRITERS, 'free_text'), fields };
}
