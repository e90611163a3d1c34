/**
 * Data that rules look things up in: what the bundle brought, with documents of its own versions laid over it.
 * So a blocklist outlives the rules that it was pushed beside, and rolling those back does not bring it back old.
 */
import { isJsonObject, JsonError, type JsonObject, type JsonValue, parseJson } from '../model/json.ts';
import { Malformed } from '../model/refusal.ts';
import { ownsData } from './bundle.ts';
import type { DataDocument } from './store.ts';
import { BundleError } from './tar.ts';

const MAX_PATH = 1024;
const MAX_STEPS = 16;
const MAX_DEPTH = 32;
/** Steps that somebody could read as another place. */
const RESERVED: ReadonlySet<string> = new Set(['', '.', '..', '__proto__']);

/**
 * The steps of a path such as `finance/blocked_vendors`; none for the empty path, which names all data.
 * @throws Malformed on `path`: over 1,024 characters or 16 steps, a step that is empty, `.`, `..` or `__proto__`,
 * control characters
 */
export function readPath(path: string): readonly string[] {
  if (path === '') return [];
  const steps = path.split('/');
  if (path.length > MAX_PATH || steps.length > MAX_STEPS)
    throw new Malformed('path', `has over ${MAX_STEPS} steps or ${MAX_PATH} characters`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
  if (steps.some((step) => RESERVED.has(step) || /[\u0000-\u001f\u007f]/.test(step)))
    throw new Malformed('path', 'has a step that is empty or reserved');
  return steps;
}

/** Paths of documents at or below this one: a newer document here makes them moot. */
export function replacedBy(path: string, documents: readonly DataDocument[]): readonly string[] {
  return documents
    .map((document) => document.path)
    .filter((other) => other === path || other.startsWith(`${path}/`));
}

export interface ParsedDocument {
  readonly path: string;
  readonly value: JsonValue | undefined;
}

/** @throws BundleError when a stored value is not strict JSON */
export function parseDocuments(documents: readonly DataDocument[]): readonly ParsedDocument[] {
  return documents.map(({ path, value }) => ({
    path,
    value: value === undefined ? undefined : parse(value, path),
  }));
}

/**
 * The bundle's data with the documents laid over it, oldest first. Missing objects on the way are made, and
 * anything else on the way gives place; documents outside the roots wait for a bundle that owns them.
 */
export function layOver(
  data: JsonObject,
  documents: readonly ParsedDocument[],
  roots: readonly string[],
): JsonObject {
  let out = data;
  for (const { path, value } of documents) {
    const steps = readPath(path);
    if (ownsData(roots, steps)) out = placed(out, steps, value);
  }
  return out;
}

/** What stands at a path; undefined where nothing does. */
export function lookUp(data: JsonObject, steps: readonly string[]): JsonValue | undefined {
  let at: JsonValue | undefined = data;
  for (const step of steps) at = isJsonObject(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  return at;
}

function parse(text: string, path: string): JsonValue {
  try {
    return parseJson(text, { maxDepth: MAX_DEPTH });
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    throw new BundleError(`the data document \`${path}\` ${cause.message}`);
  }
}

function placed(
  into: JsonValue | undefined,
  steps: readonly string[],
  value: JsonValue | undefined,
): JsonObject {
  const [step, ...rest] = steps;
  const copy: Record<string, JsonValue> = Object.assign(Object.create(null), isJsonObject(into) ? into : {});
  if (step === undefined) return copy;
  if (rest.length > 0) {
    // Taking away what is not there makes nothing on the way.
    if (value !== undefined || isJsonObject(copy[step])) copy[step] = placed(copy[step], rest, value);
  } else if (value === undefined) delete copy[step];
  else copy[step] = value;
  return copy;
}
