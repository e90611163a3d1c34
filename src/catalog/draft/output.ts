import type { Writer } from '../../model/catalog.ts';
import { doubtful, type Guessed, likely } from './guess.ts';
import { MEANINGS, POINTERS } from './meanings.ts';
import type { Shape } from './shape.ts';
import { findWord, type Table, tableOf, wordsOf } from './words.ts';

export interface DraftedOutput {
  readonly default: Guessed<Writer>;
  readonly fields: ReadonlyMap<string, Guessed<Writer>>;
}

/** Nested as deeply as outputs are labelled. */
const MAX_DEPTH = 8;
/** Fields past these have the label of the whole. */
const MAX_FIELDS = 256;

/** Whose words a field's name stands for. */
const FIELDS: Table<'free_text' | 'counterparty' | 'system'> = tableOf({
  free_text: `body text content message subject description note comment title summary memo snippet html markdown bio
    caption reason remark instruction data payload raw output stdout stderr log transcript answer question label tag
    page webpage document attachment detail result value`,
  counterparty: `sender from author name username owner creator recipient to cc bcc payee payer beneficiary counterparty
    participant attendee user customer client vendor supplier merchant company organization email mail phone address
    url uri link website iban account handle filename path channel location street city avatar image photo reference ref`,
  system: `id uuid guid status state number date time timestamp datetime created updated modified deleted due count
    total version enabled active success ok`,
});

const DATES: ReadonlySet<string> = new Set(['date', 'time', 'date-time', 'duration']);

/** What the schema of an output tells of its fields' writers. `outside`: all of it is the words of others. */
export function draftOutput(output: Shape | undefined, outside: boolean): DraftedOutput {
  if (outside) return { default: likely('free_text', 'it comes from outside'), fields: new Map() };
  if (output === undefined)
    return { default: doubtful('free_text', 'its tool says nothing of its output'), fields: new Map() };
  const fields = new Map<string, Guessed<Writer>>();
  for (const [path, name, shape] of leavesOf(output, '', MAX_DEPTH)) {
    if (fields.size === MAX_FIELDS) break;
    fields.set(path, writerOf(name, shape));
  }
  return { default: likely('free_text', 'what has no label of its own'), fields };
}

function* leavesOf(shape: Shape, at: string, depth: number): Generator<readonly [string, string, Shape]> {
  if (depth === 0) return;
  for (const [name, member] of shape.properties) {
    // A dot in a name would make a path of it.
    if (name === '' || name.includes('.')) continue;
    const path = at === '' ? name : `${at}.${name}`;
    const inner = innermost(member);
    if (inner.properties.size > 0) yield* leavesOf(inner, path, depth - 1);
    else if (!inner.kinds.has('object')) yield [path, name, inner];
  }
  if (shape.items !== undefined) yield* leavesOf(innermost(shape.items), at, depth - 1);
}

/** Indices are no part of a path. */
function innermost(shape: Shape): Shape {
  return shape.items === undefined ? shape : innermost(shape.items);
}

function writerOf(name: string, shape: Shape): Guessed<Writer> {
  const words = wordsOf(name);
  const head = words.at(-1) ?? '';
  const quoted = `\`${words.join(' ').slice(0, 64)}\``;
  const named = findWord(head, FIELDS);
  const amount = findWord(head, MEANINGS) === 'amount';
  if (shape.choices !== undefined || onlyOf(shape, 'boolean'))
    return likely('system', 'one of a few choices');
  // What others wrote stays theirs in whatever type it comes.
  if (ofOthers(words)) return likely('counterparty', `${quoted} is somebody's`);
  if (onlyOf(shape, 'number', 'integer'))
    // An invoice's total is as good as whoever wrote the invoice.
    return amount || named === 'counterparty'
      ? doubtful('counterparty', `${quoted} may be what somebody asks for`)
      : likely('system', 'a number');
  if (DATES.has(shape.format) || shape.format === 'uuid')
    return likely('system', `format \`${shape.format}\``);
  if (named === 'system') return fromId(words, quoted);
  if (named !== undefined) return likely(named, quoted);
  return doubtful('free_text', 'no word says whose it is');
}

/** `id`, `invoice_id`, `created_at`; but an `external_id` is given by others. */
function fromId(words: readonly string[], quoted: string): Guessed<Writer> {
  const foreign = words.some((word) =>
    /^(?:external|foreign|client|customer|vendor|remote|their|custom)$/.test(word),
  );
  return foreign ? doubtful('counterparty', `${quoted} may be given by others`) : likely('system', quoted);
}

/** `account_number`, `sender_name`: which one of somebody's. Their ids are ours. */
function ofOthers(words: readonly string[]): boolean {
  const head = words.at(-1) ?? '';
  const before = words.at(-2);
  if (before === undefined || findWord(head, POINTERS) === undefined || /^(?:ids?|uuid|guid)$/.test(head))
    return false;
  return findWord(before, FIELDS) === 'counterparty';
}

function onlyOf({ kinds }: Shape, ...wanted: readonly string[]): boolean {
  return kinds.size > 0 && [...kinds].every((kind) => wanted.includes(kind));
}
