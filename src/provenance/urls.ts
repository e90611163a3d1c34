import { textForm } from './forms.ts';
import { trimEdges } from './words.ts';

const SCHEME = /[a-z0-9+.-]/;
const PLAIN = /[a-z0-9]/;
const HOST = /^[^/?#&\\]*/;
/** Up to what may stand behind a URL in a text. */
const URL_ALONE = /^[^"'`<>()[\]{}|\\^,;&]*/;
const MARKS = /[!-/:-@[-`{-~“”‘’«»]+/g;
/** Marks of a URL at which it may end already. */
const MAX_ENDS = 6;

/** Every URL in a folded word, up to the next one and up to every mark that may end it, and its host. */
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
    // A mark that a scheme may hold may also stand before it.
    let plain = mark;
    while (plain > start && PLAIN.test(word.charAt(plain - 1))) plain -= 1;
    for (const found of [url, URL_ALONE.exec(url)?.[0] ?? '', host.slice(host.lastIndexOf('@') + 1)])
      if (found !== '') forms.push(textForm(trimEdges(found)));
    if (plain > start) forms.push(textForm(trimEdges(word.slice(plain, end))));
    for (const behind of endsIn(word.slice(mark + 3, end)))
      for (const from of plain > start ? [start, plain] : [start])
        forms.push(textForm(word.slice(from, mark + 3 + behind)));
    mark = next;
  }
  return forms;
}

/** Where a URL's marks stand behind the first dot of its host. */
function endsIn(rest: string): readonly number[] {
  const ends: number[] = [];
  for (const { index, 0: mark } of rest.matchAll(MARKS)) {
    if (ends.length === 0 && mark === '.' && index === rest.indexOf('.')) continue;
    if (ends.push(index) === MAX_ENDS) break;
  }
  return ends;
}
