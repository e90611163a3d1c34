import { hash } from 'node:crypto';
import { type Decimal, parseDecimal } from '../model/decimal.ts';
import { isPlainText, MAX_ID, MAX_ISSUER } from '../model/identity.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../model/json.ts';
import { type CompactJws, isDigest, JwsError, readCompactJws } from '../model/jws.ts';
import type { Identity } from '../model/mandate.ts';
import { isPattern } from '../model/pattern.ts';
import { Refusal } from '../model/refusal.ts';

/** `typ` of a hop: no other kind of token is one, and it is no other kind of token. */
export const HOP_TYPE = 'assent-hop+jwt';

/**
 * One hand-over of authority, read from its compact JWS; nothing in it is verified yet. Its claims:
 * `jti`, `tenant`, `delegator{iss,id}`, `delegate{iss,id,jkt?}`, `mandate` (digest of the opening mandate),
 * `task` (its type of task), `actions[]` (patterns), `limits{budget: decimal}`, `iat`, `nbf?`, `exp` (Unix s)
 * and `prt`, the base64url SHA-256 of the parent hop's compact bytes, absent at the root. There are no others:
 * a claim that is not understood might be a limit.
 */
export interface Hop {
  readonly jws: CompactJws;
  /** base64url SHA-256 of the compact bytes: what a child names as its parent. */
  readonly digest: string;
  /** base64url SHA-256 of what was signed: equal however the signature is written, so debts are kept under it. */
  readonly name: string;
  readonly tenant: string;
  readonly delegator: Identity;
  readonly delegate: Identity;
  /** Thumbprint of the delegate's key (RFC 7638): it signs the next hop, or the last delegate's token is bound to it. */
  readonly jkt: string | undefined;
  readonly mandate: string;
  readonly task: string;
  readonly actions: readonly string[];
  readonly limits: ReadonlyMap<string, Decimal>;
  /** Unix ms: valid from the first, leeway included, until before the second. */
  readonly notBefore: number;
  readonly expiresAt: number;
  readonly parent: string | undefined;
}

const MAX_HOP = 16_384;
const MOST_ACTIONS = 256;
const MOST_LIMITS = 32;
const MAX_NAME = 128;
const MAX_TASK = 512;
/** Between the clocks of two who sign; an expiry has none. */
const LEEWAY_MS = 60_000;
const LAST_SECOND = 8_640_000_000_000;
const CLAIMS = [
  'jti',
  'tenant',
  'delegator',
  'delegate',
  'mandate',
  'task',
  'actions',
  'limits',
  'iat',
  'nbf',
  'exp',
  'prt',
];

/** @throws Refusal `delegation.malformed` saying what cannot be read */
export function readHop(compact: string): Hop {
  const jws = readJws(compact);
  const { payload } = jws;
  if (jws.header['typ'] !== HOP_TYPE) throw malformed(`typ is not ${HOP_TYPE}`);
  if (Object.keys(payload).some((name) => !CLAIMS.includes(name))) throw malformed('a claim is not known');
  needPlain(payload['jti'], 'jti', MAX_NAME);
  const iat = needSecond(payload['iat'], 'iat');
  const nbf = payload['nbf'] === undefined ? iat : needSecond(payload['nbf'], 'nbf');
  const delegate = needObject(payload['delegate'], 'delegate', ['iss', 'id', 'jkt']);
  return {
    jws,
    digest: hash('sha256', compact, 'base64url'),
    name: hash('sha256', jws.signed, 'base64url'),
    tenant: needPlain(payload['tenant'], 'tenant', MAX_NAME),
    delegator: needIdentity(needObject(payload['delegator'], 'delegator', ['iss', 'id']), 'delegator'),
    delegate: needIdentity(delegate, 'delegate'),
    jkt: delegate['jkt'] === undefined ? undefined : needDigest(delegate['jkt'], 'delegate.jkt'),
    mandate: needDigest(payload['mandate'], 'mandate'),
    task: needPlain(payload['task'], 'task', MAX_TASK),
    actions: needPatterns(payload['actions']),
    limits: needLimits(payload['limits']),
    notBefore: Math.max(iat, nbf) * 1000 - LEEWAY_MS,
    expiresAt: needSecond(payload['exp'], 'exp') * 1000,
    parent: payload['prt'] === undefined ? undefined : needDigest(payload['prt'], 'prt'),
  };
}

function readJws(compact: string): CompactJws {
  try {
    return readCompactJws(compact, MAX_HOP);
  } catch (cause) {
    if (cause instanceof JwsError) throw malformed(cause.problem);
    throw cause;
  }
}

function needPlain(value: JsonValue | undefined, claim: string, most: number): string {
  if (!isPlainText(value, most)) throw malformed(`${claim} is not plain text`);
  return value;
}

function needDigest(value: JsonValue | undefined, claim: string): string {
  if (!isDigest(value)) throw malformed(`${claim} is not a digest`);
  return value;
}

function needSecond(value: JsonValue | undefined, claim: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > LAST_SECOND)
    throw malformed(`${claim} is not a whole number of seconds`);
  return value;
}

function needObject(value: JsonValue | undefined, claim: string, known: readonly string[]): JsonObject {
  if (!isJsonObject(value) || Object.keys(value).some((name) => !known.includes(name)))
    throw malformed(`${claim} is not an identity`);
  return value;
}

function needIdentity(value: JsonObject, claim: string): Identity {
  const iss = needPlain(value['iss'], `${claim}.iss`, MAX_ISSUER);
  return { iss, id: needPlain(value['id'], `${claim}.id`, MAX_ID) };
}

function needPatterns(value: JsonValue | undefined): readonly string[] {
  const sound = Array.isArray(value) && value.length <= MOST_ACTIONS;
  if (!sound || !value.every((item) => typeof item === 'string' && isPattern(item)))
    throw malformed('actions is not a list of action patterns');
  return value as readonly string[];
}

function needLimits(value: JsonValue | undefined): ReadonlyMap<string, Decimal> {
  if (!isJsonObject(value)) throw malformed('limits is not an object');
  const entries = Object.entries(value);
  if (entries.length > MOST_LIMITS) throw malformed('limits has too many members');
  return new Map(
    entries.map(([budget, amount]) => [needPlain(budget, 'limits', MAX_NAME), needAmount(amount)]),
  );
}

function needAmount(value: JsonValue): Decimal {
  const amount = typeof value === 'string' ? parseDecimal(value) : undefined;
  if (amount === undefined || amount.units < 0n) throw malformed('limits holds no plain decimal string');
  return amount;
}

function malformed(problem: string): Refusal {
  return new Refusal('delegation.malformed', { problem });
}
