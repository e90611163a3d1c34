/**
 * What an author hands in: paths and texts, checked before anything reads them. Every byte is hostile.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { isJsonObject, JsonError, type JsonObject, type JsonValue, parseJson } from '../model/json.ts';
import { type Codes, readCodes } from './codes.ts';
import { isName, MAX_NAMES } from './names.ts';
import { BundleError } from './tar.ts';
import { textOf } from './unpack.ts';

export { BundleError } from './tar.ts';

/** Files by path, as UTF-8 text: `*.rego`, `manifest.json`, `data.json`. */
export type Sources = ReadonlyMap<string, string>;

/** What is wrong, and where: line and column count from 1, and are 0 where there is no place to name. */
export interface PolicyProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `rego_*` are OPA's, `assent_*` ours. */
  readonly code: string;
  readonly message: string;
}

/** `manifest.json`: what a bundle says of itself. */
export interface PolicyManifest {
  readonly name: string;
  /** The `policy.*` reason codes that its rules give, with the words and the remedy for the agent. */
  readonly codes: Codes;
  /** Keys of `data` that it reads and that data pushes may set. */
  readonly data: readonly string[];
}

export interface CheckedSources {
  readonly manifest: PolicyManifest;
  readonly data: JsonObject;
  readonly rego: Readonly<Record<string, string>>;
}

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_FILES = 500;
const MAX_PATH = 90;
const DATA_DEPTH = 32;
const PATH = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/;
const DATA_KEY = /^[a-z][a-z0-9_]{0,63}$/;
const OUR_ROOTS: ReadonlySet<string> = new Set(['assent', 'rules', 'lib', 'system']);

/**
 * Reads the files of a folder that a bundle is made of; anything else in it is left alone.
 * @throws BundleError naming the file that is not UTF-8
 */
export function readSources(folder: string): Sources {
  const sources = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/');
    if (entry.isFile() && isSource(path)) sources.set(path, textOf(readFileSync(join(folder, path)), path));
  }
  return sources;
}

function isSource(path: string): boolean {
  return path.endsWith('.rego') || path === 'manifest.json' || path === 'data.json';
}

/** Checks sizes, paths, manifest and data; gives every problem found, not only the first. */
export function checkSources(sources: Sources): CheckedSources | readonly PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const refuse = (file: string, message: string) => {
    problems.push({ file, line: 0, column: 0, code: 'assent_sources', message });
  };
  if (sources.size > MAX_FILES) return [problem('', `there are more than ${MAX_FILES} files`)];
  let bytes = 0;
  const rego: Record<string, string> = Object.create(null);
  for (const [path, text] of sources) {
    bytes += Buffer.byteLength(text);
    if (bytes > MAX_BYTES) return [problem('', `the files are larger than ${MAX_BYTES} bytes together`)];
    if (path.length > MAX_PATH || !PATH.test(path)) {
      refuse(
        path.slice(0, MAX_PATH),
        `a path is at most ${MAX_PATH} letters, digits, \`_\`, \`-\`, \`.\` and \`/\``,
      );
    } else if (path.startsWith('assent/')) {
      refuse(path, 'the folder `assent` belongs to the library');
    } else if (!isSource(path)) {
      refuse(path, 'a bundle is made of `*.rego`, and of `manifest.json` and `data.json` at its top');
    } else if (path.endsWith('.rego')) {
      rego[path] = text;
    }
  }
  const manifest = readManifest(sources.get('manifest.json'), refuse);
  const data = readData(sources.get('data.json'), manifest, refuse);
  return problems.length > 0 ? problems : { manifest, data, rego };
}

export function problem(file: string, message: string): PolicyProblem {
  return { file, line: 0, column: 0, code: 'assent_sources', message };
}

type Refuse = (file: string, message: string) => void;

const EMPTY: PolicyManifest = { name: '', codes: new Map(), data: [] };

function readManifest(text: string | undefined, refuse: Refuse): PolicyManifest {
  const file = 'manifest.json';
  if (text === undefined) {
    refuse(
      file,
      'is missing: it names the bundle, its reason codes and its data, as {"name", "codes", "data"}',
    );
    return EMPTY;
  }
  const value = readJson(file, text, refuse);
  if (value === undefined) return EMPTY;
  for (const key of Object.keys(value))
    if (!['name', 'codes', 'data'].includes(key)) refuse(file, `has no member \`${key.slice(0, 64)}\``);
  const name = value['name'];
  if (!isName(name)) refuse(file, '`name` is lower case letters, digits, `_` and `-`');
  const data = readKeys(value['data']);
  if (data === undefined)
    refuse(file, '`data` is a list of distinct keys, none of them `assent`, `rules`, `lib`, `system`');
  return {
    name: isName(name) ? name : '',
    codes: codesOf(value['codes'], refuse),
    data: data ?? [],
  };
}

function codesOf(value: JsonValue | undefined, refuse: Refuse): Codes {
  try {
    return readCodes(value);
  } catch (cause) {
    if (!(cause instanceof BundleError)) throw cause;
    refuse('manifest.json', cause.message.replace('metadata.codes', 'codes'));
  }
  return EMPTY.codes;
}

function readKeys(value: JsonValue | undefined): string[] | undefined {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > MAX_NAMES) return undefined;
  const names = new Set<string>();
  for (const item of value as readonly JsonValue[]) {
    if (typeof item !== 'string' || !DATA_KEY.test(item) || OUR_ROOTS.has(item) || names.has(item))
      return undefined;
    names.add(item);
  }
  return [...names];
}

function readData(text: string | undefined, manifest: PolicyManifest, refuse: Refuse): JsonObject {
  const value = text === undefined ? undefined : readJson('data.json', text, refuse);
  for (const key of Object.keys(value ?? {}))
    if (!manifest.data.includes(key))
      refuse('data.json', `\`${key.slice(0, 64)}\` is not declared in manifest.json`);
  return value ?? {};
}

function readJson(file: string, text: string, refuse: Refuse): JsonObject | undefined {
  try {
    const value = parseJson(text, { maxDepth: DATA_DEPTH });
    if (isJsonObject(value)) return value;
    refuse(file, 'is not a JSON object');
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    refuse(file, cause.path === '' ? cause.message : `\`${cause.path.slice(0, 128)}\` ${cause.message}`);
  }
  return undefined;
}
