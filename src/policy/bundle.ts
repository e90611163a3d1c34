/**
 * Reads a policy bundle as OPA lays it out (`opa build -t wasm`): a gzipped tar with `/policy.wasm`,
 * `data.json` files and `/.manifest`. The bytes are the author's, so they are hostile until read.
 */
import { isJsonObject, JsonError, type JsonObject, type JsonValue, parseJson } from '../model/json.ts';
import { type Codes, readCodes } from './codes.ts';
import { checkCount, ENTRYPOINT, isName, MAX_NAMES } from './names.ts';
import { isPath } from './path.ts';
import { BundleError } from './tar.ts';
import { textOf, unpackBundle } from './unpack.ts';
import { readWarm, WARM_FILE } from './warm.ts';

const MAX_DEPTH = 32;
/** 500 codes with the longest words there may be, every character escaped, and 500 roots leave some of it free. */
const MAX_MANIFEST_BYTES = 2 * 1024 * 1024;
/** Those of an author, and what every bundle of ours has: `assent`, `lib`, `limits`, `rules`. */
const MAX_ROOTS = MAX_NAMES + 4;
/** A page of activations, each with its roots, is one message. */
const MAX_ROOT_BYTES = 128;
/** What `opa build --revision` takes is anything; versions and hashes are of these. */
const REVISION = /^[A-Za-z0-9._:@/+-]{0,128}$/;

/** Packages of ours and of the authors: no data document may stand where a package does. */
export const PACKAGES: readonly string[] = ['assent', 'rules', 'lib', 'system'];

export interface Manifest {
  /** What the author calls it (`metadata.name`, else `revision`); we go by the content's hash. */
  readonly name: string;
  /** What the bundle owns: slash-separated prefixes, `""` is everything. */
  readonly roots: readonly string[];
  /** `policy.*` codes that its rules may use. */
  readonly codes: Codes;
  /** Rises with each push of its author, where there is one; an older one is not taken after a newer. */
  readonly sequence: number | undefined;
}

export interface Bundle {
  readonly manifest: Manifest;
  readonly wasm: Uint8Array;
  readonly data: JsonObject;
  /** The Rego that came along, by name: not evaluated here. */
  readonly sources: ReadonlyMap<string, string>;
  /** Inputs to warm an instance with, as JSON; none where its builder captured none. */
  readonly warm: readonly string[];
}

/**
 * @throws BundleError with the file where there is one: what `unpackBundle` and `readWarm` refuse, a layout or
 * manifest that is not as described or over 2 MiB, over 500 codes or 504 roots, Rego that is not UTF-8, data outside the roots, a signature (no keys are configured to verify it), a
 * delta, no entry point `assent/verdict`
 */
export async function readBundle(bytes: Uint8Array): Promise<Bundle> {
  const { files, written, wasm } = await openBundle(bytes);
  const roots = readRoots(written['roots']);
  const data = readData(files, roots);
  const metadata = written['metadata'] ?? {};
  if (!isJsonObject(metadata)) throw new BundleError('`metadata` is not an object', '.manifest');
  const sources = [...files].filter(([name]) => name.endsWith('.rego'));
  return {
    wasm,
    data,
    warm: readWarm(files.get(WARM_FILE)),
    sources: new Map(sources.map(([name, content]) => [name, textOf(content, name)])),
    manifest: {
      name: readName(metadata['name'], written['revision']),
      roots,
      codes: readCodes(metadata['codes']),
      sequence: readSequence(metadata['sequence']),
    },
  };
}

/**
 * The module of a bundle alone: no data is parsed, which may take a hundred times its bytes.
 * @throws BundleError as `readBundle`, for the archive, the names of its files, a manifest that cannot be read, the module
 */
export async function readModule(bytes: Uint8Array): Promise<Uint8Array> {
  return (await openBundle(bytes)).wasm;
}

/** What is in a bundle, with its manifest as it is written. */
interface Opened {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly written: JsonObject;
  readonly wasm: Uint8Array;
}

async function openBundle(bytes: Uint8Array): Promise<Opened> {
  const files = await unpackBundle(bytes);
  for (const name of files.keys()) checkName(name);
  const written = readManifest(files);
  const wasm = files.get(modulePath(written['wasm'], files));
  if (wasm === undefined) throw new BundleError('the manifest names a module that is not there', '.manifest');
  return { files, written, wasm };
}

/** Whether a data path (its segments) lies inside the bundle's roots and outside every package. */
export function ownsData(roots: readonly string[], path: readonly string[]): boolean {
  const [first] = path;
  if (first === undefined || PACKAGES.includes(first)) return false;
  return roots.some((root) => root === '' || startsWithSteps(path, root.split('/')));
}

function checkName(name: string): void {
  const base = name.slice(name.lastIndexOf('/') + 1);
  if (name.endsWith('signatures.json'))
    throw new BundleError('the bundle is signed, and no keys are configured to verify it', name);
  if (name.endsWith('.manifest') && name !== '.manifest')
    throw new BundleError('a manifest stands elsewhere than at the root', name);
  if (base === 'patch.json') throw new BundleError('delta bundles are not taken', name);
  if (base === 'data.yaml' || base === 'data.yml')
    throw new BundleError('data is taken as `data.json` only', name);
}

function readObject(files: ReadonlyMap<string, Buffer>, name: string): JsonObject {
  const content = files.get(name);
  if (content === undefined) throw new BundleError(`the bundle has no \`${name}\``);
  let value: JsonValue;
  try {
    value = parseJson(content, { maxDepth: MAX_DEPTH });
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    throw new BundleError(cause.path === '' ? cause.message : `\`${cause.path}\` ${cause.message}`, name);
  }
  if (!isJsonObject(value)) throw new BundleError('is not an object', name);
  return value;
}

function readManifest(files: ReadonlyMap<string, Buffer>): JsonObject {
  const { length = 0 } = files.get('.manifest') ?? {};
  if (length > MAX_MANIFEST_BYTES)
    throw new BundleError(`the manifest is over ${MAX_MANIFEST_BYTES} bytes`, '.manifest');
  return readObject(files, '.manifest');
}

/** BUN-1 of our reading of OPA: relative, no dot segments, none inside another; absent means everything. */
function readRoots(value: JsonValue | undefined): readonly string[] {
  if (value === undefined) return [''];
  if (!Array.isArray(value) || value.length === 0 || !value.every((root) => typeof root === 'string'))
    throw new BundleError('`roots` is not a list of paths', '.manifest');
  const roots = value as readonly string[];
  checkCount(roots.length, 'roots', MAX_ROOTS);
  if (roots.some((root) => Buffer.byteLength(root) > MAX_ROOT_BYTES))
    throw new BundleError(`a root is over ${MAX_ROOT_BYTES} bytes`, '.manifest');
  if (!roots.every((root) => root === '' || isPath(root.split('/'))))
    throw new BundleError('a root is not a plain relative path', '.manifest');
  // Sorted, whatever lies inside a root comes right after it.
  const ways = roots.map((root) => (root === '' ? '' : `${root}/`)).sort();
  if (ways.some((way, i) => i > 0 && way.startsWith(ways[i - 1] ?? '')))
    throw new BundleError('a root lies inside another', '.manifest');
  return roots;
}

/** The one module, and its entry point: two policies in one bundle would leave open which of them decides. */
function modulePath(value: JsonValue | undefined, files: ReadonlyMap<string, Buffer>): string {
  const modules = [...files.keys()].filter((name) => name.endsWith('.wasm'));
  if (modules.length > 1) throw new BundleError('the bundle has more than one module', modules[1]);
  const entries: readonly JsonValue[] = Array.isArray(value) ? value : [];
  const named = entries.filter((entry) => isJsonObject(entry) && entry['entrypoint'] === ENTRYPOINT);
  const [entry, again] = named;
  if (entry === undefined)
    throw new BundleError(`no module has the entry point \`${ENTRYPOINT}\``, '.manifest');
  if (again !== undefined) throw new BundleError('an entry point is named twice', '.manifest');
  const path = isJsonObject(entry) ? entry['module'] : undefined;
  if (typeof path !== 'string') throw new BundleError('an entry point names no module', '.manifest');
  return path.replace(/^\//, '');
}

function readData(files: ReadonlyMap<string, Buffer>, roots: readonly string[]): JsonObject {
  const data: Record<string, JsonValue> = Object.create(null);
  // Sorted, so that outer documents come before what is mounted inside them.
  for (const name of [...files.keys()].sort()) {
    if (name !== 'data.json' && !name.endsWith('/data.json')) continue;
    mount(data, name.split('/').slice(0, -1), readObject(files, name), name);
  }
  checkRoots(data, [], roots);
  return data;
}

function mount(
  data: Record<string, JsonValue>,
  steps: readonly string[],
  value: JsonObject,
  file: string,
): void {
  let at = data;
  for (const step of steps) {
    const inner = at[step] ?? Object.create(null);
    if (!isJsonObject(inner) || step === '__proto__')
      throw new BundleError('two data files claim one place', file);
    at = at[step] = { ...inner };
  }
  for (const [name, member] of Object.entries(value)) {
    if (Object.hasOwn(at, name)) throw new BundleError('two data files claim one place', file);
    at[name] = member;
  }
}

/** Everything the data holds lies inside a root; an object above a root's end is only the way to it. */
function checkRoots(value: JsonValue, path: readonly string[], roots: readonly string[]): void {
  if (ownsData(roots, path)) return;
  if (!isJsonObject(value) || PACKAGES.includes(path[0] ?? ''))
    throw new BundleError(
      `\`${path.join('/').slice(0, 256)}\` is outside the roots, or where packages are`,
      'data.json',
    );
  for (const [name, member] of Object.entries(value)) checkRoots(member, [...path, name], roots);
}

function startsWithSteps(path: readonly string[], steps: readonly string[]): boolean {
  return steps.every((step, i) => path[i] === step);
}

/** As for sources; without one, a revision that OPA wrote. Both are for people: what decides is the content's hash. */
function readName(name: JsonValue | undefined, revision: JsonValue = ''): string {
  if (name !== undefined && name !== '') {
    if (isName(name)) return name;
    throw new BundleError('`metadata.name` is lower case letters, digits, `_` and `-`', '.manifest');
  }
  if (typeof revision !== 'string' || !REVISION.test(revision))
    throw new BundleError('`revision` is at most 128 letters, digits and `._:@/+-`', '.manifest');
  return revision;
}

function readSequence(value: JsonValue | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new BundleError('`metadata.sequence` is not a whole number', '.manifest');
  return value;
}
