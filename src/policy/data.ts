/**
 * Data that rules look things up in: what bundles brought, with documents laid over it. It has versions of its
 * own, so a blocklist outlives the rules that it was pushed beside, and rolling those back brings none back old.
 */
import { createHash } from 'node:crypto';
import {
  canonicalJson,
  isJsonObject,
  JsonError,
  type JsonObject,
  type JsonValue,
  parseJson,
} from '../model/json.ts';
import { type Bundle, ownsData } from './bundle.ts';
import { readPath } from './path.ts';
import { grow, keptInstead, readSeed, writeSeed } from './seed.ts';
import type { DataDocument } from './store.ts';
import { BundleError } from './tar.ts';

const MAX_DEPTH = 32;

/** What data is made of, apart from the bundle. */
export interface DataLayers {
  /** What bundles brought so far, canonical JSON; undefined while none brought anything. */
  readonly seed?: Uint8Array | undefined;
  /** Oldest first. */
  readonly documents: readonly DataDocument[];
}

/** What became of a bundle's own data. */
export interface DataFacts {
  /** SHA-256 of the data in force, hex. */
  readonly digest: string;
  /** The seed that holds what the bundle added; undefined when it added nothing. */
  readonly gained: Uint8Array | undefined;
  /** Paths where the bundle says something else than what is in force; at most 100. */
  readonly kept: readonly string[];
}

/**
 * The data in force under a bundle, as JSON text, with what the bundle adds to the seed counted in.
 * @throws BundleError when the seed would be over 8 MiB, or stored data is not strict JSON
 */
export function compose(
  { data, manifest: { roots } }: Pick<Bundle, 'data' | 'manifest'>,
  { seed, documents }: DataLayers,
): { readonly text: Uint8Array; readonly facts: DataFacts } {
  const before = readSeed(seed);
  const grown = grow(before, data);
  const gained = grown === before ? undefined : writeSeed(grown);
  const inForce = layOver(within(grown, roots), parseDocuments(documents), roots);
  const text = new TextEncoder().encode(canonicalJson(inForce));
  const digest = createHash('sha256').update(text).digest('hex');
  return { text, facts: { digest, gained, kept: keptInstead(data, inForce) } };
}

/** What rules that own `roots` see. @throws BundleError when stored data is not strict JSON */
export function dataInForce({ seed, documents }: DataLayers, roots: readonly string[]): JsonObject {
  return layOver(within(readSeed(seed), roots), parseDocuments(documents), roots);
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

/**
 * The seed with the documents laid over it, oldest first. Missing objects on the way are made, and
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

/** What of the seed the roots own: the rest waits for the bundles that own it. */
function within(seed: JsonObject, roots: readonly string[]): JsonObject {
  const owned = roots.flatMap((root) =>
    root === '' ? Object.keys(seed).map((name) => [name]) : [root.split('/')],
  );
  let out: JsonObject = Object.create(null);
  for (const steps of owned) {
    const value = lookUp(seed, steps);
    if (value !== undefined && ownsData(roots, steps)) out = placed(out, steps, value);
  }
  return out;
}

function parseDocuments(documents: readonly DataDocument[]): readonly ParsedDocument[] {
  return documents.map(({ path, value }) => ({
    path,
    value: value === undefined ? undefined : parse(value, path),
  }));
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
