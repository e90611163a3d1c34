import type { ActionClass, ArgumentRole, ArgumentType } from '../../model/catalog.ts';
import type { JsonValue } from '../../model/json.ts';
import { doubtful, type Guessed, likely } from './guess.ts';
import { meaningOf } from './meaning.ts';
import { type Meaning, SENSITIVE } from './meanings.ts';
import type { Kind, Shape } from './shape.ts';
import { isRead } from './verbs.ts';
import { findWord, wordsOf } from './words.ts';

export interface DraftedArgument {
  readonly type: ArgumentType;
  readonly required: boolean;
  readonly role: ArgumentRole;
  readonly max_length?: number;
  readonly sensitive?: true;
}

/** Longest string that a catalog can name. */
const LONGEST = 65_536;
/** Characters for people's text and for trees, where the schema names no length. */
const LONG = 8192;
/** By what the argument is about, where the schema names no length. RFC 5321 §4.5.3.1.3 for addresses. */
const LENGTHS: Readonly<Partial<Record<Meaning, number>>> = { party: 254, net: 2048, content: LONG };

/** What is known of an argument before its role is guessed. */
interface Known {
  readonly name: string;
  readonly shape: Shape;
  readonly meaning: Guessed<Meaning> | undefined;
  readonly actionClass: ActionClass;
}

/** Drafts one argument of an action; a value that could lead somewhere unseen is a destination. */
export function draftArgument(known: Known, required: boolean): Guessed<DraftedArgument> {
  const { name, shape, meaning } = known;
  const type = typeOf(shape);
  const role = roleOf(known, type.value);
  // An amount has digits: a text of that name is read as a decimal.
  const drafted = role.value === 'amount' && type.value === 'string' ? 'decimal' : type.value;
  const length = lengthOf(drafted, shape, meaning?.value);
  const sensitive =
    meaning?.value === 'secret' || wordsOf(name).some((word) => findWord(word, SENSITIVE) !== undefined);
  const whys = [role.why, type.why, ...(drafted === 'decimal' ? ['read as a decimal'] : [])];
  if (shape.nullable && required) whys.push('null is refused: leave it out instead');
  return {
    value: {
      type: drafted,
      required: required && !shape.nullable,
      role: role.value,
      ...(length === undefined ? {} : { max_length: length }),
      ...(sensitive ? { sensitive } : {}),
    },
    confidence: type.confidence === 'doubtful' || drafted === 'decimal' ? 'doubtful' : role.confidence,
    why: whys.filter((why) => why !== '').join('; '),
  };
}

function typeOf({ kinds, items, properties }: Shape): Guessed<ArgumentType> {
  const only = [...kinds].filter((kind) => kind !== 'integer' || !kinds.has('number'));
  const [kind] = only;
  if (kind === undefined)
    return properties.size > 0
      ? doubtful('object', 'its schema names no type')
      : doubtful('string', 'its schema names no type: only text is taken');
  if (only.length > 1) return mixed(kinds);
  if (kind === 'array') return listType(items);
  return likely(kind, '');
}

/** No type takes two kinds: the one that is left out is refused. */
function mixed(kinds: ReadonlySet<Kind>): Guessed<ArgumentType> {
  const names = [...kinds].join(' or ');
  const type = kinds.has('array') ? 'string_list' : kinds.has('string') ? 'string' : 'object';
  return doubtful(type, `its schema takes ${names}: all but \`${type}\` is refused`);
}

function listType(items: Shape | undefined): Guessed<ArgumentType> {
  if (items === undefined || items.kinds.size === 0)
    return doubtful('string_list', 'its schema says nothing of the items: only texts are taken');
  if (items.kinds.size === 1 && items.kinds.has('string'))
    return items.nullable
      ? doubtful('string_list', 'items that are null are refused')
      : likely('string_list', '');
  return doubtful(
    'object',
    `no type takes a list of ${[...items.kinds].join(' or ')}: asks with it are refused`,
  );
}

function roleOf(known: Known, type: ArgumentType): Guessed<ArgumentRole> {
  const { shape, meaning, actionClass } = known;
  if (type === 'boolean') return likely('plain', 'yes or no');
  const role = meaning === undefined ? undefined : roleFor(meaning.value, actionClass);
  // Whoever picks from a list that the tool wrote brings no value of his own.
  if ((meaning === undefined || meaning.value === 'plain') && choices(shape) !== undefined)
    return likely('plain', 'one of a few choices');
  if (type === 'object') return ofMembers(known, role);
  if (meaning === undefined || role === undefined) return unnamed(type, actionClass);
  if (role === 'amount' && type === 'string_list') return { ...meaning, value: 'destination' };
  const why =
    role === 'destination'
      ? `${meaning.why}: ${REASONS[meaning.value] ?? 'it leads somewhere'}`
      : meaning.why;
  return { ...meaning, value: role, why };
}

/** Why a destination is one. */
const REASONS: Readonly<Partial<Record<Meaning, string>>> = {
  thing: 'which one it is decides',
  secret: 'who has it gets in',
  code: 'it is what runs',
};

function roleFor(meaning: Meaning, actionClass: ActionClass): ArgumentRole {
  const reading = isRead(actionClass);
  switch (meaning) {
    case 'net':
    case 'code':
      return 'destination';
    case 'party':
    case 'place':
    case 'path':
      return reading ? 'resource_id' : 'destination';
    case 'holder':
      return reading || actionClass === 'write' ? 'resource_id' : 'destination';
    // Which thing is destroyed, or run, must be somebody's word, as where money goes.
    case 'thing':
      return actionClass === 'destructive' || actionClass === 'code' ? 'destination' : 'resource_id';
    case 'secret':
      return reading ? 'plain' : 'destination';
    case 'amount':
      return reading ? 'plain' : 'amount';
    case 'content':
    case 'plain':
      return meaning;
    default:
      return meaning satisfies never;
  }
}

/** A tree is as weighty as what is in it. */
function ofMembers(known: Known, role: ArgumentRole | undefined): Guessed<ArgumentRole> {
  const { shape, actionClass, meaning } = known;
  const inside = [...membersOf(shape, 4)];
  if (isRead(actionClass) && role !== 'destination') return doubtful('plain', 'a tree that only reads');
  for (const [name, member] of inside) {
    const about = meaningOf(name, member);
    const weight = about === undefined ? undefined : roleFor(about.value, actionClass);
    if (weight === 'destination' || weight === 'amount')
      return doubtful('destination', `\`${name.slice(0, 64)}\` in it weighs`);
  }
  if (inside.length > 0 && !shape.anyNames)
    return doubtful(role === 'destination' ? role : 'content', 'nothing in it weighs');
  return doubtful(
    'destination',
    meaning === undefined ? 'nothing is said of what is in it' : `${meaning.why}; what is in it is not said`,
  );
}

function* membersOf(shape: Shape, depth: number): Generator<readonly [string, Shape]> {
  if (depth === 0) return;
  for (const [name, member] of shape.properties) {
    yield [name, member];
    yield* membersOf(member, depth - 1);
  }
  if (shape.items !== undefined) yield* membersOf(shape.items, depth - 1);
}

/** Nothing says what it is: where the action acts, it may be what decides. */
function unnamed(type: ArgumentType, actionClass: ActionClass): Guessed<ArgumentRole> {
  const why = 'no word says what it is';
  if (isRead(actionClass)) return doubtful('plain', why);
  if (type !== 'integer' && type !== 'number') return doubtful('destination', why);
  return doubtful(actionClass === 'write' ? 'plain' : 'amount', why);
}

function choices(shape: Shape): readonly JsonValue[] | undefined {
  return shape.choices ?? shape.items?.choices;
}

/** Undefined: the catalog's own bound, 1024, will do. */
function lengthOf(type: ArgumentType, shape: Shape, meaning: Meaning | undefined): number | undefined {
  if (type === 'object') return LONG;
  if (type !== 'string' && type !== 'string_list') return undefined;
  const told = shape.maxLength ?? shape.items?.maxLength;
  const chosen = choices(shape)?.map((choice) => (typeof choice === 'string' ? choice.length : 0));
  const length =
    told ?? (chosen === undefined ? undefined : Math.max(...chosen)) ?? (meaning && LENGTHS[meaning]);
  return length === undefined ? undefined : Math.min(Math.max(length, 1), LONGEST);
}
