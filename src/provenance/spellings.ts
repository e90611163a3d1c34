import { foldText, isAscii } from '../model/text.ts';
import { readEscapes, readTags } from './escapes.ts';
import { amountForms, gluedAmounts, isNumberlike, pieceForms, respelledForms, textForm } from './forms.ts';
import { groupForms } from './groups.ts';
import { ibansIn } from './iban.ts';
import {
  areFew,
  hideSingles,
  INNER_LEVEL,
  isSingle,
  LAST_LEVEL,
  levelsIn,
  partsIn,
  runsIn,
  singlesIn,
  splitAt,
} from './marks.ts';
import { urlForms } from './urls.ts';
import { MAX_WORDS, takeSure, trimEdges, wordsOf } from './words.ts';

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
/** A record's words are parted at these, and the others may be the beginning of an escape. */
const VOUCHED = /["'`“”‘’«»()[\]{}<>:;=|#,%\\&]/;

/**
 * Notes every value that stands in somebody else's text, in any spelling that people or programs commonly give it: it
 * takes apart at every mark, whatever the parts are. Too much noted here only makes more unknown, so this is never for
 * text whose values are to be vouched for. All that `takeWords` finds in the same text is among it: or else a record
 * would be believed for what somebody else has said before. Linear in the text, which comes as it is and folded. False
 * when a bound kept it from noting all.
 */
export function takeSpellings(written: Written, note: Note): boolean {
  const shown = readTags(written.text).map((text) => ({ text, folded: foldText(text) }));
  return (
    note(textForm(written.folded)) && [written, ...shown].every((read) => takeText(read, note, MAX_ESCAPED))
  );
}

/** @param escaped how often escapes are still read */
function takeText({ text, folded }: Written, note: Note, escaped: number): boolean {
  if (!ibansIn(folded).every((iban) => note(`s:${iban}`)) || !groupForms(folded).every(note)) return false;
  const words = wordsOf(folded);
  for (const word of new Set(words))
    if (!takeVouched(word, note) || !takeEscaped(word, note, escaped)) return false;
  return words.length <= MAX_WORDS && (isAscii(text) || takeApart(text, note, escaped));
}

/** What a record or the user would vouch for with this word; IBANs of several words are found without it. */
function takeVouched(word: string, note: Note): boolean {
  const whole = trimEdges(word);
  // Of any other word it is what is noted of it anyway.
  if (!VOUCHED.test(whole)) return true;
  let noted = true;
  takeSure(whole, (form) => {
    noted = note(form) && noted;
  });
  return noted;
}

function takeEscaped(word: string, note: Note, escaped: number): boolean {
  const readings = escaped > 0 ? readEscapes(word) : [];
  if (readings.length === 0) return takeWord(word, 0, note);
  return (
    readings
      .flatMap((read) => [read, ...readTags(read)])
      .every((read) => takeText({ text: read, folded: foldText(read) }, note, escaped - 1)) &&
    // As it stands too, since `a\n-7` may be an `n-7` in a folder; but not what is left of plain words.
    takeWord(word, 0, (form) => !/[0-9@]/.test(form) || note(form))
  );
}

/** A word and its parts, split at marks of a level and those after it. */
function takeWord(word: string, level: number, note: Note): boolean {
  if (LETTERS.test(word)) return note(`s:${word}`);
  const whole = trimEdges(word);
  if (whole === '') return true;
  const amounts = amountForms(whole);
  if (!note(textForm(whole)) || !amounts.every(note) || !respelledForms(whole).every(note)) return false;
  const levels = levelsIn(whole);
  if (levels === 0) return amounts.length > 0 || gluedAmounts(whole).every(note);
  const bare = trimEdges(whole, ALL_EDGES);
  if (bare !== whole) return takeWord(bare, level, note);
  // Half of a number is another number, but for the long ones of a list or a range.
  if (amounts.length > 0 || isNumberlike(whole)) return pieceForms(whole).every(note);
  if (isSingle(whole)) return true;
  if (!urlForms(whole).every(note) || !singlesIn(whole).every((single) => note(`s:${single}`))) return false;
  for (let at = level; at <= LAST_LEVEL; at += 1) {
    if (at === INNER_LEVEL && level <= INNER_LEVEL) return takeRuns(whole, levels, note);
    const parts = (levels & (1 << at)) === 0 ? [] : splitAt(whole, at);
    if (parts.length > 1) return takeParts(parts, at + 1, note);
  }
  return true;
}

function takeParts(parts: readonly string[], level: number, note: Note): boolean {
  return once(parts).every((part) => takeWord(part, level, note));
}

function once(found: readonly string[]): readonly string[] {
  return found.length < MANY ? found : [...new Set(found)];
}

/** A word whose marks may all stand in values: every run of its parts, and of many parts also what levels lay bare. */
function takeRuns(word: string, levels: number, note: Note): boolean {
  const hidden = hideSingles(word);
  const parts = partsIn(hidden);
  const few = parts.length > 1 && areFew(parts, word);
  for (const { start, end, digits } of parts) {
    if (digits && !takeDigits(hidden.slice(start, end), note)) return false;
    if (few && !takeWord(word.slice(start, end), LAST_LEVEL, note)) return false;
  }
  if (!once(runsIn(word, parts)).every((run) => note(textForm(run)))) return false;
  if (few) return true;
  for (let at = INNER_LEVEL; at <= LAST_LEVEL; at += 1) {
    const split = (levels & (1 << at)) === 0 ? [] : splitAt(word, at);
    if (split.length > 1) return takeParts(split, at + 1, note);
  }
  return true;
}

/** A part with digits: its numbers, and what stands between its points where it is no number. */
function takeDigits(part: string, note: Note): boolean {
  const pieces = part.includes('.') && !isNumberlike(part) ? part.split('.') : [];
  return gluedAmounts(part).every(note) && pieces.every((piece) => piece === '' || note(textForm(piece)));
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
