import { isForeign, type Writer } from '../model/catalog.ts';
import { isJsonObject, type JsonValue } from '../model/json.ts';
import type { Mandate } from '../model/mandate.ts';
import type { Open } from '../model/session.ts';
import { foldText } from '../model/text.ts';
import { formOf, textForm } from './forms.ts';
import { leadsIn } from './kinds.ts';
import { type Label, labelOf } from './labels.ts';
import { takeSpellings } from './spellings.ts';
import { isUrging } from './urging.ts';
import { takePhrases, takeWords, wordsOf } from './words.ts';

/** Values kept of one mandate or output. */
export const MAX_VALUES = 2048;
/** Characters looked at in one output. */
const MAX_CHARACTERS = 262_144;
const MAX_DEPTH = 32;

/** Forms found in an output. Past a bound nothing more is noted. */
export interface Harvest {
  readonly trusted: Set<string>;
  /** Whole fields that somebody else fills in. */
  readonly counterparty: Set<string>;
  readonly untrusted: Set<string>;
  /** Texts that tell their reader what to do name these. */
  readonly urged: Set<string>;
  /** What leads somewhere in other texts: looked for only in what the user named. */
  readonly leads: { readonly open: Open; readonly email: Set<string>; readonly url: Set<string> } | undefined;
  characters: number;
  /** A bound kept words of somebody else out: any value may have been among them. */
  lost: boolean;
}

export function emptyHarvest(open: Open = ''): Harvest {
  return {
    trusted: new Set(),
    counterparty: new Set(),
    untrusted: new Set(),
    urged: new Set(),
    leads: open === '' ? undefined : { open, email: new Set(), url: new Set() },
    characters: 0,
    lost: false,
  };
}

/** Purpose and declared values, whole and in parts: everything here is the user's. */
export function harvestForms(mandate: Mandate): Set<string> {
  const forms = new Set<string>();
  const take = (form: string): void => {
    if (forms.size < MAX_VALUES) forms.add(form);
  };
  // Declared values first: they are the ones that a long purpose must not push out.
  for (const value of Object.values(mandate.declared)) {
    const folded = foldText(value);
    take(textForm(folded));
    takeWords(wordsOf(folded), take);
  }
  const purpose = foldText(mandate.purpose);
  const words = wordsOf(purpose);
  take(textForm(purpose));
  takeWords(words, take);
  takePhrases(words, take);
  return forms;
}

/**
 * Walks a parsed output by its labels. A member's name that the catalog does not know is a word like any other, of
 * whoever wrote what it stands in; in a record it vouches for nothing.
 */
export function harvestJson(into: Harvest, value: JsonValue, label: Label, depth = 1): void {
  if (typeof value !== 'object' || value === null) {
    harvestScalar(into, value, label.writer);
    return;
  }
  if (depth > MAX_DEPTH || into.characters > MAX_CHARACTERS) {
    into.lost ||= label.foreign;
    return;
  }
  if (isJsonObject(value)) {
    const unnamed = label.fields.size === 0 ? label : labelOf(label.writer);
    for (const name of Object.keys(value)) {
      const field = label.fields.get(name);
      if (field === undefined && label.writer !== 'system') harvestScalar(into, name, label.writer);
      harvestJson(into, value[name] as JsonValue, field ?? unnamed, depth + 1);
    }
    return;
  }
  for (const item of value as readonly JsonValue[]) harvestJson(into, item, label, depth + 1);
}

/** One string or number: the whole value, and what stands in it. */
export function harvestScalar(into: Harvest, value: JsonValue, writer: Writer): void {
  const written = typeof value === 'string' ? { text: value, folded: foldText(value) } : undefined;
  const whole = written === undefined ? formOf(value) : textForm(written.folded);
  if (whole === undefined) return;
  // Folding drops some characters and makes several of others: both are work.
  into.characters += Math.max(whole.length, written?.text.length ?? 0);
  if (into.characters > MAX_CHARACTERS) {
    into.lost ||= isForeign(writer);
    return;
  }
  // An agent's own words (`self`) come back without the origin they had; the session still knows it by the first time.
  if (writer === 'system') {
    note(into.trusted, whole);
    // Plain words of a trusted record vouch for nothing; only its numbers, ids and addresses do.
    if (written !== undefined)
      takeWords(wordsOf(written.folded), (form, telling) => telling && note(into.trusted, form));
    return;
  }
  if (writer === 'counterparty' && isField(whole)) note(into.counterparty, whole);
  const set = written !== undefined && isUrging(written.folded) ? into.urged : into.untrusted;
  const found = (form: string): boolean => note(set, form);
  const complete = found(whole) && (written === undefined || takeSpellings(written, found));
  into.lost ||= !complete && isForeign(writer);
  if (into.leads === undefined || written === undefined || set === into.urged) return;
  const { email, url } = leadsIn(written.text);
  if (into.leads.open !== 'url') for (const form of email) note(into.leads.email, form);
  if (into.leads.open !== 'email') for (const form of url) note(into.leads.url, form);
}

const LONGEST_FIELD = 64;
const MOST_FIELD_WORDS = 4;

/** A name, an address, a number: no text in which something else could be said. */
function isField(form: string): boolean {
  return form.length <= LONGEST_FIELD && form.split(' ').length <= MOST_FIELD_WORDS;
}

/** False when there is no room for it. */
function note(set: Set<string>, form: string): boolean {
  if (set.size < MAX_VALUES) set.add(form);
  return set.size < MAX_VALUES || set.has(form);
}
