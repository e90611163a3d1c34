import { type Activation as ActivationMessage, PolicyService } from '../gen/assent/v1/policy_pb.js';
import { type JsonValue, parseJson } from '../model/json.ts';
import type { Activation, BundleContent, PushOptions } from '../model/verbs.ts';
import { type Calling, call, callOnce } from './call.ts';
import { AssentError, localFailure } from './failure.ts';
import { unixMs } from './mandate.ts';
import { changeMessage, contentMessage, type DataChange, PUSH_OPTIONS, versionOf } from './policy-input.ts';
import { type PageInput, pageMessage } from './sessions.ts';
import { checkedText, demand } from './shape.ts';

export interface Pushed {
  /** What is active now, or would be. */
  readonly activation: Activation;
  readonly testsPassed: number;
  readonly coveragePercent: number;
  /** Data paths, at most 100, where the bundle says something else than what is in force: a push changes none. */
  readonly keptData: readonly string[];
}

/** All reject with AssentError; a refused bundle's errors are its `fields`: file, line and column, and what is wrong. */
export interface PolicyCalls {
  /** Takes seconds. A bundle without any test is refused unless `allowUntested`. */
  pushBundle(content: BundleContent, options?: Partial<PushOptions>): Promise<Pushed>;
  listBundles(
    page?: PageInput,
  ): Promise<{ readonly activations: readonly Activation[]; readonly nextToken: string }>;
  /** Without a revision: the one that was active before. */
  rollback(revision?: string): Promise<Activation>;
  /**
   * Replaces what is at `path` (`finance/blocked_vendors`), or removes it; returns the data's new version. Where
   * nothing is, removing fails with `DATA_NOT_FOUND`.
   */
  patchData(path: string, change: DataChange, expectedVersion?: number): Promise<number>;
  getData(path?: string): Promise<{ readonly value: JsonValue; readonly version: number }>;
}

/** Compiling, testing, trying out and warming take seconds. */
const CHANGE_TIMEOUT_MS = 60_000;

export function createPolicyCalls(calling: Calling): PolicyCalls {
  const { method } = PolicyService;
  const changing: Calling = { ...calling, timeoutMs: CHANGE_TIMEOUT_MS };
  return {
    pushBundle: async (content, options = {}) => {
      demand(PUSH_OPTIONS, options, 'options');
      const { validateOnly = false, allowUntested = false } = options;
      const reply = await callOnce(changing, method.pushBundle, {
        content: contentMessage(content),
        validateOnly,
        allowUntested,
      });
      const { testsPassed, coveragePercent, keptData } = reply;
      return { activation: activationOf(reply.activation), testsPassed, coveragePercent, keptData };
    },
    listBundles: async (page = {}) => {
      const { activations, nextPageToken } = await call(calling, method.listBundles, pageMessage(page));
      return { activations: activations.map(activationOf), nextToken: nextPageToken };
    },
    rollback: async (revision = '') => {
      const message = { revision: checkedText(revision, 'revision') };
      return activationOf((await callOnce(changing, method.rollbackBundle, message)).activation);
    },
    patchData: async (path, change, expectedVersion) => {
      const message = {
        path: checkedText(path, 'path'),
        change: changeMessage(change),
        ...(expectedVersion === undefined ? {} : { expectedVersion: versionOf(expectedVersion) }),
      };
      // To remove, or with a version to expect: repeated after a lost answer, it would find its own change and fail.
      const send = expectedVersion === undefined && !('remove' in change) ? call : callOnce;
      return Number((await send(changing, method.patchData, message)).version);
    },
    getData: async (path = '') => {
      const { valueJson, version } = await call(calling, method.getData, {
        path: checkedText(path, 'path'),
      });
      return { value: dataOf(valueJson), version: Number(version) };
    },
  };
}

function dataOf(json: Uint8Array): JsonValue {
  try {
    return parseJson(json, { maxDepth: 64 });
  } catch {
    throw new AssentError(localFailure('DATA_LOSS', 'the data cannot be read'));
  }
}

function activationOf(message: ActivationMessage | undefined): Activation {
  if (message === undefined)
    throw new AssentError(localFailure('DATA_LOSS', 'the activation cannot be read'));
  const { number, revision, name, time, pushedBy, active, dataRoots } = message;
  return { number: Number(number), revision, name, at: unixMs(time), pushedBy, active, dataRoots };
}
