import type { KeySet, VerificationKey } from '../model/key-set.ts';

/** One issuer's keys. `revision` never waits; `find` may, for one refetch. */
export interface IssuerKeys {
  /** Rises whenever the keys change; 0 while there are none that may be used at `at` (Unix ms). */
  revision(at: number): number;
  /** Undefined for a `kid` that the issuer does not have, or that cannot be looked up now. */
  find(kid: string, at: number): VerificationKey | undefined | Promise<VerificationKey | undefined>;
  close(): void;
}

/** Keys that never change while the process lives. */
export function createFixedKeys(set: KeySet): IssuerKeys {
  return { revision: () => 1, find: (kid) => set.keys.get(kid), close: () => undefined };
}
