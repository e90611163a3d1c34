import { type Activation as ActivationMessage, PolicyService } from '../gen/assent/v1/policy_pb.js';
import { type JsonValue, parseJson } from '../model/json.ts';
import type { Activation, BundleContent } from '../model/verbs.ts';
import { type Calling, call, callOnce } from './call.ts';
import { AssentError, localFailure } from './failure.ts';
import { unixMs } from './mandate.ts';
import type { PageInput } from './sessions.ts';
import { strictValue } from './strict-json.ts';

export interface Pushed {
  /** What is active now, or would be. */
  readonly activation: Activation;
  readonly testsPassed: number;
  readonly coveragePercent: number;
}

/** All throw AssentError; a refused bundle's errors are its `fields`: file, line and column, and what is wrong. */
export interface PolicyCalls {
  /** Takes seconds. `validateOnly`: compile and test, but do not activate. */
  pushBundle(content: BundleContent, validateOnly?: boolean): Promise<Pushed>;
  listBundles(
    page?: PageInput,
  ): Promise<{ readonly activations: readonly Activation[]; readonly nextToken: string }>;
  /** Without a revision: the one that was active before. */
  rollback(revision?: string): Promise<Activation>;
  /** Replaces what is at `path` (`finance/blocked_vendors`), or removes it; returns the data's new version. */
  patchData(
    path: string,
    change: { readonly value: unknown } | { readonly remove: true },
    expectedVersion?: number,
  ): Promise<number>;
  getData(path?: string): Promise<{ readonly value: JsonValue; readonly version: number }>;
}

/** Compiling, testing and warming take seconds. */
const PUSH_TIMEOUT_MS = 60_000;

export function createPolicyCalls(calling: Calling): PolicyCalls {
  const { method } = PolicyService;
  return {
    pushBundle: async (content, validateOnly = false) => {
      const reply = await callOnce({ ...calling, timeoutMs: PUSH_TIMEOUT_MS }, method.pushBundle, {
        content:
          content.kind === 'bundle'
            ? { case: 'bundle', value: content.bytes }
            : { case: 'sources', value: { files: Object.fromEntries(content.files) } },
        validateOnly,
      });
      const { testsPassed, coveragePercent } = reply;
      return { activation: activationOf(reply.activation), testsPassed, coveragePercent };
    },
    listBundles: async (page = {}) => {
      const message = { pageSize: page.size ?? 0, pageToken: page.token ?? '' };
      const { activations, nextPageToken } = await call(calling, method.listBundles, message);
      return { activations: activations.map(activationOf), nextToken: nextPageToken };
    },
    rollback: async (revision = '') =>
      activationOf((await callOnce(calling, method.rollbackBundle, { revision })).activation),
    patchData: async (path, change, expectedVersion) => {
      const message = {
        path,
        change:
          'remove' in change
            ? { case: 'remove' as const, value: true }
            : { case: 'valueJson' as const, value: jsonBytes(change.value) },
        ...(expectedVersion === undefined ? {} : { expectedVersion: BigInt(expectedVersion) }),
      };
      // With a version to expect, a repetition after a lost answer would find its own change and be refused.
      const send = expectedVersion === undefined ? call : callOnce;
      return Number((await send(calling, method.patchData, message)).version);
    },
    getData: async (path = '') => {
      const { valueJson, version } = await call(calling, method.getData, { path });
      return { value: parseJson(valueJson, { maxDepth: 64 }), version: Number(version) };
    },
  };
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(strictValue(value, 'value')));
}

function activationOf(message: ActivationMessage | undefined): Activation {
  if (message === undefined)
    throw new AssentError(localFailure('DATA_LOSS', 'the activation cannot be read'));
  const { number, revision, name, time, pushedBy, active, dataRoots } = message;
  return { number: Number(number), revision, name, at: unixMs(time), pushedBy, active, dataRoots };
}
