import type { JsonValue } from './json.ts';
import type { Identity } from './mandate.ts';

// Unseen characters make two ids look alike to the people who read records and reviews (UTS #39 §5.4).
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Characters of an issuer, and of an id within it. */
export const MAX_ISSUER = 512;
export const MAX_ID = 256;

/** A string of 1…`most` characters, none of them a control, format or line-separating one. */
export function isPlainText(value: JsonValue | undefined, most: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= most && !UNSEEN.test(value);
}

/** Compared by code units: nothing is folded or normalised. */
export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.id === b.id && a.iss === b.iss;
}
