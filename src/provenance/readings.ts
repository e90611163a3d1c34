import { amountForms, respelledForms, textForm } from './forms.ts';
import { amountInGroups, groupedDigits } from './groups.ts';
import { isIban } from './iban.ts';
import { takeSpellings } from './spellings.ts';
import { trimEdges } from './words.ts';

/** Nothing that could be written in another way, but for amounts, which have one form. */
const PLAIN = /^(?:[a-z]*|[1-9][0-9]*)$/;
const EDGES = new Set('"\'`“”‘’«»()[]{}<>,;:!?.*_~|= -/\\+&%@$^#');
/** Longer texts are not taken apart for what they name. */
const LONGEST = 256;
/** Digits of a number that names something by itself, wherever it stands. */
const TELLING_DIGITS = 7;

/**
 * The other forms under which somebody else's text may have noted the very same value, or what it names: its digits put
 * together, without zeros before them, without the marks around it; and the long numbers and addresses in it. What is a
 * record's in one spelling only is not the record's where somebody else said it first in another. Empty for most values.
 * @param work characters that may still be taken apart; counted down
 * @returns undefined when there are too many
 */
export function readingsOf(
  form: string,
  work: { left: number } = { left: LONGEST },
): readonly string[] | undefined {
  const value = form.slice(2);
  // A dash before an account is none of it.
  if (form.startsWith('n:')) return value.startsWith('-') ? [`n:${value.slice(1)}`] : [];
  if (PLAIN.test(value) || isIban(value)) return [];
  const readings = new Set([...respelledForms(value), ...amountForms(value), ...amountInGroups(value)]);
  const digits = groupedDigits(value);
  if (digits !== undefined) readings.add(textForm(digits));
  const bare = trimEdges(value, EDGES);
  if (bare !== '' && bare !== value)
    for (const one of [textForm(bare), ...respelledForms(bare)]) readings.add(one);
  if (value.length <= LONGEST && /[0-9]{7}|@|:\/\//.test(value)) {
    work.left -= value.length;
    if (work.left < 0) return undefined;
    takeSpellings({ text: value, folded: value }, (part) => {
      if (isTelling(part)) readings.add(part);
      return true;
    });
  }
  readings.delete(form);
  return [...readings];
}

const LONG = /^s:[0-9]{7,}$/;
const ADDRESS = /^s:[^@\s<>()"']+@[^@\s<>()"']+\.[a-z0-9]+$/;

function isTelling(form: string): boolean {
  if (form.startsWith('n:')) return form.replace(/[^0-9]/g, '').length >= TELLING_DIGITS;
  return LONG.test(form) || form.includes('://') || ADDRESS.test(form);
}
