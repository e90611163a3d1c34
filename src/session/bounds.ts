/** How much of its past a session remembers. Equal on every replica: folds of one log must agree. */
export interface SessionBounds {
  /** Effectful permits of a session, ever; at the bound it is `session.full`. */
  readonly permits: number;
  /** Sums kept of what each hop of a chain spent of each budget; at the bound it is `session.full`. */
  readonly hopSums: number;
  /**
   * Permitted reads whose outcome may still be reported; the oldest are forgotten. As many allows are awaited because
   * their output may hold somebody else's words; the output of the oldest counts as lost.
   */
  readonly reads: number;
  /** Answers kept for retries, by number, age and text; the oldest are forgotten, and their ids refused. */
  readonly answers: number;
  /** Ids of forgotten answers, refused one by one; of older ones every id as old is refused. */
  readonly spentIds: number;
  readonly answerWindowMs: number;
  readonly answerChars: number;
  /** Values of known origin; the oldest are forgotten towards unknown. */
  readonly origins: number;
  /** Action names counted one by one; more share one count. */
  readonly actions: number;
}

export const DEFAULT_BOUNDS: SessionBounds = {
  permits: 4096,
  hopSums: 4096,
  reads: 1024,
  answers: 1024,
  // More than can be under way at once: an ask that waited while others passed must not count as old.
  spentIds: 8192,
  answerWindowMs: 600_000,
  answerChars: 1_048_576,
  origins: 8192,
  actions: 256,
};
