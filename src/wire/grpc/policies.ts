import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type ActivationSchema,
  type PatchDataRequest,
  PolicyService,
  type PushBundleRequest,
} from '../../gen/assent/v1/policy_pb.js';
import { canonicalJson, type JsonValue } from '../../model/json.ts';
import { Malformed } from '../../model/refusal.ts';
import type { Activation, BundleContent, DataPatch } from '../../model/verbs.ts';
import { jsonValue, MIB, page } from './fields.ts';
import type { House } from './house.ts';
import { type Answer, verb } from './methods.ts';

const MAX_BUNDLE = 3 * MIB;
const MAX_FILES = 500;
const MAX_FILE_NAME = 256;
const MAX_DATA_PATH = 512;
const MAX_VALUE = MIB;

// Relative, below the bundle's root: no empty, hidden-up or rooted segment, no drive, nothing unseen.
const FILE_NAME = /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._@+=~-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._@+=~-]+)*$/;
const DATA_PATH = /^[^/\p{Cc}]+(?:\/[^/\p{Cc}]+)*$/u;
const REVISION = /^[0-9a-f]{64}$/;

export function policyAnswers({
  verbs: { policies },
}: House): Readonly<Record<keyof typeof PolicyService.method, Answer>> {
  const { method } = PolicyService;
  return {
    pushBundle: verb(method.pushBundle, async (pep, request) => {
      const { validateOnly, allowUntested } = request;
      const pushed = await policies.push(pep, decodeContent(request), { validateOnly, allowUntested });
      return { ...pushed, activation: encodeActivation(pushed.activation), keptData: [...pushed.keptData] };
    }),
    listBundles: verb(method.listBundles, async (pep, request) => {
      const listed = await policies.list(pep, page(request));
      return { activations: listed.activations.map(encodeActivation), nextPageToken: listed.nextToken };
    }),
    rollbackBundle: verb(method.rollbackBundle, async (pep, { revision }) => {
      if (revision !== '' && !REVISION.test(revision))
        throw new Malformed('revision', 'must be a sha-256 in lower-case hex');
      return {
        activation: encodeActivation(await policies.rollback(pep, revision === '' ? undefined : revision)),
      };
    }),
    patchData: verb(method.patchData, async (pep, request, gone) => {
      const path = dataPath(request.path);
      if (path === '') throw new Malformed('path', 'is required');
      const { change, expectedVersion } = request;
      const bytes = change.case === 'valueJson' ? change.value.length : 0;
      const asked: DataPatch = { bytes, read: () => decodeChange(request), gone };
      const version = await policies.patch(pep, path, asked, decodeVersion(expectedVersion));
      return { version: BigInt(version) };
    }),
    getData: verb(method.getData, async (pep, request) => {
      const { value, version } = await policies.data(pep, dataPath(request.path));
      return { valueJson: Uint8Array.from(Buffer.from(canonicalJson(value))), version: BigInt(version) };
    }),
  };
}

function decodeContent({ content }: PushBundleRequest): BundleContent {
  switch (content.case) {
    case 'bundle':
      if (content.value.length === 0) throw new Malformed('bundle', 'is empty');
      if (content.value.length > MAX_BUNDLE) throw new Malformed('bundle', 'is larger than 3 MiB');
      return { kind: 'bundle', bytes: content.value };
    case 'sources':
      return { kind: 'sources', files: decodeFiles(content.value.files) };
    case undefined:
      throw new Malformed('content', 'is required');
    default:
      return content satisfies never;
  }
}

function decodeFiles(entries: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const files = new Map(Object.entries(entries));
  if (files.size === 0) throw new Malformed('sources.files', 'is required');
  if (files.size > MAX_FILES) throw new Malformed('sources.files', `has more than ${MAX_FILES} entries`);
  let bytes = 0;
  for (const [name, text] of files) {
    if (name.length > MAX_FILE_NAME || !FILE_NAME.test(name))
      throw new Malformed('sources.files', 'has a name that is no relative path');
    bytes += Buffer.byteLength(text);
  }
  if (bytes > MAX_BUNDLE) throw new Malformed('sources.files', 'are larger than 3 MiB together');
  return files;
}

function decodeChange({
  change,
}: PatchDataRequest): { readonly value: JsonValue } | { readonly remove: true } {
  switch (change.case) {
    case 'valueJson':
      return { value: jsonValue(change.value, 'value_json', MAX_VALUE) };
    case 'remove':
      if (!change.value) throw new Malformed('remove', 'must be true');
      return { remove: true };
    case undefined:
      throw new Malformed('change', 'is required');
    default:
      return change satisfies never;
  }
}

function decodeVersion(version: bigint | undefined): number | undefined {
  if (version === undefined) return undefined;
  if (version > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed('expected_version', 'is out of range');
  return Number(version);
}

/** Empty, or segments with a slash between them. */
function dataPath(path: string): string {
  if (path === '') return '';
  if (path.length > MAX_DATA_PATH || !DATA_PATH.test(path))
    throw new Malformed('path', 'must be segments joined by `/`, at most 512 characters');
  if (path.split('/').includes('__proto__')) throw new Malformed('path', 'holds a reserved name');
  return path;
}

function encodeActivation(activation: Activation): MessageInitShape<typeof ActivationSchema> {
  return {
    number: BigInt(activation.number),
    revision: activation.revision,
    name: activation.name,
    time: timestampFromMs(activation.at),
    pushedBy: activation.pushedBy,
    active: activation.active,
    dataRoots: [...activation.dataRoots],
  };
}
