import type { Action } from '../model/catalog.ts';
import type { JsonValue } from '../model/json.ts';
import type { Argued } from '../model/session.ts';
import { foldText } from '../model/text.ts';
import { amountForms, formOf, textForm } from './forms.ts';
import type { Hasher } from './hasher.ts';
import { takeSpellings } from './spellings.ts';
import { wordsOf } from './words.ts';

/** Hashes taken of one ask; one with more of them counts as one that could have said anything. */
const MAX_HASHES = 256;
/** Of a longer text only the telling parts are taken: numbers, ids, addresses. */
const SHORT_WORDS = 8;
const TELLING = /[0-9@]|:\/\//;
/** Nothing to take apart. */
const PLAIN = /^[A-Za-z0-9]+$/;
/** As most ids are: its parts are seen at a glance. Too short for an IBAN. */
const ID = /^([A-Za-z][A-Za-z0-9]{0,6})-([A-Za-z0-9]{1,6})$/;

/**
 * Every scalar argument, the resource's id and its scalar properties, as far as nobody has vouched for them: whole, and
 * the parts that a tool could give back by themselves. What is vouched for as a whole is not taken apart, which spares
 * most asks most of the work (45 of 225 µs of a payment's walk).
 */
export function harvestArguments(
  { values, resource }: Action,
  hasher: Hasher,
  isVouched: (hash: string) => boolean,
): Argued {
  const hashes = new Set<string>();
  const note = (form: string): boolean => {
    const hash = hasher(form);
    if (!isVouched(hash)) hashes.add(hash);
    return hashes.size <= MAX_HASHES;
  };
  const take = (value: JsonValue): boolean => {
    const form = formOf(value);
    const hash = form === undefined ? undefined : hasher(form);
    if (hash === undefined || hashes.has(hash) || isVouched(hash)) return true;
    hashes.add(hash);
    return typeof value !== 'string' || isNumber(form) || PLAIN.test(value) || takeParts(value, note);
  };
  let complete = take(resource.id);
  for (const value of Object.values(resource.properties)) complete = take(value) && complete;
  for (const { value } of values) complete = take(value) && complete;
  return { hashes: [...hashes], complete: complete && hashes.size <= MAX_HASHES };
}

/** Half of a number is another number. */
function isNumber(form: string | undefined): boolean {
  return form?.startsWith('n:') === true;
}

/** False where a part may be missing. */
function takeParts(value: string, note: (form: string) => boolean): boolean {
  const [, head, tail] = ID.exec(value) ?? [];
  if (head !== undefined && tail !== undefined)
    return [head, tail].every((part) => formsOfWord(part.toLowerCase()).every(note));
  const folded = foldText(value);
  const short = wordsOf(folded).length <= SHORT_WORDS;
  return takeSpellings({ text: value, folded }, (form) => (!short && !TELLING.test(form)) || note(form));
}

function formsOfWord(word: string): readonly string[] {
  return [textForm(word), ...amountForms(word)];
}
