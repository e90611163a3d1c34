import { textForm } from './forms.ts';
import { trimEdges } from './words.ts';

const SCHEME = /[a-z0-9+.-]/;
const HOST = /^[^/?#&\\]*/;
/** Up to what may stand behind a URL in a text. */
const URL_ALONE = /^[^"'`<>()[\]{}|\\^,;&]*/;

/** Every URL in a folded word, up to the next one and up to what may end it, and its host. */
export function urlForms(word: string): readonly string[] {
  const forms: string[] = [];
  let mark = word.indexOf('://');
  while (mark !== -1) {
    let start = mark;
    while (start > 0 && SCHEME.test(word.charAt(start - 1))) start -= 1;
    const next = word.indexOf('://', mark + 3);
    const end = next === -1 ? word.length : next;
    const host = HOST.exec(word.slice(mark + 3, end))?.[0] ?? '';
    const url = word.slice(start, end);
    for (const found of [url, URL_ALONE.exec(url)?.[0] ?? '', host.slice(host.lastIndexOf('@') + 1)])
      if (found !== '') forms.push(textForm(trimEdges(found)));
    mark = next;
  }
  return forms;
}
