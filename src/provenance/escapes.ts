/** Of URLs (`%20`), JSON (`\n`, `\u0041`) and HTML (`&amp;`, `&#65;`), all in small letters. */
const ESCAPES = /(?:%[0-9a-f]{2})+|\\(?:u[0-9a-f]{4}|[bfnrt])|&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});/g;

/** What stands there once the escapes are read; undefined where there are none. Never longer than the text. */
export function readEscapes(folded: string): string | undefined {
  if (!/[%\\&]/.test(folded)) return undefined;
  const read = folded.replace(ESCAPES, readEscape);
  return read === folded ? undefined : read;
}

function readEscape(written: string): string {
  if (written.startsWith('%')) return Buffer.from(written.replaceAll('%', ''), 'hex').toString('utf8');
  if (written.startsWith('\\u')) return String.fromCharCode(Number.parseInt(written.slice(2), 16));
  if (written.startsWith('&#x')) return characterOf(Number.parseInt(written.slice(3, -1), 16));
  if (written.startsWith('&#')) return characterOf(Number(written.slice(2, -1)));
  // Every other name is of white space or of a mark that parts words, or of a letter that few write so.
  return written === '&amp;' ? '&' : ' ';
}

function characterOf(code: number): string {
  return code <= 0x10_ffff ? String.fromCodePoint(code) : ' ';
}
