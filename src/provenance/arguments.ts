import type { Action } from '../model/catalog.ts';
import type { JsonValue } from '../model/json.ts';
import type { Argued } from '../model/session.ts';
import { foldText } from '../model/text.ts';
import { amountForms, formOf, gluedAmounts, respelledForms, textForm } from './forms.ts';
import type { Hasher } from './hasher.ts';
import { takeSpellings } from './spellings.ts';
import { takeWords, wordsOf } from './words.ts';

/** Hashes taken of one ask; one with more of them counts as one that could have said anything. */
const MAX_HASHES = 256;
/** Of a longer text only the telling parts are taken: numbers, ids, addresses. */
const SHORT_WORDS = 8;
const TELLING = /[0-9@]|:\/\//;
/** Nothing to take apart: letters, or digits without zeros before them. */
const PLAIN = /^(?:[A-Za-z]+|[1-9][0-9]*)$/;
/** As most ids are: its parts are seen at a glance. Too short for an IBAN. */
const ID = /^([A-Za-z][A-Za-z0-9]{0,6})-([A-Za-z0-9]{1,6})$/;

/**
 * Every value in the arguments and the resource, names of members inside them included, as far as nobody has vouched
 * for it: all that a record would be believed for if it repeated one of them, and the parts that a tool could give
 * back by themselves. What is vouched for as a whole is not taken apart further, which spares most asks most of the
 * work (45 of 225 µs of a payment's walk).
 */
export function harvestArguments(
  { args, known: catalogued, resource }: Action,
  hasher: Hasher,
  isVouched: (hash: string) => boolean,
): Omit<Argued, 'open'> {
  const hashes = new Set<string>();
  const note = (form: string): boolean => {
    const hash = hasher(form);
    if (!isVouched(hash)) hashes.add(hash);
    return hashes.size <= MAX_HASHES;
  };
  const take = (value: JsonValue): boolean => {
    if (typeof value === 'object' && value !== null) {
      if (Array.isArray(value)) return value.every(take);
      return Object.entries(value).every(([name, member]) => take(name) && take(member));
    }
    const whole = formOf(value);
    if (whole === undefined) return true;
    const known = isVouched(hasher(whole));
    if (!note(whole)) return false;
    return typeof value !== 'string' || takeText(value, note, known);
  };
  // The names of the arguments themselves are the catalog's, where it has them.
  const asked = catalogued ? Object.values(args) : [args];
  const complete = [resource.type, resource.id, resource.properties, ...asked].every(take);
  return { hashes: [...hashes], complete };
}

type Note = (form: string) => boolean;

/** False where a part may be missing. */
function takeText(text: string, note: Note, known: boolean): boolean {
  const folded = foldText(text);
  const words = wordsOf(folded);
  let complete = true;
  // By the very rules by which a record is believed: a known whole may have readings that nobody knows.
  const looked = takeWords(words, (form, telling) => {
    if (telling) complete = note(form) && complete;
  });
  if (!looked || !complete) return false;
  if (known || PLAIN.test(text)) return true;
  const [, head, tail] = ID.exec(folded) ?? [];
  if (head !== undefined && tail !== undefined) return [head, tail].flatMap(formsOfWord).every(note);
  const short = words.length <= SHORT_WORDS;
  return takeSpellings({ text, folded }, (form) => (!short && !TELLING.test(form)) || note(form));
}

function formsOfWord(word: string): readonly string[] {
  return [textForm(word), ...amountForms(word), ...respelledForms(word), ...gluedAmounts(word)];
}
