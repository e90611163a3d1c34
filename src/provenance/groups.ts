import { amountForms, textForm } from './forms.ts';

/** Groups of digits with what may part them in one number. */
const RUN = /(?<![0-9])[0-9]+(?:(?: ?[-./] ?|[ ,'’]|[ .-]?[()][ .-]?)[0-9]+)+/g;
const GROUP = /[0-9]+/g;
/** At one place: a blank before every three digits, and perhaps cents. */
const THOUSANDS = /[0-9]{1,3}(?: [0-9]{3}){1,5}(?:[.,][0-9]{1,2})?(?![0-9])/y;
const OTHERS = /[^0-9]+/g;
/** With what may stand before a telephone number or a debit, too. */
const GROUPED = /^[+(-]?[0-9][0-9 .,'’/()_-]*$/;

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
  const digits = written.replace(OTHERS, '');
  // Commas part the numbers of a list; within one number they only come with all its groups.
  if (!alone && written.includes(',')) return;
  if (digits.length >= (alone ? FEWEST_ALONE : FEWEST) && digits.length <= MOST)
    forms.push(textForm(unpadded(digits)));
}

/** The digits of a number that is written in groups and nothing else; undefined where they are too few or too many. */
export function groupedDigits(value: string): string | undefined {
  const digits = GROUPED.test(value) ? value.replace(OTHERS, '') : '';
  return digits.length >= FEWEST_ALONE && digits.length <= MOST ? unpadded(digits) : undefined;
}

/** An amount with blanks between thousands and nothing else. */
export function amountInGroups(value: string): readonly string[] {
  const found = thousandsAt(value, 0);
  return THOUSANDS.lastIndex === value.length ? found : [];
}

function thousandsAt(folded: string, start: number): readonly string[] {
  THOUSANDS.lastIndex = start;
  const found = THOUSANDS.exec(folded)?.[0];
  return found === undefined ? [] : amountForms(found.replaceAll(' ', ''));
}

function unpadded(digits: string): string {
  return digits.replace(/^0+(?=[0-9])/, '');
}
