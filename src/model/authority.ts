import type { Decimal } from './decimal.ts';
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
  /**
   * SHA-256 of what each hop's delegator signed, root first: names the hop in the record, and budgets are debited
   * under it. Without the signature, because an ECDSA one can be written anew by anybody.
   */
  readonly hops: readonly string[];
  /** What each hop itself leaves of the budgets it names, by the names in `hops`. */
  readonly hopLimits: Readonly<Record<string, Readonly<Record<string, Decimal>>>>;
  /** Unix ms at which the first hop ends; infinite without a chain. */
  readonly expiresAt: number;
}
