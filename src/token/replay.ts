/** Where used proofs are remembered. Every driver passes test/conformance/replay-store.ts. */
export interface ReplayStore {
  /**
   * True for the first claimant of `key`, and for the same claimant again; false for any other until the claim
   * is `ttlMs` old. Atomic: of many claimants at one moment exactly one gets true. A claim whose answer was
   * lost may stand; claiming again finds it.
   * @throws Fault SESSION_STORE_UNAVAILABLE when the store cannot tell
   */
  claim(key: string, claimant: string, ttlMs: number): Promise<boolean>;
}
