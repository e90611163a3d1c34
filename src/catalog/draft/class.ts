import type { ActionClass } from '../../model/catalog.ts';
import { doubtful, type Guessed, likely } from './guess.ts';
import type { Meaning } from './meanings.ts';
import type { Hints, Tool } from './read-tools.ts';
import type { Shape } from './shape.ts';
import { spokenIn } from './spoken.ts';
import {
  ALSO_THINGS,
  isRead,
  isStricter,
  MAKING,
  PERSONAL,
  PERSONAL_TEXT,
  REACHING,
  VERBS,
} from './verbs.ts';
import { findWord, ownWordsOf, wordsOf } from './words.ts';

type Evidence = Guessed<ActionClass>;

/**
 * Guesses an action's class. All that name, description and arguments say is gathered, and the strictest counts;
 * where nothing says what the tool does, it is `code`. What the tool's server hints can only tighten.
 * @param meanings of the arguments, by name
 */
export function guessClass(
  tool: Tool,
  meanings: ReadonlyMap<string, Guessed<Meaning> | undefined>,
): Evidence {
  const words = ownWordsOf(tool.name);
  const named = ofName(words);
  const spoken = spokenIn(tool.description);
  const [first] = named.length > 0 ? confirmed(named, spoken) : spoken;
  if (first === undefined) return doubtful('code', 'no word says what it does');
  const said = strictest(first, [
    ...[...named, ...spoken, ...ofThings(words)],
    ...[...ofArguments(meanings), ...ofChoices(tool.input)],
  ]);
  const told = withPeople(said, tool, words);
  return hinted(told, tool.hints);
}

/** A verb that may be a thing is surer where the description begins with one of its kind. */
function confirmed(named: readonly Evidence[], [spoken]: readonly Evidence[]): readonly Evidence[] {
  return named.map((each) => (each.value === spoken?.value ? { ...each, confidence: 'likely' } : each));
}

function strictest(first: Evidence, all: readonly Evidence[]): Evidence {
  return all.reduce((most, each) => (isStricter(each.value, most.value) ? each : most), first);
}

function ofName(words: readonly string[]): readonly Evidence[] {
  const verbs = words.map((word) => VERBS.get(word));
  const sure = (index: number): boolean => verbs[index] !== undefined && !ALSO_THINGS.has(words[index] ?? '');
  const last = words.length - 1;
  const lead = leadOf(verbs, sure);
  if (lead === undefined) return [];
  const found: Evidence[] = [];
  words.forEach((word, index) => {
    const verb = verbs[index];
    if (verb === undefined) return;
    const why = `\`${word}\` in its name`;
    if (index === lead) found.unshift(sure(index) ? likely(verb, why) : doubtful(verb, why));
    else if (/^(?:and|or|then)$/.test(words[index - 1] ?? '')) found.push(likely(verb, why));
    // `get_delete_status` most likely deletes nothing; `share_update_link` may share.
    else if (sure(index) && (index === lead + 1 || (index < lead && lead !== last)))
      found.push(doubtful(verb, why));
    else if (index < lead && lead !== last) found.push(doubtful(verb, why));
  });
  return found;
}

/** `get_message`, `message_get`, `github-create-issue`, and `message` alone. */
function leadOf(verbs: readonly unknown[], sure: (index: number) => boolean): number | undefined {
  const last = verbs.length - 1;
  if (sure(0)) return 0;
  if (verbs[0] !== undefined) return sure(last) ? last : 0;
  const inside = verbs.findIndex((_, index) => sure(index));
  if (inside >= 0) return inside;
  const any = verbs.findLastIndex((verb) => verb !== undefined);
  return any >= 0 ? any : undefined;
}

const REASONS = {
  money: 'moves money',
  message: 'reaches people',
  credential: 'lets somebody in',
  person: 'lets somebody in',
};

function ofThings(words: readonly string[]): readonly Evidence[] {
  const making = words.some((word) => MAKING.has(word));
  const changing = words.some((word) => VERBS.get(word) === 'write' && !ALSO_THINGS.has(word)) || making;
  return words.flatMap((word) => {
    const thing = findWord(word, REACHING);
    if (thing === undefined || !(thing === 'credential' ? changing : making)) return [];
    if (
      thing === 'person' &&
      !words.some((verb) => /^(?:add|create|register|assign|approve|accept)$/.test(verb))
    )
      return [];
    if (thing === 'message' && words.includes('draft')) return [];
    return [likely<ActionClass>('external', `a change of \`${word}\` ${REASONS[thing]}`)];
  });
}

function ofArguments(meanings: ReadonlyMap<string, Guessed<Meaning> | undefined>): readonly Evidence[] {
  return [...meanings].flatMap(([name, meaning]): readonly Evidence[] => {
    if (meaning?.value === 'net')
      return [{ ...meaning, value: 'external', why: `\`${name}\` is an address on the network` }];
    if (meaning?.value === 'code') return [{ ...meaning, value: 'code', why: `\`${name}\` is what it runs` }];
    return [];
  });
}

/** `method: get | create | delete`: one tool for many acts is as strict as the strictest of them. */
function ofChoices({ properties }: Shape): readonly Evidence[] {
  return [...properties].flatMap(([name, { choices = [] }]) => {
    if (!/^(?:method|action|operation|op|command|mode|verb|act)$/.test(wordsOf(name).at(-1) ?? '')) return [];
    return choices.flatMap((choice) => {
      const words = typeof choice === 'string' ? wordsOf(choice) : [];
      return [...ofName(words), ...ofThings(words)].map((each) => ({
        ...each,
        why: `\`${words.join(' ').slice(0, 64)}\` is one of its \`${name.slice(0, 64)}\``,
      }));
    });
  });
}

function withPeople(said: Evidence, { description, output }: Tool, words: readonly string[]): Evidence {
  if (said.value !== 'read') return said;
  const name = words.find((word) => findWord(word, PERSONAL) !== undefined);
  if (name !== undefined)
    return { ...said, value: 'personal_read', why: `${said.why}, and \`${name}\` is about people` };
  const [sentence = ''] = description.split(/[.\n]/);
  const text = [...wordsOf(sentence), ...fieldWords(output, 4)].find(
    (word) => findWord(word, PERSONAL_TEXT) !== undefined,
  );
  return text === undefined
    ? said
    : doubtful('personal_read', `${said.why}, and \`${text.slice(0, 32)}\` is about people`);
}

function fieldWords(shape: Shape | undefined, depth: number): readonly string[] {
  if (shape === undefined || depth === 0) return [];
  const inside = [...shape.properties].flatMap(([name, field]) => [
    ...wordsOf(name),
    ...fieldWords(field, depth - 1),
  ]);
  return [...inside, ...fieldWords(shape.items, depth - 1)];
}

/** Hints are the tool's own server speaking of itself: no class is looser for them. */
function hinted(said: Evidence, { readOnly, destructive, openWorld }: Hints): Evidence {
  if (readOnly === false && isRead(said.value))
    return doubtful('write', 'its server says that it does not only read');
  if (destructive === true && said.value === 'write')
    return doubtful('destructive', 'its server says that it destroys');
  if (openWorld === true && said.value === 'write')
    return doubtful('external', 'its server says that it reaches out');
  return readOnly === true && !isRead(said.value)
    ? { ...said, why: `${said.why}, though its server calls it read-only` }
    : said;
}
