import type { Caller } from '../model/caller.ts';
import { isPlainText, MAX_ID } from '../model/identity.ts';
import type { JsonObject } from '../model/json.ts';
import { Refusal } from '../model/refusal.ts';
import { readActors } from './actor.ts';
import type { IssuerConfig } from './config.ts';
import { type Confirmation, readConfirmation } from './confirmation.ts';

/** `access` is RFC 9068's `at+jwt`; `plain` is `JWT` or no `typ`, where the issuer is configured so. */
export type Profile = 'access' | 'plain';

/** What a signed token says, for as long as it says it. */
export interface Claims {
  readonly caller: Caller;
  readonly confirmation: Confirmation;
  /** Unix ms, leeway included: valid from the first until before the second. */
  readonly notBefore: number;
  readonly expiresAt: number;
}

const MOST_AUDIENCES = 64;
const MOST_SCOPES = 256;
/** Seconds that a Date can still hold. */
const LAST_SECOND = 8_640_000_000_000;
/** Marks of id tokens, event tokens and proofs, which may carry the same `typ` as a plain token (J-12). */
const FOREIGN_MARKS = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events', 'htm', 'htu', 'ath'];

/**
 * Reads the claims of a token whose signature held: required ones present, right types, ours, and within the
 * issuer's bounds (RFC 9068 §2.2, RFC 7519 §4.1). Whether it is valid now is asked at every ask, not here.
 */
export function readClaims(payload: JsonObject, issuer: IssuerConfig, profile: Profile): Claims {
  if (profile === 'plain' && FOREIGN_MARKS.some((name) => payload[name] !== undefined))
    throw new Refusal('token.wrong_type', { problem: 'the token has the marks of another kind' });
  const sub = needText(payload, 'sub');
  const iat = needSecond(payload, 'iat');
  const exp = needSecond(payload, 'exp');
  const nbf = payload['nbf'] === undefined ? iat : needSecond(payload, 'nbf');
  const jti = profile === 'access' || payload['jti'] !== undefined ? needText(payload, 'jti') : undefined;
  const client = readClient(payload, profile);
  checkAudience(payload['aud'], issuer.audience);
  if (exp - iat > issuer.maxLifetimeSeconds) throw new Refusal('token.too_long_lived');
  const confirmation = readConfirmation(payload['cnf'], issuer.requireBound);
  const actors = readActors(payload['act'], issuer.legacyActWithoutIss ? issuer.issuer : undefined);
  const scopes = readScopes(payload['scope']);
  const subject = Object.freeze({ iss: issuer.issuer, id: sub });
  // The token is taken for this much longer than it says, and so is what it permitted.
  const expiresAt = (exp + issuer.leewaySeconds) * 1000;
  const caller: Caller = Object.freeze({
    subject,
    actor: Object.freeze(actors[0] ?? subject),
    priorActors: Object.freeze(actors.slice(1)),
    client,
    scopes: Object.freeze(scopes),
    actions: Object.freeze([...new Set(scopes.flatMap((scope) => issuer.scopes.get(scope) ?? []))]),
    auth: Object.freeze(readAuthentication(payload, confirmation)),
    binding: confirmation.jkt ?? confirmation.certificate,
    expiresAt,
    jti,
  });
  return { caller, confirmation, notBefore: (Math.max(iat, nbf) - issuer.leewaySeconds) * 1000, expiresAt };
}

function needText(payload: JsonObject, claim: string): string {
  const value = payload[claim];
  if (value === undefined) throw new Refusal('token.missing_claim', { claim });
  if (!isPlainText(value, MAX_ID))
    throw new Refusal('token.malformed', { claim, problem: 'is not plain text' });
  return value;
}

/** Whole seconds, RFC 7519's NumericDate without its fractions: two readers would round them differently. */
function needSecond(payload: JsonObject, claim: string): number {
  const value = payload[claim];
  if (value === undefined) throw new Refusal('token.missing_claim', { claim });
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > LAST_SECOND)
    throw new Refusal('token.malformed', { claim, problem: 'is not a whole number of seconds' });
  return value;
}

/** The client is who asked the issuer for the token: never the actor (RFC 8693 §4.1, §4.3). */
function readClient(payload: JsonObject, profile: Profile): string {
  if (profile === 'access' || payload['client_id'] !== undefined) return needText(payload, 'client_id');
  return payload['azp'] === undefined ? '' : needText(payload, 'azp');
}

function checkAudience(aud: JsonObject[string] | undefined, expected: string): void {
  if (aud === undefined) throw new Refusal('token.missing_claim', { claim: 'aud' });
  const names: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (names.length > MOST_AUDIENCES || names.some((name) => typeof name !== 'string'))
    throw new Refusal('token.malformed', {
      claim: 'aud',
      problem: 'is not a string or a short list of strings',
    });
  if (!names.includes(expected)) throw new Refusal('token.wrong_audience');
}

function readScopes(scope: JsonObject[string] | undefined): string[] {
  if (scope === undefined) return [];
  const scopes = typeof scope === 'string' ? scope.split(' ').filter((name) => name !== '') : undefined;
  // RFC 6749 §3.3: printable ASCII without quotes and backslashes.
  const sound = scopes?.every((name) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(name));
  if (scopes === undefined || sound !== true || scopes.length > MOST_SCOPES)
    throw new Refusal('token.malformed', { claim: 'scope', problem: 'is not a list of scopes' });
  return scopes;
}

function readAuthentication(payload: JsonObject, { jkt, certificate }: Confirmation): Caller['auth'] {
  return {
    method: jkt !== undefined ? 'dpop' : certificate !== undefined ? 'certificate' : 'bearer',
    bound: jkt !== undefined || certificate !== undefined,
    acr: payload['acr'] === undefined ? undefined : needText(payload, 'acr'),
    authTime: payload['auth_time'] === undefined ? undefined : needSecond(payload, 'auth_time'),
  };
}
