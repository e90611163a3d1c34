import type { MessageInitShape } from '@bufbuild/protobuf';
import type { PatchDataRequestSchema, PushBundleRequestSchema } from '../gen/assent/v1/policy_pb.js';
import type { BundleContent, PushOptions } from '../model/verbs.ts';
import { wrongField } from './failure.ts';
import { anything, bytes, type Check, demand, flag, object, oneOf, optional, textByName } from './shape.ts';
import { NotJson, strictValue } from './strict-json.ts';

interface Replacement {
  readonly value: unknown;
}
interface Removal {
  readonly remove: true;
}
/** A value to put in the place of what is there, or to take it away. */
export type DataChange = Replacement | Removal;

const REPLACEMENT = object<Replacement>({ value: anything }, { bare: true });
const REMOVAL = object<Removal>({ remove: oneOf(true) }, { bare: true });

export const PUSH_OPTIONS = object<Partial<PushOptions>>(
  { validateOnly: optional(flag), allowUntested: optional(flag) },
  { bare: true },
);

const CONTENTS: Readonly<Record<BundleContent['kind'], Check>> = {
  bundle: object<Extract<BundleContent, { kind: 'bundle' }>>({ kind: anything, bytes }),
  sources: object<Extract<BundleContent, { kind: 'sources' }>>({
    kind: anything,
    files: (files, field) =>
      files instanceof Map
        ? textByName(Object.fromEntries(files), field)
        : { field, problem: 'is not a map of strings' },
  }),
};

/** @throws AssentError for what is neither a bundle nor sources */
export function contentMessage(
  content: BundleContent,
): NonNullable<MessageInitShape<typeof PushBundleRequestSchema>['content']> {
  const known = typeof content === 'object' && content !== null && Object.hasOwn(CONTENTS, content.kind);
  if (!known) throw wrongField('content', 'is not of the kind bundle or sources');
  demand(CONTENTS[content.kind], content, 'content');
  if (content.kind === 'bundle') return { case: 'bundle', value: content.bytes };
  return { case: 'sources', value: { files: Object.fromEntries(content.files) } };
}

/** @throws AssentError for what neither replaces nor removes, or does both */
export function changeMessage(
  change: DataChange,
): NonNullable<MessageInitShape<typeof PatchDataRequestSchema>['change']> {
  const removes = typeof change === 'object' && change !== null && 'remove' in change;
  demand(removes ? REMOVAL : REPLACEMENT, change, 'change');
  return 'remove' in change
    ? { case: 'remove', value: true }
    : { case: 'valueJson', value: jsonBytes(change.value) };
}

function jsonBytes(value: unknown): Uint8Array {
  try {
    return new TextEncoder().encode(JSON.stringify(strictValue(value, 'value')));
  } catch (cause) {
    // Another error than ours comes out of the value itself, and could quote it.
    throw cause instanceof NotJson
      ? wrongField(cause.path, cause.problem)
      : wrongField('value', 'cannot be read');
  }
}

/** @throws AssentError for what is no version */
export function versionOf(version: number): bigint {
  if (!Number.isSafeInteger(version) || version < 0)
    throw wrongField('expectedVersion', 'is not a whole number, 0 or more');
  return BigInt(version);
}
