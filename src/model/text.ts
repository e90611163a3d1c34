// Nothing to fold but case: printable ASCII with single blanks inside. Saves four passes for most values.
const PLAIN = /^[!-~]+(?: [!-~]+)*$/;

/**
 * One text for all spellings that people read as the same: compatibility forms unified (NFKC), case folded,
 * white space trimmed and collapsed. Upper before lower case, because only that way `ß` meets `SS`.
 */
export function foldText(text: string): string {
  if (PLAIN.test(text)) return text.toLowerCase();
  return text
    .normalize('NFKC')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
}
