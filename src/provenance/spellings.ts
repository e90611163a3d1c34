import { foldText, isAscii } from '../model/text.ts';
import { readEscapes } from './escapes.ts';
import { amountForms, groupForms, isNumberlike, pieceForms, textForm } from './forms.ts';
import { ibansIn } from './iban.ts';
import { DASH_LEVEL, LAST_LEVEL, levelsIn, splitAt } from './marks.ts';
import { urlForms } from './urls.ts';
import { MAX_WORDS, trimEdges, wordsOf } from './words.ts';

/** Notes a form; false when there is no room for it. */
type Note = (form: string) => boolean;

interface Written {
  readonly text: string;
  readonly folded: string;
}

/** A URL in a query of a URL is escaped twice. */
const MAX_ESCAPED = 2;
/** Parts of one word, of which many are then the same. */
const MANY = 16;
const ALL_EDGES = new Set('"\'`“”‘’«»()[]{}<>,;:!?.*_~|= -/\\+&%@$^#');
const LETTERS = /^[a-z]+$/;
/** Its pieces are no values of their own, and outputs are full of them. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Notes every value that stands in somebody else's text, in any spelling that people or programs commonly give it: it
 * takes apart at every mark, whatever the parts are. Too much noted here only makes more unknown, so this is never for
 * text whose values are to be vouched for. Linear in the text, which comes as it is and folded. False when a bound
 * kept it from noting all.
 */
export function takeSpellings(written: Written, note: Note): boolean {
  return takeText(written, note, MAX_ESCAPED);
}

/** @param escaped how often escapes are still read */
function takeText({ text, folded }: Written, note: Note, escaped: number): boolean {
  if (!ibansIn(folded).every((iban) => note(`s:${iban}`)) || !groupForms(folded).every(note)) return false;
  const words = wordsOf(folded);
  for (const word of new Set(words)) if (!takeEscaped(word, note, escaped)) return false;
  return words.length <= MAX_WORDS && (isAscii(text) || takeApart(text, note, escaped));
}

function takeEscaped(word: string, note: Note, escaped: number): boolean {
  const read = escaped > 0 ? readEscapes(word) : undefined;
  if (read === undefined) return takeWord(word, 0, note);
  // As it stands too, since `a\n-7` may be an `n-7` in a folder; but not what is left of plain words.
  return (
    takeText({ text: read, folded: foldText(read) }, note, escaped - 1) &&
    takeWord(word, 0, (form) => !/[0-9@]/.test(form) || note(form))
  );
}

/** A word and its parts, split at marks of a level and those after it. */
function takeWord(word: string, level: number, note: Note): boolean {
  if (LETTERS.test(word)) return note(`s:${word}`);
  const whole = trimEdges(word);
  if (whole === '') return true;
  const amounts = amountForms(whole);
  if (!note(textForm(whole)) || !amounts.every(note)) return false;
  const levels = levelsIn(whole);
  if (levels === 0) return true;
  const bare = trimEdges(whole, ALL_EDGES);
  if (bare !== whole) return takeWord(bare, level, note);
  // Half of a number is another number, but for the long ones of a list or a range.
  if (amounts.length > 0 || isNumberlike(whole)) return pieceForms(whole).every(note);
  if (UUID.test(whole)) return true;
  if (!urlForms(whole).every(note)) return false;
  for (let at = level; at <= LAST_LEVEL; at += 1) {
    const parts = (levels & (1 << at)) === 0 ? [] : splitAt(whole, at);
    if (parts.length > 1)
      return (
        (parts.length < MANY ? parts : [...new Set(parts)]).every((part) => takeWord(part, at + 1, note)) &&
        (at !== DASH_LEVEL || parts.length < 3 || takeDashed(whole, note))
      );
  }
  return true;
}

/** An id with a dash that a dash joins to a word before or behind it. */
function takeDashed(word: string, note: Note): boolean {
  return (
    note(textForm(word.slice(word.indexOf('-') + 1))) && note(textForm(word.slice(0, word.lastIndexOf('-'))))
  );
}

/** Characters nobody sees, marks that are not ASCII, and where Latin letters or digits meet letters of another script. */
const SEAMS =
  /\p{Default_Ignorable_Code_Point}|[^!-~\p{L}\p{M}\p{N}’]|(?<=[\p{sc=Latin}\p{N}])(?=(?!\p{sc=Latin})\p{L})|(?<=(?!\p{sc=Latin})\p{L})(?=[\p{sc=Latin}\p{N}])/gu;

/** ASCII, and quotes that are taken apart as marks already. */
const SEAMLESS = /^[!-~“”‘’«»]*$/;

/** The words that the fold has glued together. */
function takeApart(text: string, note: Note, escaped: number): boolean {
  for (const word of new Set(text.split(/\s+/))) {
    if (SEAMLESS.test(word)) continue;
    const parts = wordsOf(foldText(word.normalize('NFKC').replace(SEAMS, ' ')));
    if (parts.length > MAX_WORDS || ![...new Set(parts)].every((part) => takeEscaped(part, note, escaped)))
      return false;
  }
  return true;
}
