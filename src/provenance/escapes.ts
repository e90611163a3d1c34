/** Of URLs (`%20`), JSON (`\n`, `\/`, `\u0041`) and HTML (`&amp;`, `&#65;`), all in small letters. */
const ESCAPES =
  /(?:%[0-9a-f]{2})+|\\(?:u[0-9a-f]{4}|[bfnrt/])|&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});/g;

/** HTML's names of marks, in small letters, each with the mark first. */
const MARKS =
  '&amp @commat .period -hyphen -dash -minus -ndash -mdash -horbar /sol :colon ;semi _lowbar _underbar #num +plus =equals !excl ?quest %percnt ,comma \'apos \'rsquo \'rsquor "quot "ldquo "rdquo <lt >gt (lpar )rpar [lsqb [lbrack ]rsqb ]rbrack {lcub {lbrace }rcub }rbrace |vert |verbar \\bsol *ast *midast $dollar ^hat `grave €euro £pound ¥yen';
const BLANKS =
  'nbsp nonbreakingspace ensp emsp emsp13 emsp14 numsp puncsp thinsp thinspace hairsp verythinspace thickspace mediumspace tab newline';
const UNSEEN =
  'shy nobreak zwj zwnj lrm rlm zerowidthspace negativethinspace negativemediumspace negativethickspace negativeverythinspace applyfunction af invisibletimes it invisiblecomma ic';

const NAMED: ReadonlyMap<string, string> = new Map([
  ...MARKS.split(' ').map((mark) => [mark.slice(1), mark.charAt(0)] as const),
  ...BLANKS.split(' ').map((name) => [name, ' '] as const),
  ...UNSEEN.split(' ').map((name) => [name, ''] as const),
]);

/**
 * What may stand there once the escapes are read: one reading, or two where a name is none that we know, which may be
 * of a blank or of nothing. None where there are no escapes. Never longer than the text.
 */
export function readEscapes(folded: string): readonly string[] {
  if (!/[%\\&]/.test(folded)) return [];
  const parted = folded.replace(ESCAPES, (written) => readEscape(written, ' '));
  if (parted === folded) return [];
  const joined = folded.includes('&')
    ? folded.replace(ESCAPES, (written) => readEscape(written, ''))
    : parted;
  return joined === parted ? [parted] : [parted, joined];
}

/** Of HTML and XML, comments too, each up to the first `>`. */
const TAGS = /<[/!?]?[a-z-][^<>]*>/gi;

/** The text without its tags, which may show as blanks or as nothing: both readings; none where there are no tags. */
export function readTags(text: string): readonly string[] {
  const parted = text.replace(TAGS, ' ');
  return parted === text ? [] : [parted, text.replace(TAGS, '')];
}

/** @param unknown what stands for a name that we do not know */
function readEscape(written: string, unknown: string): string {
  if (written === '\\/') return '/';
  if (written.startsWith('%')) return Buffer.from(written.replaceAll('%', ''), 'hex').toString('utf8');
  if (written.startsWith('\\u')) return String.fromCharCode(Number.parseInt(written.slice(2), 16));
  if (written.startsWith('\\')) return ' ';
  if (written.startsWith('&#x')) return characterOf(Number.parseInt(written.slice(3, -1), 16));
  if (written.startsWith('&#')) return characterOf(Number(written.slice(2, -1)));
  return NAMED.get(written.slice(1, -1)) ?? unknown;
}

function characterOf(code: number): string {
  return code <= 0x10_ffff ? String.fromCodePoint(code) : ' ';
}
