/**
 * The seed: what bundles brought in their `data.json`, kept beside them. It only ever gains paths. A push or a
 * rollback of rules changes nothing that stands in it, so neither brings an old list back nor drops an entry;
 * to change or take away is for data documents, which are laid over it.
 */
import {
  canonicalJson,
  isJsonObject,
  JsonError,
  type JsonObject,
  type JsonValue,
  parseJson,
} from '../model/json.ts';
import { isPath } from './path.ts';
import { BundleError } from './tar.ts';

/** Canonical JSON, all bundles together: one command of a store that is reached over the network. */
const MAX_SEED_BYTES = 8 * 1024 * 1024;
/** A file's own nesting below the folders it lies in; what was taken from an author is not measured again. */
const MAX_SEED_DEPTH = 512;
/** Paths that an answer names. */
const MAX_KEPT = 100;

/** @throws BundleError when the bytes are no JSON object: what the store holds is not what was written */
export function readSeed(bytes: Uint8Array | undefined): JsonObject {
  if (bytes === undefined) return Object.create(null);
  try {
    const seed = parseJson(bytes, { maxDepth: MAX_SEED_DEPTH });
    if (isJsonObject(seed)) return seed;
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
  }
  throw new BundleError('the stored data cannot be read');
}

/** @throws BundleError over 8 MiB */
export function writeSeed(seed: JsonObject): Uint8Array {
  const bytes = new TextEncoder().encode(canonicalJson(seed));
  if (bytes.length > MAX_SEED_BYTES)
    throw new BundleError(
      `with what it adds, the data that bundles brought is over ${MAX_SEED_BYTES} bytes: patch large values in`,
      'data.json',
    );
  return bytes;
}

/** The seed with every path of a bundle's data that it lacks; the seed itself when it lacks none. */
export function grow(seed: JsonObject, brought: JsonObject): JsonObject {
  let out: Record<string, JsonValue> | undefined;
  for (const [name, value] of Object.entries(brought)) {
    const there = memberOf(seed, name);
    const next = there === undefined ? value : grown(there, value);
    if (next === there) continue;
    out ??= Object.assign<Record<string, JsonValue>, JsonObject>(Object.create(null), seed);
    out[name] = next;
  }
  return out ?? seed;
}

/**
 * Where a bundle's data says something else than what is in force: at most 100 paths, each one that a patch
 * takes (the nearest above, where a name has a slash or a path is too long).
 */
export function keptInstead(brought: JsonObject, inForce: JsonObject): readonly string[] {
  const found = new Set<string>();
  const walk = (value: JsonValue, there: JsonValue | undefined, steps: readonly string[]): void => {
    if (found.size >= MAX_KEPT) return;
    if (isJsonObject(value) && isJsonObject(there)) {
      for (const [name, member] of Object.entries(value))
        walk(member, memberOf(there, name), [...steps, name]);
    } else if (there === undefined || canonicalJson(value) !== canonicalJson(there))
      found.add(nearest(steps));
  };
  walk(brought, inForce, []);
  return [...found];
}

/** Only objects grow: an array, as any other leaf, is one value. */
function grown(there: JsonValue, value: JsonValue): JsonValue {
  return isJsonObject(there) && isJsonObject(value) ? grow(there, value) : there;
}

function memberOf(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function nearest(steps: readonly string[]): string {
  let most = steps;
  while (most.length > 0 && !isPath(most)) most = most.slice(0, -1);
  return most.join('/');
}
