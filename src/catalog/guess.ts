import { isJsonObject, type JsonValue } from '../model/json.ts';
import { Malformed } from '../model/refusal.ts';
import type { Section } from './section.ts';

/** Characters of one reason. */
const MAX_REASON = 300;

/**
 * Checks the `guess` of an entry, which `assent catalog draft` writes and a person takes out line by line: the path
 * of a part of this entry (`class`, `identity`, `output`, `arguments.<name>`, `output.fields.<path>`) → why it was
 * guessed. Nothing is decided by it.
 * @throws Malformed naming a key that is no part of the entry, or a reason that is no short text
 */
export function checkGuess(entry: Section): void {
  if (!entry.has('guess')) return;
  const guess = entry.section('guess');
  for (const path of guess.keys()) {
    if (!isPart(entry, path)) throw new Malformed(guess.at(path.slice(0, 128)), 'is no part of this entry');
    const reason = guess.value(path);
    if (typeof reason !== 'string' || reason.length > MAX_REASON)
      throw new Malformed(guess.at(path.slice(0, 128)), `is not a text of at most ${MAX_REASON} characters`);
  }
}

function isPart(entry: Section, path: string): boolean {
  if (path === 'class' || path === 'identity' || path === 'output') return entry.has(path);
  if (path.startsWith('arguments.')) return holds(entry.value('arguments'), path.slice('arguments.'.length));
  if (!path.startsWith('output.fields.') || !entry.has('output')) return false;
  return holds(entry.section('output').value('fields'), path.slice('output.fields.'.length));
}

function holds(object: JsonValue | undefined, name: string): boolean {
  return isJsonObject(object) && Object.hasOwn(object, name);
}

/** The actions of a catalog file that hold guesses nobody has confirmed. Takes what `parseCatalog` took. */
export function guessedActions(json: JsonValue): readonly string[] {
  const actions = isJsonObject(json) ? json['actions'] : undefined;
  if (!isJsonObject(actions)) return [];
  return Object.entries(actions).flatMap(([name, entry]) => {
    const guess = isJsonObject(entry) ? entry['guess'] : undefined;
    return isJsonObject(guess) && Object.keys(guess).length > 0 ? [name] : [];
  });
}
