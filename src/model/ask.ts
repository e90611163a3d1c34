import type { Resource } from './catalog.ts';
import type { JsonObject } from './json.ts';
import type { Mandate } from './mandate.ts';

/** `asker` asks and reports; `opener` opens mandates; `details` sees facts; `author` pushes rules; `security` data; `admin` the rest. */
export const ROLES = ['asker', 'opener', 'details', 'author', 'security', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** A registered enforcement point, as its credential proved it. */
export interface Pep {
  readonly id: string;
  readonly tenant: string;
  readonly roles: ReadonlySet<Role>;
}

/** The agent's credential, raw: never logged, never recorded. */
export interface Credential {
  readonly scheme: 'bearer' | 'dpop';
  readonly token: string;
  /** DPoP only (RFC 9449): the proof, and the request it was made for as the enforcement point saw it. */
  readonly proof?: string;
  readonly method?: string;
  readonly url?: string;
  /** base64url SHA-256 of the DER client certificate that the enforcement point saw (RFC 8705 §3.1). */
  readonly certificateThumbprint?: string;
}

export type SessionRef =
  | { readonly kind: 'none' }
  | { readonly kind: 'id'; readonly id: string }
  /** Open if absent: `key` is unique for the enforcement point; a closed key never reopens. */
  | { readonly kind: 'open'; readonly key: string; readonly mandate: Mandate };

/** One decision request, decoded. */
export interface Ask {
  readonly pep: Pep;
  /** UUIDv7, minted by the enforcement point and scoped to it. */
  readonly requestId: string;
  readonly action: string;
  readonly resource: Resource;
  readonly args: JsonObject;
  readonly credential: Credential;
  readonly session: SessionRef;
  /** Signed hops, root first (compact JWS). */
  readonly chain: readonly string[];
  /** The intended effect, from the framework's tool-call id. */
  readonly operationId?: string;
  /** Asserted by the caller: policy sees it as `claimed`, never as fact. */
  readonly claimed: JsonObject;
  /** Unix ms after which no allow may leave: the earlier of the caller's deadline and the ask's timeout. */
  readonly deadline: number;
  readonly traceparent?: string;
  /** Commits nothing and spends nothing. */
  readonly dryRun: boolean;
  /**
   * Keyed digest of the content, canonical, without token and proof bytes: a retry must match it. Keyed, because the
   * content holds arguments that records and session entries must not give away.
   */
  readonly digest: string;
  /** Request ids of all asks that came in one call with this ask's proof, its own included: one use of the proof. */
  readonly proofScope: readonly string[];
}
