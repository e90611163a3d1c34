/** HTML by template: whatever is put in is text, unless it was made here. Traces are written by attackers. */

/** Markup that may be put in as it is. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = Markup | string | number | readonly Part[];

const NAMES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
/** What no document may hold, and what makes a text read in another order than it is written. */
const UNSEEN = /(?![\t\n\r])[\p{Cc}\p{Cf}]/gu;

export function escapeHtml(text: string): string {
  return text
    .toWellFormed()
    .replace(UNSEEN, '\ufffd')
    .replace(/[&<>"']/g, (mark) => NAMES[mark] ?? '');
}

export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let out = texts[0] ?? '';
  for (const [index, part] of parts.entries()) out += textOf(part) + (texts[index + 1] ?? '');
  return new Markup(out);
}

function textOf(part: Part): string {
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(textOf).join('');
  return escapeHtml(String(part));
}

/** At most so many characters, and how many were left out. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)} … (${text.length - most} more characters)`;
}

/** An id that stands in any URL: other characters become dashes, and none stands at an end. */
export function anchorOf(...names: readonly (string | number)[]): string {
  return names
    .join('-')
    .replace(/[^A-Za-z0-9_.]+/g, '-')
    .replace(/^-|-$/g, '');
}
