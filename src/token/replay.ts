/** Where used proofs are remembered. Every driver passes test/conformance/replay-store.ts. */
export interface ReplayStore {
  /**
   * Whoever claims `key` first holds it until that claim is `ttlMs` old: true for them, and again for all or some of
   * them; false as soon as one is named who is not among them, and nobody joins later. Atomic: of claims at one
   * moment one is the first, and the others are held against it. A claim whose answer was lost may stand; claiming
   * again finds it.
   * @param claimants 1 to 256 short texts without blanks, in any order
   * @throws Fault SESSION_STORE_UNAVAILABLE when the store cannot tell
   */
  claim(key: string, claimants: readonly string[], ttlMs: number): Promise<boolean>;
  /**
   * What `claim` would answer now, and nothing is claimed: somebody else may come first.
   * @throws Fault SESSION_STORE_UNAVAILABLE when the store cannot tell
   */
  mayClaim(key: string, claimants: readonly string[]): Promise<boolean>;
}

/** Claimants as one text, as the stores keep them. */
export function joinClaimants(claimants: readonly string[]): string {
  return claimants.join(' ');
}

/** Whether all of `claimants`, and there are any, are among those who hold the key. */
export function areAmong(claimants: readonly string[], held: string): boolean {
  const holders = new Set(held.split(' '));
  return claimants.length > 0 && claimants.every((claimant) => holders.has(claimant));
}
