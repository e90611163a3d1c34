import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import type { Ask } from '../model/ask.ts';
import type { Caller } from '../model/caller.ts';
import { isPlainText, MAX_ISSUER } from '../model/identity.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import { type Algorithm, isAlgorithm } from '../model/jwk.ts';
import { type CompactJws, JwsError, readCompactJws, verifyJws } from '../model/jws.ts';
import { MAX_KID, readKeySet, type VerificationKey } from '../model/key-set.ts';
import type { Reason } from '../model/reason.ts';
import { Refusal } from '../model/refusal.ts';
import { challengeFor } from './challenge.ts';
import { type Claims, type Profile, readClaims } from './claims.ts';
import type { IssuerConfig, TokenConfig } from './config.ts';
import { checkPresented } from './confirmation.ts';
import { createRemoteKeys, type KeyLog, warnDropped } from './jwks.ts';
import { createFixedKeys, type IssuerKeys } from './keys.ts';
import { type CheckProof, createProofChecker } from './proof.ts';
import type { ReplayStore } from './replay.ts';

export interface TokenVerifierOptions {
  readonly config: TokenConfig;
  readonly replay: ReplayStore;
  readonly log: KeyLog;
  /** Unix ms: keys that are fetched at start are as old as this. */
  readonly at: number;
  /** Asks that may wait at once for an issuer's key that is not known; default 512. */
  readonly mostWaiting?: number;
  readonly fetch?: typeof globalThis.fetch;
  readonly readFile?: (path: string) => Uint8Array | string;
}

export interface TokenVerifier {
  /**
   * Who speaks, bound to what key? At once for a token that was verified before and needs no proof of
   * possession; else after one signature check, and at most one refetch of its issuer's keys.
   * @throws Refusal `token.*`; Fault SESSION_STORE_UNAVAILABLE when proofs cannot be remembered, DEADLINE_PASSED when
   * keys that must be fetched did not come before the ask's deadline
   */
  verifyToken(ask: Ask, at: number): Caller | Promise<Caller>;
  /** How to come back after a refusal for this reason, in the form of WWW-Authenticate; empty: no use. */
  challengeFor(reason: Reason): string;
  /** Ends fetches under way; nothing is fetched afterwards. */
  close(): void;
}

/** An issuer with its keys. */
interface Issuer {
  readonly config: IssuerConfig;
  readonly keys: IssuerKeys;
}

/** A token that was verified, as long as its issuer's keys are the same. It holds no state of any ask. */
interface Verified extends Claims {
  readonly issuer: Issuer;
  readonly revision: number | undefined;
}

/** A token read and its issuer found; its signature is next. */
interface Opened {
  readonly jws: CompactJws;
  readonly profile: Profile;
  readonly issuer: Issuer;
  readonly algorithm: Algorithm;
  readonly kid: string;
}

const MAX_TOKEN = 16_384;
/** About 1.5 KiB each. */
const MOST_CACHED = 10_000;
const MOST_WAITING = 512;

/**
 * Loads every issuer's keys, then verifies. An endpoint that does not answer now is asked again later; a file
 * that cannot be read is a mistake that must not start.
 * @throws Error naming the file
 */
export async function createTokenVerifier(options: TokenVerifierOptions): Promise<TokenVerifier> {
  const { config, at } = options;
  const issuers = new Map(
    config.issuers.map((issuer) => [issuer.issuer, { config: issuer, keys: openKeys(issuer, options) }]),
  );
  await Promise.all([...issuers.values()].map(({ keys }) => keys.prepare(at)));
  const checkProof = createProofChecker(options.replay);
  const cache = new LRUCache<string, Verified>({ max: MOST_CACHED });

  function accept(verified: Verified, ask: Ask, key: string, at: number): Caller | Promise<Caller> {
    checkTimes(verified, at);
    cache.set(key, verified);
    return present(verified, ask, checkProof, at);
  }

  return {
    verifyToken(ask, at) {
      const { token } = ask.credential;
      if (token.length > MAX_TOKEN) throw new Refusal('token.malformed', { problem: 'is too long' });
      // Audience and profile follow from the token's bytes and its issuer's configuration, which never changes.
      const key = `${ask.pep.tenant} ${hash('sha256', token, 'base64url')}`;
      const known = cache.get(key);
      if (known !== undefined && isCurrent(known, at)) {
        checkTimes(known, at);
        return present(known, ask, checkProof, at);
      }
      const opened = open(token, issuers);
      const found = opened.issuer.keys.find(opened.kid, at, ask.deadline);
      if (!(found instanceof Promise)) return accept(check(opened, found, at), ask, key, at);
      return found.then((late) => accept(check(opened, late, at), ask, key, at));
    },
    challengeFor: (reason) => challengeFor(reason, config.stepUp),
    close() {
      for (const { keys } of issuers.values()) keys.close();
    },
  };
}

function openKeys(config: IssuerConfig, options: TokenVerifierOptions): IssuerKeys {
  const { fetch = globalThis.fetch, readFile, log, mostWaiting = MOST_WAITING } = options;
  const { issuer, keys } = config;
  if ('url' in keys) return createRemoteKeys({ issuer, url: keys.url, fetch, log, mostWaiting });
  try {
    const set = readKeySet((readFile ?? readFileSync)(keys.file));
    if (set.keys.size === 0) throw new Error('has no usable key');
    warnDropped({ issuer, log }, set.dropped);
    return createFixedKeys(set);
  } catch (cause) {
    throw new Error(`the key file \`${keys.file}\` of issuer \`${issuer}\` cannot be used`, { cause });
  }
}

/** Everything that can be known before a signature is checked: form, kind, issuer, algorithm (RFC 8725 §3). */
function open(token: string, issuers: ReadonlyMap<string, Issuer>): Opened {
  const jws = read(token);
  const profile = profileOf(jws.header['typ']);
  const issuer = issuers.get(needIssuer(jws.payload));
  if (issuer === undefined) throw new Refusal('token.unknown_issuer');
  if (profile === 'plain' && !issuer.config.plainJwt) throw new Refusal('token.wrong_type');
  const { alg, kid } = jws.header;
  if (!isAlgorithm(alg) || !issuer.config.algorithms.includes(alg)) throw new Refusal('token.algorithm');
  // A map key and nothing else: it never reaches a path, a query or a url.
  if (!isPlainText(kid, MAX_KID))
    throw new Refusal('token.malformed', { problem: 'header has no readable kid' });
  return { jws, profile, issuer, algorithm: alg, kid };
}

function read(token: string): CompactJws {
  try {
    return readCompactJws(token, MAX_TOKEN);
  } catch (cause) {
    if (cause instanceof JwsError) throw new Refusal('token.malformed', { problem: cause.problem });
    throw cause;
  }
}

/** Media types ignore case (RFC 2045 §5.1), and `application/` may be left out (RFC 7515 §4.1.9). */
function profileOf(typ: JsonValue | undefined): Profile {
  if (typ === undefined) return 'plain';
  const name = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : '';
  if (name === 'at+jwt') return 'access';
  if (name === 'jwt') return 'plain';
  throw new Refusal('token.wrong_type');
}

function needIssuer(payload: JsonObject): string {
  const iss = payload['iss'];
  if (iss === undefined) throw new Refusal('token.missing_claim', { claim: 'iss' });
  if (!isPlainText(iss, MAX_ISSUER))
    throw new Refusal('token.malformed', { claim: 'iss', problem: 'is not plain text' });
  return iss;
}

/** The one signature check, with the key its issuer has under that name, and then what the token says. */
function check(
  { jws, profile, issuer, algorithm }: Opened,
  found: VerificationKey | undefined,
  at: number,
): Verified {
  if (found === undefined) throw new Refusal('token.unknown_key');
  if (!found.algorithms.includes(algorithm)) throw new Refusal('token.algorithm');
  if (!verifyJws(jws, algorithm, found.key)) throw new Refusal('token.bad_signature');
  return { ...readClaims(jws.payload, issuer.config, profile), issuer, revision: issuer.keys.revision(at) };
}

/** Whether the keys that it was verified with are still its issuer's, and may be used. */
function isCurrent({ issuer, revision }: Verified, at: number): boolean {
  return revision !== undefined && issuer.keys.revision(at) === revision;
}

/** RFC 7519 §4.1.4: exp is exclusive. */
function checkTimes({ notBefore, expiresAt }: Verified, at: number): void {
  if (at >= expiresAt) throw new Refusal('token.expired');
  if (at < notBefore) throw new Refusal('token.not_yet_valid');
}

/** Whether this presenter may use the token: asked every time, for a copied token looks the same. */
function present(verified: Verified, ask: Ask, checkProof: CheckProof, at: number): Caller | Promise<Caller> {
  const { caller, confirmation } = verified;
  checkPresented(confirmation, ask.credential);
  if (confirmation.jkt === undefined) return caller;
  return checkProof(ask, confirmation.jkt, at).then(() => caller);
}
