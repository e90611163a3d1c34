// Nothing to fold but case: printable ASCII with single blanks inside. Saves six passes for most values.
const PLAIN = /^[!-~]+(?: [!-~]+)*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the point is to find the plain text quickly
const ASCII = /^[\u0000-\u007f]*$/;

/** Characters that nobody sees: zero-width ones, soft hyphens, variation selectors, fillers. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}+/gu;
const DASH = /[\p{Dash_Punctuation}\u2212]/gu;
/** All white space but single blanks, which stay. */
const BLANKS = /(?! [^\s\p{Cc}])[\s\p{Cc}]+/gu;

/**
 * One text for all spellings that people read as the same: compatibility forms unified (NFKC), case folded,
 * characters that nobody sees dropped, all dashes one, white space trimmed and collapsed. Folding twice changes
 * nothing more. Upper before lower case, because only that way `ß` meets `SS`, and lower before that for `ẞ`.
 * Look-alike letters of other scripts stay different.
 */
export function foldText(text: string): string {
  if (PLAIN.test(text)) return text.toLowerCase();
  if (ASCII.test(text)) return text.toLowerCase().replace(BLANKS, ' ').trim();
  return text
    .normalize('NFKC')
    .replace(INVISIBLE, '')
    .replace(DASH, '-')
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC')
    .replace(BLANKS, ' ')
    .trim();
}

/** Every character is ASCII: nothing of what other scripts bring needs to be looked for. */
export function isAscii(text: string): boolean {
  return ASCII.test(text);
}
