/**
 * Where JSON that was written as one object ends, also when only its beginning is there. As records are written:
 * without blanks, and no zero byte stands in it.
 */

const STRING = /"[ !#-[\]-\xff]*(?:\\(?:["\\bfnrt]|u[0-9a-f]{4})[ !#-[\]-\xff]*)*"/y;
const WORD = /true|false|null|-?[0-9][-+.0-9e]*/y;
/** A string or a word that the end of the text cut short. */
const CUT =
  /(?:"[ !#-[\]-\xff]*(?:\\(?:["\\bfnrt]|u[0-9a-f]{4})[ !#-[\]-\xff]*)*(?:\\(?:u[0-9a-f]{0,3})?)?|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?|-?)$/y;

/**
 * The offset after the object that begins at the text's first character; the text's length where it ends inside that
 * object; undefined where what stands there is no object, or stops being one.
 * @param text one character a byte
 */
export function endOfObject(text: string): number | undefined {
  if (!text.startsWith('{')) return undefined;
  const closers: string[] = [];
  let at = 0;
  for (;;) {
    const opened = text[at];
    if (opened === '{' || opened === '[') {
      at += 1;
      const closer = opened === '{' ? '}' : ']';
      closers.push(closer);
      if (text[at] !== closer) {
        const begun = closer === '}' ? afterName(text, at) : at;
        if (begun === undefined || begun >= text.length) return begun;
        at = begun;
        continue;
      }
    } else {
      const end = afterMatch(STRING, text, at) ?? afterMatch(WORD, text, at);
      if (end === undefined) return afterMatch(CUT, text, at);
      at = end;
    }
    const next = afterValue(text, at, closers);
    if (next === undefined || next >= text.length || closers.length === 0) return next;
    at = next;
  }
}

/** Closes what ends here, and goes to where the next value begins. */
function afterValue(text: string, from: number, closers: string[]): number | undefined {
  let at = from;
  while (text[at] === closers.at(-1) && closers.length > 0) {
    closers.pop();
    at += 1;
  }
  if (closers.length === 0 || at >= text.length) return at;
  if (text[at] !== ',') return undefined;
  return closers.at(-1) === '}' ? afterName(text, at + 1) : at + 1;
}

/** The offset after a member's name and colon; the text's length where it ends before. */
function afterName(text: string, at: number): number | undefined {
  if (at >= text.length) return text.length;
  const end = afterMatch(STRING, text, at);
  if (end === undefined) return text[at] === '"' ? afterMatch(CUT, text, at) : undefined;
  if (end >= text.length) return text.length;
  return text[end] === ':' ? end + 1 : undefined;
}

function afterMatch(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
