import { isJsonObject, type JsonValue } from '../model/json.ts';
import { isOwnCode, type Remedy } from '../model/reason.ts';
import { checkCount } from './names.ts';
import { BundleError } from './tar.ts';

/** What a bundle says of a `policy.*` code that it declares; a rule may say its own words and remedy. */
export interface CodeEntry {
  readonly words: string;
  readonly remedy: Remedy;
}
export type Codes = ReadonlyMap<string, CodeEntry>;

const CODE = /^policy\.[a-z][a-z0-9_]{0,63}$/;
const PLAIN: CodeEntry = { words: 'a rule of the policy applies', remedy: 'stop' };
const REMEDIES: readonly Remedy[] = ['retry_later', 'change_arguments', 'ask_human', 'step_up', 'stop'];

/**
 * The codes that a manifest declares: a list of `policy.*` names, or an object of name → `{words?, remedy?}`.
 * @throws BundleError when a name is not of that form or is one of ours, or there are more than 500
 */
export function readCodes(value: JsonValue | undefined): Codes {
  if (value === undefined) return new Map();
  if (Array.isArray(value)) {
    checkCount(value.length, 'metadata.codes');
    return new Map(value.map((code) => [codeOf(code), PLAIN]));
  }
  if (!isJsonObject(value)) throw new BundleError('`metadata.codes` is no list of codes', '.manifest');
  const entries = Object.entries(value);
  checkCount(entries.length, 'metadata.codes');
  return new Map(entries.map(([code, entry]) => [codeOf(code), entryOf(entry)]));
}

/** The remedy of this name; undefined where there is none. */
export function remedyOf(value: JsonValue | undefined): Remedy | undefined {
  return REMEDIES.find((remedy) => remedy === value);
}

function codeOf(code: JsonValue): string {
  if (typeof code !== 'string' || !CODE.test(code) || isOwnCode(code))
    throw new BundleError('`metadata.codes` holds what is no code of a policy', '.manifest');
  return code;
}

function entryOf(value: JsonValue): CodeEntry {
  const { words = PLAIN.words, remedy = PLAIN.remedy } = isJsonObject(value) ? value : {};
  const known = remedyOf(remedy);
  if (
    !isJsonObject(value) ||
    typeof words !== 'string' ||
    words === '' ||
    words.length > 512 ||
    known === undefined
  )
    throw new BundleError('`metadata.codes` describes a code by other than words and remedy', '.manifest');
  return { words, remedy: known };
}
