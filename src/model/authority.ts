import type { Identity } from './mandate.ts';

/** What the chain and the token's scopes leave. */
export interface Authority {
  /** Whether the asked action is inside; a floor, and a fact for policy. */
  readonly permits: boolean;
  /** Number of hops. */
  readonly depth: number;
  /** Delegators and delegates, root first. */
  readonly actors: readonly Identity[];
  /** What all hops together leave of each budget: decimal strings. */
  readonly limits: Readonly<Record<string, string>>;
  readonly root: { readonly by: Identity; readonly task: string } | undefined;
  /** SHA-256 of each hop's bytes, root first, for the record; budgets of a hop are debited under it. */
  readonly hops: readonly string[];
}
