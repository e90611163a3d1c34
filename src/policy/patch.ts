/** One change of data by its owners, and a look at what stands: what is refused, and in which words. */
import type { JsonValue } from '../model/json.ts';
import { Malformed, Rejection } from '../model/refusal.ts';
import { ownsData } from './bundle.ts';
import { dataInForce, lookUp, replacedBy } from './data.ts';
import type { Loaded } from './load.ts';
import { readPath } from './path.ts';
import type { Active } from './prepare.ts';
import type { PolicyRoom } from './room.ts';
import type { DataDocument, StoredData } from './store.ts';
import { BundleError } from './tar.ts';

const MAX_VALUE_BYTES = 1024 * 1024;
const MAX_DOCUMENTS = 10_000;
const NOTHING_THERE = 'there is no data at that path';

/** @throws Malformed on `path`; Rejection NOT_FOUND where nothing stands */
export async function readData({ data, seed, loaded }: Active, path: string): ReturnType<PolicyRoom['data']> {
  const steps = readPath(path);
  const value = lookUp(dataInForce({ seed, documents: data.documents }, loaded.manifest.roots), steps);
  if (value === undefined) throw new Rejection('NOT_FOUND', 'DATA_NOT_FOUND', NOTHING_THERE);
  return { value, version: data.version };
}

/** @throws Malformed on `path`; Rejection ABORTED when the version is another */
export function checkPatch(
  { data, loaded }: Active,
  path: string,
  expectedVersion: number | undefined,
): void {
  if (!ownsData(loaded.manifest.roots, readPath(path)))
    throw new Malformed('path', 'is below no data root of the active bundle');
  if (expectedVersion === undefined || expectedVersion === data.version) return;
  const words = `the data is at version ${data.version}, not ${expectedVersion}`;
  throw new Rejection('ABORTED', 'DATA_VERSION_CHANGED', words, { version: String(data.version) });
}

/**
 * That taking away changed something: it always does where something stood.
 * @throws Rejection NOT_FOUND
 */
export function checkRemoved(before: Loaded, after: Loaded): void {
  if (before.data.digest === after.data.digest)
    throw new Rejection('NOT_FOUND', 'DATA_NOT_FOUND', NOTHING_THERE);
}

/**
 * The data with one more document, and the paths of those that it makes moot.
 * @throws Rejection FAILED_PRECONDITION over 10,000 documents
 */
export function withDocument(
  data: StoredData,
  document: DataDocument,
): { readonly changed: StoredData; readonly replaced: readonly string[] } {
  const replaced = replacedBy(document.path, data.documents);
  const documents = [...data.documents.filter(({ path }) => !replaced.includes(path)), document];
  if (documents.length > MAX_DOCUMENTS)
    throw new Rejection('FAILED_PRECONDITION', 'DATA_FULL', 'there are too many data documents');
  return { changed: { ...data, version: document.version, documents }, replaced };
}

/** @throws Malformed on `value_json` over 1 MiB */
export function writeValue(value: JsonValue): string {
  // Not canonical: nothing is hashed over it, and a large one would hold asks up three times as long.
  const text = JSON.stringify(value);
  if (Buffer.byteLength(text) > MAX_VALUE_BYTES) throw new Malformed('value_json', 'is over 1 MiB');
  return text;
}

/** What the policy could not load with this data, as a refusal of the data. */
export function rejectData(cause: unknown): never {
  if (!(cause instanceof BundleError)) throw cause;
  const facts = { problem: cause.message };
  throw new Rejection(
    'FAILED_PRECONDITION',
    'DATA_REFUSED',
    'the policy does not load with this data',
    facts,
  );
}
