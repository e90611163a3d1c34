/**
 * What may part one value from the next, from marks that stand in no value to those that stand in many. A value is
 * found between two marks of one level or of those before it: an e-mail address in a list with slashes, an id with
 * dashes behind a dot.
 */
const MARKS: readonly (readonly [characters: string, split: RegExp])[] = [
  ['"\'`“”‘’«»()[]{}<>;:=|#,', /["'`“”‘’«»()[\]{}<>;:=|#]+|(?<![0-9]),|,(?![0-9])/],
  ['&?\\%!*~^$-', /[&?\\%!*~^$]+|--+/],
  ['/', /\/+/],
  ['+', /\++/],
  ['_', /_+/],
  ['@', /@+/],
  ['.', /(?<![0-9])\.|\.(?![0-9])/],
  ['-', /-+/],
  // Between digits only after all others, when what stands around it is no number.
  [',', /,+/],
];

export const LAST_LEVEL: number = MARKS.length - 1;
export const DASH_LEVEL: number = LAST_LEVEL - 1;

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
