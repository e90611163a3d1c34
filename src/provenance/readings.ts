import { amountForms, respelledForms, textForm } from './forms.ts';
import { amountInGroups, groupedDigits } from './groups.ts';
import { takeSpellings } from './spellings.ts';
import { trimEdges } from './words.ts';

/** Nothing that could be written in another way, but for amounts, which have one form. */
const PLAIN = /^(?:[a-z]*|[1-9][0-9]*|[a-z]{2}[0-9]{2}[a-z0-9]{11,30})$/;
const EDGES = new Set('@#+"\'`<>()[]{}.,;:!?');
/** Longer texts are not taken apart for what they name. */
const LONGEST = 256;
/** Digits of a number that names something by itself, wherever it stands. */
const TELLING_DIGITS = 7;

/**
 * The other forms under which somebody else's text may have noted the very same value, or what it names: its digits put
 * together, without zeros before them, without the marks around it; and the long numbers and addresses in it. What is a
 * record's in one spelling only is not the record's where somebody else said it first in another. Empty for most values.
 */
export function readingsOf(form: string): readonly string[] {
  const value = form.slice(2);
  // A dash before an account is none of it.
  if (form.startsWith('n:')) return value.startsWith('-') ? [`n:${value.slice(1)}`] : [];
  if (PLAIN.test(value)) return [];
  const readings = new Set([...respelledForms(value), ...amountForms(value), ...amountInGroups(value)]);
  const digits = groupedDigits(value);
  if (digits !== undefined) readings.add(textForm(digits));
  const bare = trimEdges(value, EDGES);
  if (bare !== '' && bare !== value)
    for (const one of [textForm(bare), ...respelledForms(bare)]) readings.add(one);
  if (value.length <= LONGEST && /[0-9]{7}|@|:\/\//.test(value))
    takeSpellings({ text: value, folded: value }, (part) => {
      if (isTelling(part)) readings.add(part);
      return true;
    });
  readings.delete(form);
  return [...readings];
}

const ADDRESS = /^s:[^@\s<>()"']+@[^@\s<>()"']+\.[a-z0-9]+$/;

function isTelling(form: string): boolean {
  if (form.startsWith('n:')) return form.replace(/[^0-9]/g, '').length >= TELLING_DIGITS;
  return form.includes('://') || ADDRESS.test(form);
}
