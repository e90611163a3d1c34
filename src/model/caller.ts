import type { Identity } from './mandate.ts';

/** The verified pair, and how it was proved. Immutable; cached between asks, so it holds no per-ask state. */
export interface Caller {
  readonly subject: Identity;
  /** The outermost `act`, or the subject itself where there is none (RFC 8693 §4.1). */
  readonly actor: Identity;
  /** Earlier actors, newest first: history, never authority. */
  readonly priorActors: readonly Identity[];
  /** `client_id` or `azp`; never an actor. */
  readonly client: string;
  readonly scopes: readonly string[];
  /** Action patterns that the token's scopes map to by configuration. */
  readonly actions: readonly string[];
  readonly auth: {
    readonly method: 'bearer' | 'dpop' | 'certificate';
    readonly bound: boolean;
    readonly acr: string | undefined;
    /** Unix s of the user's authentication, where the token says it. */
    readonly authTime: number | undefined;
  };
  /** base64url SHA-256 of the binding key or certificate; a retry must show the same. */
  readonly binding: string | undefined;
  /** Unix ms. */
  readonly expiresAt: number;
  readonly jti: string | undefined;
}
