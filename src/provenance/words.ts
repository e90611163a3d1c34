import { amountForms, isNumberlike, textForm } from './forms.ts';
import { IBAN_START, isIban } from './iban.ts';

/** Takes a form; `telling` are known kinds (number, e-mail, URL, IBAN, id with a digit) as against plain words. */
export type Take = (form: string, telling: boolean) => void;

/** Words of a purpose that are put together to phrases. */
const MAX_PHRASED = 1024;
/** Words looked at in one text; what comes later is not seen. */
export const MAX_WORDS = 16_384;
/** Places where an IBAN written with blanks is tried: each costs a few checksums. */
const MAX_IBAN_TRIES = 256;

const EDGES = new Set(`"'\`“”‘’«»()[]{}<>,;:!?.*_~|= `);
const INSIDE = /["'`“”‘’«»()[\]{}<>;:=|#]/;
const SPLIT = /["'`“”‘’«»()[\]{}<>;:=|#]+/;

/** The words of a folded text, with their punctuation; one more than is looked at tells that there are more. */
export function wordsOf(folded: string): readonly string[] {
  return folded.split(' ', MAX_WORDS + 1);
}

/**
 * Hands over every value that stands in the words for sure: whole words, parts that nothing but punctuation makes
 * words, and known forms. For text whose values are to be vouched for: what it may also say is left to
 * `takeSpellings`. False when a bound kept it from looking at all of them.
 */
export function takeWords(words: readonly string[], take: Take): boolean {
  let tries = 0;
  for (let i = 0; i < Math.min(words.length, MAX_WORDS); i += 1) {
    const word = trimEdges(words[i] as string);
    if (word === '') continue;
    takeSure(word, take);
    if (!IBAN_START.test(word)) continue;
    if (tries < MAX_IBAN_TRIES) takeSpacedIban(words, i, take);
    tries += 1;
  }
  return words.length <= MAX_WORDS && tries <= MAX_IBAN_TRIES;
}

/** Runs of two to five words: names of several words are found only where they stand together. */
export function takePhrases(words: readonly string[], take: Take): void {
  for (let length = 2; length <= 5; length += 1) {
    for (let i = 0; i + length <= Math.min(words.length, MAX_PHRASED); i += 1)
      take(textForm(trimEdges(words.slice(i, i + length).join(' '))), true);
  }
}

/** By hand: a pattern that ends in `+$` takes quadratic time on a long run of dots. */
export function trimEdges(word: string, edges: ReadonlySet<string> = EDGES): string {
  if (!edges.has(word.charAt(0)) && !edges.has(word.charAt(word.length - 1))) return word;
  let start = 0;
  let end = word.length;
  while (start < end && edges.has(word.charAt(start))) start += 1;
  while (end > start && edges.has(word.charAt(end - 1))) end -= 1;
  return word.slice(start, end);
}

/** What stands in one word for sure, whose edges are trimmed. */
export function takeSure(word: string, take: Take): void {
  const amounts = amountForms(word);
  for (const form of amounts) take(form, true);
  take(textForm(word), isTelling(word));
  if (word.includes('://')) {
    takeUrl(word, take);
    return;
  }
  // Half of an amount is another amount, a piece of a date none: what reads as a number is never taken apart.
  if (amounts.length > 0 || isNumberlike(word)) return;
  if (INSIDE.test(word)) takeParts(word.split(SPLIT), word, take);
  else if (word.includes(',') && !/[0-9],[0-9]/.test(word)) takeParts(word.split(','), word, take);
}

function takeParts(parts: readonly string[], whole: string, take: Take): void {
  for (const part of parts) {
    const word = trimEdges(part);
    // Strictly shorter, so taking parts of parts comes to an end.
    if (word !== '' && word.length < whole.length) takeSure(word, take);
  }
}

/** A URL in `key=url` or `[words](url)` too, and its host. */
function takeUrl(word: string, take: Take): void {
  const mark = word.indexOf('://');
  let start = mark;
  while (start > 0 && /[a-z0-9+.-]/.test(word.charAt(start - 1))) start -= 1;
  const url = trimEdges(word.slice(start));
  if (start > 0) take(textForm(url), true);
  const host = /^[^/?#]*/.exec(word.slice(mark + 3))?.[0] ?? '';
  if (host !== '') take(textForm(trimEdges(host.slice(host.lastIndexOf('@') + 1))), true);
}

function takeSpacedIban(words: readonly string[], from: number, take: Take): void {
  let compact = '';
  for (let i = from; i < words.length && compact.length < 34; i += 1) {
    const word = words[i] as string;
    compact += trimEdges(word);
    if (i > from && isIban(compact)) take(`s:${compact}`, true);
  }
}

function isTelling(word: string): boolean {
  return word.includes('@') || word.includes('://') || /[0-9]/.test(word);
}
