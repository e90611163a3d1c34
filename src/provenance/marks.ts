/**
 * What may part one value from the next, from marks that stand in no value to those that stand in many. A value is
 * found between two marks of one level or of those before it: an e-mail address in a list with slashes, an id with
 * dashes behind a dot.
 */
const MARKS: readonly (readonly [characters: string, split: RegExp])[] = [
  ['"`“”‘«»()[]{}<>;:=|#,', /["`“”‘«»()[\]{}<>;:=|#]+|(?<![0-9]),|,(?![0-9])/],
  ['?\\%!*~^$-', /[?\\%!*~^$]+|--+/],
  ["'’&", /['’&]+/],
  ['/', /\/+/],
  ['+', /\++/],
  ['_', /_+/],
  ['@', /@+/],
  ['.', /(?<![0-9])\.|\.(?![0-9])/],
  ['-', /-+/],
  // Between digits only after all others, when what stands around it is no number.
  [',', /,+/],
];

/** Marks of this level and those after it stand in values too. */
export const INNER_LEVEL = 2;
export const LAST_LEVEL: number = MARKS.length - 1;

const LEVELS = new Map<number, number>();
for (const [level, [characters]] of MARKS.entries())
  for (const mark of characters)
    LEVELS.set(mark.charCodeAt(0), (LEVELS.get(mark.charCodeAt(0)) ?? 0) | (1 << level));

/** The levels whose marks stand in a word, a bit each: most words have none, and need no splitting. */
export function levelsIn(word: string): number {
  let levels = 0;
  for (let i = 0; i < word.length; i += 1) {
    const code = word.charCodeAt(i);
    // Letters and digits, to be quick.
    if ((code >= 97 && code <= 122) || (code >= 48 && code <= 57)) continue;
    levels |= LEVELS.get(code) ?? 0;
  }
  return levels;
}

export function splitAt(word: string, level: number): readonly string[] {
  const mark = MARKS[level];
  return mark === undefined ? [word] : word.split(mark[1]);
}

/** A run of characters without marks, but for those between the digits of one number. */
export interface Part {
  readonly start: number;
  readonly end: number;
  readonly digits: boolean;
}

/** UUIDs, and dates with or without their time: their pieces are no values of their own, and outputs are full of them. */
const SINGLE =
  '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:t[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\\.[0-9]{1,9})?)?(?:z|[+-][0-9]{2}:?[0-9]{2})?)?';
const UUID_LENGTH = 36;
const UUIDS = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const WHOLE_SINGLE = new RegExp(`^(?:${SINGLE})$`);
const SINGLES = new RegExp(`(?<![0-9a-z-])(?:${SINGLE})(?![0-9a-z-])`, 'g');

export function isSingle(word: string): boolean {
  return WHOLE_SINGLE.test(word);
}

/** Every UUID that stands in a longer word, whatever stands before and behind it. */
export function singlesIn(word: string): readonly string[] {
  return word.length > UUID_LENGTH && word.includes('-') ? (word.match(UUIDS) ?? []) : [];
}

/** The word with letters for each of these, which makes them one part without digits. */
export function hideSingles(word: string): string {
  return word.length > 10 && word.includes('-')
    ? word.replace(SINGLES, (single) => 'a'.repeat(single.length))
    : word;
}

/** Whether these are so few, with one inner mark between each two, that their runs are all that stands in the word. */
export function areFew(parts: readonly Part[], word: string): boolean {
  const [first] = parts;
  return (
    parts.length <= MAX_PLAIN_PARTS &&
    first?.start === 0 &&
    parts.at(-1)?.end === word.length &&
    parts.every(({ end }, i) => i === parts.length - 1 || isJoined(word, end, parts[i + 1]))
  );
}

function isJoined(word: string, end: number, next: Part | undefined): boolean {
  return next?.start === end + 1 && INNER.has(word.charAt(end));
}

export function partsIn(word: string): readonly Part[] {
  const parts: Part[] = [];
  let start = 0;
  let digits = false;
  for (let i = 0; i <= word.length; i += 1) {
    const digit = isDigit(word, i);
    digits ||= digit;
    if (i < word.length && (digit || !isMark(word, i) || isPoint(word, i))) continue;
    if (i > start) parts.push({ start, end: i, digits });
    start = i + 1;
    digits = false;
  }
  return parts;
}

function isDigit(word: string, at: number): boolean {
  const code = word.charCodeAt(at);
  return code >= 48 && code <= 57;
}

function isMark(word: string, at: number): boolean {
  const code = word.charCodeAt(at);
  return !(code >= 97 && code <= 122) && LEVELS.has(code);
}

/** Between two digits, and so of one number. */
function isPoint(word: string, at: number): boolean {
  return ".,'’".includes(word.charAt(at)) && isDigit(word, at - 1) && isDigit(word, at + 1);
}

/** What may stand in one value, by itself between two of its parts. */
const INNER = new Set("/+_@.&'’-");
/** Parts of a value: `first.last@mail.corp.co.uk` has six. What has no `@` has fewer, and plain words fewest. */
const MAX_PARTS = 6;
const MAX_ID_PARTS = 4;
const MAX_PLAIN_PARTS = 3;

/**
 * Every run of two to six parts of a word with the marks between them: the values with marks in them that stand between
 * other marks, whichever comes first. Linear, as each part begins a few runs.
 */
export function runsIn(word: string, parts: readonly Part[]): readonly string[] {
  const runs: string[] = [];
  for (const [i, { start, end: first, digits }] of parts.entries()) {
    let end = first;
    let longest = digits ? MAX_ID_PARTS : MAX_PLAIN_PARTS;
    for (let length = 2; length <= MAX_PARTS; length += 1) {
      const next = parts[i + length - 1];
      if (next === undefined || !isJoined(word, end, next)) break;
      if (word.charAt(end) === '@') longest = MAX_PARTS;
      else if (next.digits) longest = Math.max(longest, MAX_ID_PARTS);
      end = next.end;
      if (length <= longest) runs.push(word.slice(start, end));
    }
  }
  return runs;
}
