import { formatDecimal, parseDecimal } from '../model/decimal.ts';
import type { JsonValue } from '../model/json.ts';
import { foldText } from '../model/text.ts';

/**
 * The form under which a scalar is hashed, so that one value written in two ways is one value: `n:120.5` for
 * numbers and plain decimals, `s:` and the folded text for everything else, with an IBAN's blanks and a URL's
 * last slash left out. Undefined for true, false and null: such a value stands in every output there is, so
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
  if (folded.includes('://') && folded.endsWith('/')) return `s:${folded.slice(0, -1)}`;
  if (folded.length <= IBAN_WITH_BLANKS && folded.includes(' ') && IBAN_START.test(folded)) {
    const compact = folded.replaceAll(' ', '');
    if (isIban(compact)) return `s:${compact}`;
  }
  return `s:${folded}`;
}

function startsNumber(text: string): boolean {
  const c = text.charCodeAt(0);
  return (c >= 48 && c <= 57) || c === 45;
}

export const IBAN_START: RegExp = /^[a-z]{2}[0-9]{2}/;
/** 34 characters and a blank after every fourth. */
const IBAN_WITH_BLANKS = 42;
const IBAN = /^[a-z]{2}[0-9]{2}[a-z0-9]{11,30}$/;

/** ISO 13616: the first four characters go last, letters count from 10, and the remainder by 97 is 1. */
export function isIban(compact: string): boolean {
  if (!IBAN.test(compact)) return false;
  let remainder = 0;
  for (let i = 0; i < compact.length; i += 1) {
    const digit = Number.parseInt(compact.charAt((i + 4) % compact.length), 36);
    remainder = (remainder * (digit > 9 ? 100 : 10) + digit) % 97;
  }
  return remainder === 1;
}

/** Currencies by name, since `inv7` is no amount. */
const CURRENCY =
  '[$€£¥₹]|aed|aud|brl|cad|chf|cny|czk|dkk|eur|gbp|hkd|huf|ils|inr|jpy|krw|mxn|nok|nzd|pln|ron|sek|sgd|try|usd|zar';
const AMOUNT = new RegExp(`^(?:${CURRENCY})?(-?[0-9][0-9.,'’]{0,30})(?:${CURRENCY})?$`);

/**
 * The numbers that a word may be: `1,200.50`, `1.200,50`, `€120,5` and `120.50eur` have one reading each,
 * `1,200` and `1.200` have two. Empty where the word is no number.
 */
export function amountForms(word: string): readonly string[] {
  const digits = AMOUNT.exec(word)?.[1]?.replace(/[.,'’]+$/, '');
  if (digits === undefined) return [];
  const forms: string[] = [];
  for (const reading of readings(digits)) {
    const decimal = parseDecimal(reading);
    if (decimal !== undefined) forms.push(`n:${formatDecimal(decimal)}`);
  }
  return forms;
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
