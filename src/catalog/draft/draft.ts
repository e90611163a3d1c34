/** A catalog entry for each tool of a list, guessed from its words: for a person to read, never for a server. */
import type { Writer } from '../../model/catalog.ts';
import { isActionName } from '../../model/pattern.ts';
import { ARGUMENT_NAME } from '../parse.ts';
import { type DraftedArgument, draftArgument } from './argument.ts';
import { guessClass } from './class.ts';
import type { Confidence, Guessed } from './guess.ts';
import { meaningOf } from './meaning.ts';
import type { Meaning } from './meanings.ts';
import { draftOutput } from './output.ts';
import type { Tool } from './read-tools.ts';
import { isRead } from './verbs.ts';
import { findWord, ownWordsOf, type Table, tableOf } from './words.ts';

/** One entry of the catalog file, with the reasons of what was guessed by their paths in it. */
export interface DraftedEntry {
  readonly class: string;
  readonly arguments: Readonly<Record<string, DraftedArgument>>;
  readonly identity: readonly string[];
  readonly output: { readonly default: Writer; readonly fields: Readonly<Record<string, Writer>> };
  readonly guess: Readonly<Record<string, string>>;
}

/** One guess, for whoever reviews. */
export interface Mark {
  readonly action: string;
  /** Within the entry: `class`, `arguments.to`, `output.fields.id`. */
  readonly path: string;
  readonly value: string;
  readonly confidence: Confidence;
  readonly why: string;
}

export interface Draft {
  readonly actions: ReadonlyMap<string, DraftedEntry>;
  readonly marks: readonly Mark[];
  /** Tools that no entry can stand for: without one they are of class `code`, and every argument weighs. */
  readonly leftOut: readonly { readonly action: string; readonly why: string }[];
}

/** More arguments than any one entry is given. */
const MAX_ARGUMENTS = 256;
/** In a tool's name: what it returns was written by anybody. */
const OUTSIDE: Table<'outside'> = tableOf({
  outside: 'web webpage website internet url http browser scrape crawl rss feed news site',
});

/** Drafts an entry for each tool, in the order of the list. What cannot be an entry is left out, and said. */
export function draftEntries(tools: readonly Tool[]): Draft {
  const actions = new Map<string, DraftedEntry>();
  const marks: Mark[] = [];
  const leftOut: { action: string; why: string }[] = [];
  for (const tool of tools) {
    const why = unfit(tool);
    if (why !== undefined) {
      leftOut.push({ action: tool.name, why });
      continue;
    }
    const { entry, guesses } = draftEntry(tool);
    actions.set(tool.name, entry);
    marks.push(...guesses.map((guess) => ({ action: tool.name, ...guess })));
  }
  return { actions, marks, leftOut };
}

function unfit({ name, input }: Tool): string | undefined {
  if (!isActionName(name)) return 'is not an action name';
  if (input.properties.size === 0 && input.anyNames) return 'takes arguments of any name';
  if (input.properties.size > MAX_ARGUMENTS) return `takes more than ${MAX_ARGUMENTS} arguments`;
  const odd = [...input.properties.keys()].find((argument) => !ARGUMENT_NAME.test(argument));
  return odd === undefined ? undefined : `has an argument that cannot be named: \`${odd.slice(0, 64)}\``;
}

type Guess = Omit<Mark, 'action'>;

function draftEntry(tool: Tool): { readonly entry: DraftedEntry; readonly guesses: readonly Guess[] } {
  const { properties, required } = tool.input;
  const meanings = new Map([...properties].map(([name, shape]) => [name, meaningOf(name, shape)] as const));
  const actionClass = guessClass(tool, meanings);
  const guesses: Guess[] = [mark('class', actionClass, actionClass.value)];
  const args: Record<string, DraftedArgument> = {};
  for (const [name, shape] of properties) {
    const known = { name, shape, meaning: meanings.get(name), actionClass: actionClass.value };
    const drafted = draftArgument(known, required.has(name));
    args[name] = drafted.value;
    // That a yes or no leads nowhere is no guess.
    if (drafted.value.type !== 'boolean' || drafted.confidence === 'doubtful')
      guesses.push(mark(`arguments.${name}`, drafted, `${drafted.value.type} ${drafted.value.role}`));
  }
  if (!isRead(actionClass.value) && Object.values(args).some(({ role }) => role === 'amount'))
    guesses.push({ path: 'identity', value: 'all arguments', confidence: 'doubtful', why: SAME_ACT });
  const output = draftOutput(tool.output, fromOutside(tool, meanings));
  guesses.push(mark('output', output.default, output.default.value));
  for (const [path, writer] of output.fields)
    guesses.push(mark(`output.fields.${path}`, writer, writer.value));
  return { entry: { ...entryOf(actionClass.value, args, output), guess: told(guesses) }, guesses };
}

const SAME_ACT = 'a change of any argument makes another act: name those that tell two payments apart';

function entryOf(
  actionClass: string,
  args: DraftedEntry['arguments'],
  output: ReturnType<typeof draftOutput>,
): Omit<DraftedEntry, 'guess'> {
  const fields = Object.fromEntries([...output.fields].map(([path, writer]) => [path, writer.value]));
  return {
    class: actionClass,
    arguments: args,
    identity: [],
    output: { default: output.default.value, fields },
  };
}

function mark(path: string, { confidence, why }: Guessed<unknown>, value: string): Guess {
  return { path, value, confidence, why };
}

function told(guesses: readonly Guess[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    guesses.map(({ path, confidence, why }) => [path, `${confidence}: ${why}`.slice(0, 300)]),
  );
}

function fromOutside(tool: Tool, meanings: ReadonlyMap<string, Guessed<Meaning> | undefined>): boolean {
  if (tool.hints.openWorld === true) return true;
  if (ownWordsOf(tool.name).some((word) => findWord(word, OUTSIDE) !== undefined)) return true;
  return [...meanings.values()].some((meaning) => meaning?.value === 'net');
}
