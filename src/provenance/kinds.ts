import { foldText } from '../model/text.ts';
import { textForm } from './forms.ts';
import { spelledIban } from './iban.ts';

/** Values that lead somewhere, by kind: their forms. */
export interface Leads {
  readonly email: ReadonlySet<string>;
  readonly url: ReadonlySet<string>;
  readonly iban: ReadonlySet<string>;
}

const EMAIL = /[a-z0-9][a-z0-9._%+-]{0,63}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}/g;
const URL = /(?:https?:\/\/|(?<![a-z0-9@.-])www\.)[^\s"'`<>()[\]{}|\\^,;*]+/g;
/** In one piece, or in groups of four. */
const IBAN =
  /(?<![a-z0-9])[a-z]{2}[0-9]{2}(?:[a-z0-9]{11,30}|(?:[ -][a-z0-9]{4}){2,7}(?:[ -][a-z0-9]{1,4})?)(?![a-z0-9])/g;
const END = /[.!?:]+$/;

/** What in a text leads somewhere, as people write it. Linear in the text. */
export function leadsIn(text: string): Leads {
  const folded = foldText(text);
  const forms = (pattern: RegExp): Set<string> =>
    new Set(Array.from(folded.matchAll(pattern), ([found]) => textForm(found.replace(END, ''))));
  return {
    email: folded.includes('@') ? forms(EMAIL) : new Set(),
    url: forms(URL),
    // As one writes it: letters and digits that only meet across words are somebody's prose.
    iban: new Set(
      Array.from(folded.matchAll(IBAN), ([found]) => spelledIban(found))
        .filter((iban) => iban !== undefined)
        .map((iban) => `s:${iban}`),
    ),
  };
}

export function allOf({ email, url, iban }: Leads): readonly string[] {
  return [...email, ...url, ...iban];
}
