/** The policy verbs: each changes what judges, then seals who did it. */
import type { Pep } from './model/ask.ts';
import type { JsonObject } from './model/json.ts';
import type { Activation, BundleContent, DataPatch, Page, PolicyVerbs, PushOptions } from './model/verbs.ts';

interface Author {
  readonly pep: Pep;
  /** Unix ms. */
  readonly at: number;
}

/** What the verbs need of the policy room. */
export interface PolicyKeeper {
  push(request: Author & PushOptions & { readonly content: BundleContent }): Promise<{
    readonly activation: Activation;
    readonly testsPassed: number;
    readonly coveragePercent: number;
    readonly keptData: readonly string[];
  }>;
  list(page: Page): ReturnType<PolicyVerbs['list']>;
  rollback(request: Author & { readonly revision: string | undefined }): Promise<Activation>;
  patchData(
    request: Author & {
      readonly path: string;
      readonly change: DataPatch;
      readonly expectedVersion: number | undefined;
    },
  ): Promise<number>;
  data(path: string): ReturnType<PolicyVerbs['data']>;
}

export interface PolicyRooms {
  readonly policy: PolicyKeeper;
  now(): number;
  seal(kind: string, author: Author, facts: JsonObject): Promise<void>;
}

/**
 * A crash between a change and its record leaves the change in force and in the policy store's own history, which
 * names who made it.
 */
export function sealPolicyVerbs({ policy, now, seal }: PolicyRooms): PolicyVerbs {
  return {
    async push(pep, content, options) {
      const author = { pep, at: now() };
      const pushed = await policy.push({ ...author, content, ...options });
      const { number, revision } = pushed.activation;
      const facts = { activation: number, revision, tests_passed: pushed.testsPassed };
      if (!options.validateOnly) await seal('policy.push', author, facts);
      return pushed;
    },
    list: (_pep, page) => policy.list(page),
    async rollback(pep, asked) {
      const author = { pep, at: now() };
      const activation = await policy.rollback({ ...author, revision: asked });
      await seal('policy.rollback', author, { activation: activation.number, revision: activation.revision });
      return activation;
    },
    async patch(pep, path, change, expectedVersion) {
      const author = { pep, at: now() };
      const version = await policy.patchData({ ...author, path, change, expectedVersion });
      await seal('policy.data', author, { path, version });
      return version;
    },
    data: (_pep, path) => policy.data(path),
  };
}
