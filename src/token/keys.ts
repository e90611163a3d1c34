import type { KeySet, VerificationKey } from '../model/key-set.ts';

/** One issuer's keys. `revision` never waits; `find` may, for one refetch. */
export interface IssuerKeys {
  /** Resolves once there are keys, or there is no getting them now. */
  prepare(at: number): Promise<void>;
  /** Rises whenever the keys change; undefined while none may be used at `at` (Unix ms) unless `find` gives it. */
  revision(at: number): number | undefined;
  /**
   * Undefined for a `kid` that the issuer does not have, or that cannot be looked up now.
   * @param deadline Unix ms until which whoever asks will wait
   * @throws Fault DEADLINE_PASSED when it was still being looked up then
   */
  find(
    kid: string,
    at: number,
    deadline: number,
  ): VerificationKey | undefined | Promise<VerificationKey | undefined>;
  close(): void;
}

/** Keys that never change while the process lives. */
export function createFixedKeys(set: KeySet): IssuerKeys {
  return {
    prepare: async () => undefined,
    revision: () => 1,
    find: (kid) => set.keys.get(kid),
    close: () => undefined,
  };
}
