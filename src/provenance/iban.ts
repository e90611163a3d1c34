/** 34 characters, a mark after each, and the word `iban` before them. */
const LONGEST_SPELLING = 80;
const SHORTEST = 15;
const LONGEST = 34;

export const IBAN_START: RegExp = /^[a-z]{2}[0-9]{2}/;
const SPELLED = /^(?:iban|[a-z]{2}[0-9]{2})/;
const IBAN = /^[a-z]{2}[0-9]{2}[a-z0-9]{11,30}$/;
const MARKS = /[ -/:-@[-`{-~]+/g;
const OTHERS = /[^a-z0-9]+/g;

/** The IBAN that a whole folded text spells, with blanks, dashes, dots or other marks in it or the word before it. */
export function spelledIban(folded: string): string | undefined {
  if (folded.length < SHORTEST || folded.length > LONGEST_SPELLING) return undefined;
  const compact = folded.replace(MARKS, '');
  if (!SPELLED.test(compact)) return undefined;
  const iban = compact.startsWith('iban') ? compact.slice(4) : compact;
  return isIban(iban) ? iban : undefined;
}

/** ISO 13616: the first four characters go last, letters count from 10, and the remainder by 97 is 1. */
export function isIban(compact: string): boolean {
  return IBAN.test(compact) && ibansFrom(compact, 0).includes(compact);
}

/**
 * Every IBAN in a folded text, whatever stands before it, behind it or, but for other letters and digits, in it. One
 * beginning in five also yields a run of its letters and digits that only happens to have the right checksum. Linear:
 * what parts two characters is passed a few times, and a beginning is followed for 34 letters and digits.
 */
export function ibansIn(folded: string): readonly string[] {
  const found: string[] = [];
  for (let i = 0; i < folded.length; i += 1) {
    const code = folded.charCodeAt(i);
    if (code < 48 || code > 57) continue;
    const second = nextTo(folded, i, -1);
    const first = isLetter(folded, second) ? nextTo(folded, second, -1) : -1;
    if (!isLetter(folded, first)) continue;
    const digit = nextTo(folded, i, 1);
    if (digit < folded.length && !isLetter(folded, digit)) found.push(...ibansFrom(folded, first));
  }
  return found;
}

/** Where the next letter or digit stands, on one side; -1 or the length where there is none. */
function nextTo(folded: string, from: number, step: -1 | 1): number {
  let i = from + step;
  while (i >= 0 && i < folded.length && valueIn(folded.charCodeAt(i)) === -1) i += step;
  return i;
}

function isLetter(folded: string, at: number): boolean {
  return valueIn(folded.charCodeAt(at)) > 9;
}

/** The IBANs that begin at a place, shortest first. */
function ibansFrom(folded: string, from: number): readonly string[] {
  const found: string[] = [];
  let head = 0;
  let rest = 0;
  let taken = 0;
  for (let i = from; i < folded.length && taken < LONGEST; i += 1) {
    const value = valueIn(folded.charCodeAt(i));
    if (value === -1) continue;
    taken += 1;
    if (taken <= 4) head = append(head, value);
    else rest = append(rest, value);
    if (taken >= SHORTEST && (rest * 1_000_000 + head) % 97 === 1)
      found.push(folded.slice(from, i + 1).replace(OTHERS, ''));
  }
  return found;
}

function append(remainder: number, value: number): number {
  return (remainder * (value > 9 ? 100 : 10) + value) % 97;
}

/** 0–9 of a digit, 10–35 of a letter, -1 of anything else. */
function valueIn(code: number): number {
  if (code >= 97 && code <= 122) return code - 87;
  return code >= 48 && code <= 57 ? code - 48 : -1;
}
