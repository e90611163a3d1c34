import { doubtful, type Guessed, likely } from './guess.ts';
import { FORMATS, MEANINGS, type Meaning, NO_SECRET, POINTERS, SECRET_KEYS, VAGUE } from './meanings.ts';
import type { Shape } from './shape.ts';
import { findWord, subjectOf, wordsOf } from './words.ts';

/** Who takes one of these for a mere text, or a mere thing, lets it lead somewhere unseen. */
const LEADING: ReadonlySet<Meaning> = new Set<Meaning>(['party', 'net', 'place', 'path', 'secret', 'code']);
/** Prepositions and the like: a description that says more is believed. */
const WEAK: ReadonlySet<string> = new Set(['to', 'from', 'target', 'code', 'state']);

/** What an argument is about, by format, name and description; undefined where none of them says it. */
export function meaningOf(name: string, shape: Shape): Guessed<Meaning> | undefined {
  const format = shape.format || (shape.items?.format ?? '');
  const formatted = FORMATS.get(format);
  if (formatted !== undefined) return likely(formatted, `format \`${format}\``);
  const words = wordsOf(name);
  const named = ofName(words);
  const described = ofDescription(shape.description || (shape.items?.description ?? ''));
  if (named === undefined) return described ?? ofAnyWord(words);
  const [only] = words;
  const weak = words.length === 1 && only !== undefined && WEAK.has(only);
  if (described !== undefined && (weak || (LEADING.has(described.value) && !LEADING.has(named.value))))
    return described;
  return named;
}

/** The head of an English compound stands last: `message_url` is a url. */
function ofName(words: readonly string[]): Guessed<Meaning> | undefined {
  const head = words.at(-1);
  if (head === undefined) return undefined;
  const before = words.at(-2);
  if (before !== undefined && findWord(head, VAGUE) !== undefined) return ofName(words.slice(0, -1));
  const meaning = findWord(head, MEANINGS);
  if (before === undefined) return meaning && likely(meaning, said(head));
  if ((meaning === 'secret' || head === 'key') && findWord(before, NO_SECRET) !== undefined)
    return likely('plain', said(`${before} ${head}`));
  const pointer = findWord(head, POINTERS);
  if (
    pointer !== undefined &&
    findWord(before, SECRET_KEYS) !== undefined &&
    (head === 'key' || head === 'number')
  )
    return likely('secret', said(`${before} ${head}`));
  return pointer === undefined ? meaning && likely(meaning, said(head)) : pointedAt(before, head, pointer);
}

/** `channel_id` and `account_number` lead where channel and account lead; `email_id` is the id of an e-mail. */
function pointedAt(before: string, head: string, pointer: 'which' | 'called'): Guessed<Meaning> {
  const base = findWord(before, MEANINGS);
  const both = said(`${before} ${head}`);
  if (head === 'address') return likely(base === 'net' ? 'net' : 'party', both);
  if (base === 'party' && !/^e?mails?$/.test(before)) return likely('party', both);
  if (base === 'path' || base === 'holder' || base === 'place') return likely(base, both);
  if (pointer === 'called' && (base === 'net' || base === 'plain')) return likely(base, both);
  return likely('thing', both);
}

function ofDescription(description: string): Guessed<Meaning> | undefined {
  const subject = subjectOf(description);
  const meaning = subject === undefined ? undefined : findWord(subject, MEANINGS);
  return meaning && doubtful(meaning, `\`${subject?.slice(0, 32)}\` in its description`);
}

/** A name that says nothing by its head may still hold a word that leads somewhere. */
function ofAnyWord(words: readonly string[]): Guessed<Meaning> | undefined {
  for (const word of words) {
    const meaning = findWord(word, MEANINGS);
    if (meaning !== undefined && LEADING.has(meaning)) return doubtful(meaning, said(word));
  }
  const [only = ''] = words;
  return findWord(only, VAGUE) && words.length === 1 ? doubtful('content', said(only)) : undefined;
}

function said(words: string): string {
  return `\`${words.slice(0, 64)}\` in its name`;
}
