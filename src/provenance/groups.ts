import { amountForms, DATE, textForm } from './forms.ts';

/** Groups of digits with what may part them in one number. */
const RUN = /(?<![0-9])[0-9]+(?:(?:[ .,'’/-]|[ .-]?[()][ .-]?)[0-9]+)+/g;
const GROUP = /[0-9]+/g;
const FRACTION = /^[0-9]+[.,][0-9]+$/;
/** At one place: a blank before every three digits, and perhaps cents. */
const THOUSANDS = /[0-9]{1,3}(?: [0-9]{3}){1,5}(?:[.,][0-9]{1,2})?(?![0-9])/y;
const OTHERS = /[^0-9]+/g;

/** Most digits of one number, as of an IBAN without its country. */
const MOST = 34;
const FEWEST = 8;
/** A number that stands by itself may have fewer digits than one of which we do not know where it begins. */
const FEWEST_ALONE = 5;
/** Groups of one number; where a run has more of them it is most likely a table, and fewer are put together. */
const MOST_GROUPS = 12;
const MOST_IN_TABLE = 4;

/**
 * Numbers that a folded text writes in groups: their digits put together, wherever among other numbers they begin and
 * end; and amounts with blanks between thousands. Linear in the text: each group begins a bounded number of them.
 */
export function groupForms(folded: string): readonly string[] {
  const forms: string[] = [];
  for (const { 0: run, index } of folded.matchAll(RUN)) {
    const groups = Array.from(run.matchAll(GROUP), ({ 0: digits, index: start }) => ({
      start,
      end: start + digits.length,
    }));
    const most = groups.length <= MOST_GROUPS ? MOST_GROUPS : MOST_IN_TABLE;
    for (const [first, { start }] of groups.entries()) {
      forms.push(...thousandsAt(folded, index + start));
      for (const [last, { end }] of groups.slice(first, first + most).entries()) {
        const written = run.slice(start, end);
        if (last > 0 || written.length >= FEWEST) note(written, first === 0 && end === run.length, forms);
      }
    }
    if (groups.length > MOST_GROUPS) note(run, true, forms);
  }
  return forms;
}

function note(written: string, alone: boolean, forms: string[]): void {
  if (DATE.test(written) || FRACTION.test(written)) return;
  const digits = written.replace(OTHERS, '');
  // Commas part the numbers of a list; within one number they only come with all its groups.
  if (!alone && written.includes(',')) return;
  if (digits.length >= (alone ? FEWEST_ALONE : FEWEST) && digits.length <= MOST)
    forms.push(textForm(unpadded(digits)));
}

function thousandsAt(folded: string, start: number): readonly string[] {
  THOUSANDS.lastIndex = start;
  const found = THOUSANDS.exec(folded)?.[0];
  return found === undefined ? [] : amountForms(found.replaceAll(' ', ''));
}

function unpadded(digits: string): string {
  return digits.replace(/^0+(?=[0-9])/, '');
}

/** A number in groups, or with marks of a telephone number around it. */
const GROUPED = /^[+(]?[0-9][0-9 .,'’/()-]*$/;
const EDGES = /^[@#+]+/;

/**
 * The other forms under which somebody else's text may have noted the very same value: an argument of one of these
 * origins, or a record that repeats it, says no more than that text. Empty for most values.
 */
export function readingsOf(form: string): readonly string[] {
  const value = form.slice(2);
  if (form.startsWith('n:') || !/[^a-z0-9]|^0/.test(value)) return [];
  const readings: string[] = [];
  const bare = value.replace(EDGES, '');
  if (bare !== value && bare !== '') readings.push(textForm(bare));
  if (GROUPED.test(value)) {
    const digits = value.replace(OTHERS, '');
    if (digits.length >= FEWEST_ALONE && !DATE.test(value)) readings.push(textForm(unpadded(digits)));
    readings.push(...amountForms(value));
  }
  return readings;
}
