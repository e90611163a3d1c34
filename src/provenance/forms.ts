import { formatDecimal, parseDecimal } from '../model/decimal.ts';
import type { JsonValue } from '../model/json.ts';
import { foldText } from '../model/text.ts';
import { spelledIban } from './iban.ts';

/**
 * The form under which a scalar is hashed, so that one value written in two ways is one value: `n:120.5` for
 * numbers and plain decimals, `s:` and the folded text for everything else, with what parts an IBAN's characters and
 * a URL's last slash left out. Undefined for true, false and null: such a value stands in every output there is, so
 * where it was seen says nothing.
 */
export function formOf(value: JsonValue): string | undefined {
  if (typeof value === 'string') return textForm(foldText(value));
  if (typeof value === 'number') return textForm(String(value));
  return undefined;
}

/** The form of folded text. */
export function textForm(folded: string): string {
  const decimal = startsNumber(folded) ? parseDecimal(folded) : undefined;
  if (decimal !== undefined) return `n:${formatDecimal(decimal)}`;
  if (WEB.test(folded)) return `s:${folded.replace(WEB, '').replace(/\/$/, '')}`;
  if (folded.includes('://') && folded.endsWith('/')) return `s:${folded.slice(0, -1)}`;
  return `s:${spelledIban(folded) ?? folded}`;
}

/** One page, whether its scheme and `www.` are written or not. */
const WEB = /^(?:https?:\/\/(?:www\.)?|www\.)(?=[^/])/;

function startsNumber(text: string): boolean {
  const c = text.charCodeAt(0);
  return (c >= 48 && c <= 57) || c === 45;
}

/** Currencies by name, since `inv7` is no amount. */
const CURRENCY =
  '[$€£¥₹]|aed|aud|brl|cad|chf|cny|czk|dkk|eur|gbp|hkd|huf|ils|inr|jpy|krw|mxn|nok|nzd|pln|ron|sek|sgd|try|usd|zar';
const DIGIT = /[0-9]/;
const AMOUNT = new RegExp(`^(?:${CURRENCY})?(-?[0-9][0-9.,'’]{0,30})(?:${CURRENCY})?$`);

/**
 * The numbers that a word may be: `1,200.50`, `1.200,50`, `€120,5` and `120.50eur` have one reading each,
 * `1,200` and `1.200` have two. Empty where the word is no number.
 */
export function amountForms(word: string): readonly string[] {
  if (!DIGIT.test(word)) return [];
  const digits = AMOUNT.exec(word)?.[1]?.replace(/[.,'’]+$/, '');
  if (digits === undefined) return [];
  const forms: string[] = [];
  for (const reading of readings(digits)) {
    const decimal = parseDecimal(reading);
    if (decimal !== undefined) forms.push(`n:${formatDecimal(decimal)}`);
  }
  return forms;
}

const SCIENTIFIC = /^-?[0-9]{1,15}(?:\.[0-9]{1,15})?e[+-]?[0-9]{1,2}$/;

/** The number of a word that pads it with zeros or writes it with an exponent: `000999`, `9.99e2`. */
export function respelledForms(word: string): readonly string[] {
  if (!DIGIT.test(word)) return [];
  const plain = PADDED.test(word)
    ? word.replace(PADDED, '')
    : SCIENTIFIC.test(word)
      ? String(Number(word))
      : '';
  const decimal = parseDecimal(plain);
  return decimal === undefined ? [] : [`n:${formatDecimal(decimal)}`];
}

const GROUPED = /^-?[0-9]{1,3}(?:([.,'’])[0-9]{3})(?:\1[0-9]{3})*$/;

function readings(digits: string): readonly string[] {
  const at = Math.max(digits.lastIndexOf('.'), digits.lastIndexOf(','));
  const whole = digits.slice(0, Math.max(at, 0));
  const fraction = digits.slice(at + 1);
  const found: string[] = [];
  if (GROUPED.test(digits)) found.push(digits.replace(/[.,'’]/g, ''));
  if (at === -1) return found.length > 0 ? found : [digits];
  // A separator that comes once, or last after groups of the other kind, may be the decimal point.
  const mark = digits.charAt(at);
  if (/^-?[0-9]+$/.test(whole)) found.push(`${whole}.${fraction}`);
  else if (!whole.includes(mark) && GROUPED.test(whole))
    found.push(`${whole.replace(/[.,'’]/g, '')}.${fraction}`);
  return found;
}

const NUMBER = /[0-9][0-9.,'’]*/g;
/** More of them in one word are most likely a checksum's. */
const MANY_NUMBERS = 4;

/** The numbers that stand next to letters in a word without marks, as in `kr999`; short ones only where they are few. */
export function gluedAmounts(word: string): readonly string[] {
  if (isNumberlike(word)) return [];
  const numbers = word.match(NUMBER) ?? [];
  return numbers
    .filter((number) => number.length > 2 || numbers.length <= MANY_NUMBERS)
    .flatMap((number) => [...amountForms(number), ...respelledForms(number)]);
}

const PADDED = /^0+(?=[0-9])/;

/** Dates, times and fractions. */
const NUMBERLIKE = /^[0-9.:,/-]+$/;
const DATE = /^(?:[0-9]{4}([-/.])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\2(?:[0-9]{2}){1,2})$/;
const RANGE = /^[0-9][0-9.,]*-[0-9][0-9.,]*$/;

/** Whether a word is of digits and what stands between them. */
export function isNumberlike(word: string): boolean {
  return NUMBERLIKE.test(word);
}

/** The longer numbers in a word of several, as of an account behind a bank's code, and both of a range; none of a date. */
export function pieceForms(word: string): readonly string[] {
  if (DATE.test(word)) return [];
  const shortest = RANGE.test(word) ? 1 : 3;
  const forms: string[] = [];
  for (const piece of word.split(/[:/-]/)) {
    if (piece.length >= shortest && piece !== word)
      forms.push(...amountForms(piece), ...respelledForms(piece));
    for (const part of piece.split(',')) if (LONG.test(part)) forms.push(textForm(part));
  }
  return forms;
}

const LONG = /^[0-9]{4,18}(?:\.[0-9]+)?$/;
