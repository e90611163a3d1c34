import { hash, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Ask, Credential } from '../model/ask.ts';
import { canonicalJson, type JsonObject } from '../model/json.ts';
import { type Algorithm, algorithmsOf, importPublicJwk } from '../model/jwk.ts';
import { type CompactJws, JwsError, readCompactJws, verifyJws } from '../model/jws.ts';
import { Refusal } from '../model/refusal.ts';
import type { ReplayStore } from './replay.ts';
import { normaliseUrl } from './url.ts';

/** What a proof may be signed with; EdDSA's key names its curve, so RFC 9864's name is the same algorithm. */
export const PROOF_ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519', 'PS256'] as const;

const MAX_LENGTH = 16_384;
const PAST_MS = 60_000;
const FUTURE_MS = 5_000;
/** Longer than a proof can be taken, by what replicas' clocks may differ. */
const CLAIM_MS = PAST_MS + FUTURE_MS + 25_000;
const MOST_KEYS = 4096;
/** A header longer than this is read again each time; an RSA key of 4096 bits still fits. */
const LONGEST_KEPT = 1024;

interface ProofKey {
  readonly key: KeyObject;
  readonly algorithm: Algorithm;
  readonly jkt: string;
}

/** Checks the proof of possession that came with an ask; resolves when it holds. */
export type CheckProof = (ask: Ask, jkt: string, at: number) => Promise<void>;

/** A checker of DPoP proofs (RFC 9449 §4.3) that remembers the used ones in `replay`. */
export function createProofChecker(replay: ReplayStore): CheckProof {
  // A client signs every proof with one key under one header: importing it once saves some 30 µs a proof.
  const keys = new LRUCache<string, ProofKey>({ max: MOST_KEYS });
  const claim = oncePerCall((used, claimants) => replay.claim(used, claimants, CLAIM_MS));
  const mayClaim = oncePerCall((used, claimants) => replay.mayClaim(used, claimants));

  return async (ask, jkt, at) => {
    const { proof, method, url, token } = ask.credential;
    if (proof === undefined || method === undefined || url === undefined)
      throw refused('proof, method or url is absent');
    const jws = readProof(proof);
    const header = proof.slice(0, proof.indexOf('.'));
    const signer = keys.get(header) ?? readSigner(jws.header);
    // Before the signature: nobody gets a check of a key that is not the token's.
    if (signer.jkt !== jkt) throw new Refusal('token.binding', { problem: 'the proof is of another key' });
    if (!verifyJws(jws, signer.algorithm, signer.key)) throw refused('the signature does not verify');
    const target = checkRequest(jws.payload, { method, url });
    checkTimes(jws.payload, at);
    if (jws.payload['ath'] !== hash('sha256', token, 'base64url')) throw refused('ath is not of this token');
    if (header.length <= LONGEST_KEPT) keys.set(header, signer);
    const used = hash('sha256', canonicalJson([jkt, target, needJti(jws.payload)]), 'base64url');
    // A dry run spends nothing: the proof is still good for the ask that it was a rehearsal of.
    if (!(await (ask.dryRun ? mayClaim : claim)(used, ask))) throw new Refusal('token.replayed');
  };
}

/**
 * A proof belongs to the requests that it came with first: they may be retried, all or some of them, in one call or
 * several; no other request may use it.
 */
function oncePerCall(
  askStore: (used: string, claimants: readonly string[]) => Promise<boolean>,
): (used: string, ask: Ask) => Promise<boolean> {
  // Asks of one call have one scope: one question answers for all of them, or 256 would send 256 ids each.
  const underWay = new WeakMap<
    Ask['proofScope'],
    { readonly used: string; readonly held: Promise<boolean> }
  >();

  return (used, { pep, requestId, proofScope }) => {
    // The claim speaks for the whole scope: who is not in it has none.
    if (!proofScope.includes(requestId)) throw new TypeError('an ask outside the scope of its own proof');
    const known = underWay.get(proofScope);
    if (known?.used === used) return known.held;
    const claimants = proofScope.map((id) => claimantOf(pep, id));
    const held = askStore(used, claimants);
    if (proofScope.length > 1) underWay.set(proofScope, { used, held });
    return held;
  };
}

/** Half of SHA-256, base64url: short, since a claim may hold 256 of them. */
function claimantOf({ tenant, id }: Ask['pep'], requestId: string): string {
  return hash('sha256', canonicalJson([tenant, id, requestId]), 'base64url').slice(0, 22);
}

function readProof(proof: string): CompactJws {
  try {
    return readCompactJws(proof, MAX_LENGTH);
  } catch (cause) {
    if (cause instanceof JwsError) throw refused(cause.problem);
    throw cause;
  }
}

/** The proof brings its own key: what makes it worth anything is that the token names its thumbprint. */
function readSigner(header: JsonObject): ProofKey {
  if (header['typ'] !== 'dpop+jwt') throw refused('typ is not dpop+jwt');
  const name = PROOF_ALGORITHMS.find((known) => known === header['alg']);
  if (name === undefined) throw refused('alg is not accepted');
  const algorithm = name === 'Ed25519' ? 'EdDSA' : name;
  const imported = importPublicJwk(header['jwk']);
  if ('problem' in imported) throw refused(`jwk ${imported.problem}`);
  if (!algorithmsOf(imported.key).includes(algorithm)) throw refused('alg does not fit the key');
  // RFC 7638 §3: the exported members are exactly the required ones, and canonical JSON sorts them.
  return { key: imported.key, algorithm, jkt: hash('sha256', canonicalJson(imported.public), 'base64url') };
}

/** Same method, same URL: the request as the enforcement point saw it. Returns the normalised URL. */
function checkRequest(payload: JsonObject, seen: Required<Pick<Credential, 'method' | 'url'>>): string {
  if (payload['htm'] !== seen.method) throw refused('htm is not the method of the request');
  const htu = payload['htu'];
  // RFC 9449 §4.2 leaves query and fragment out of the claim.
  if (typeof htu !== 'string' || /[?#]/.test(htu)) throw refused('htu is not a url without query');
  const target = normaliseUrl(htu);
  if (target === undefined || target !== normaliseUrl(seen.url))
    throw refused('htu is not the url of the request');
  return target;
}

function checkTimes(payload: JsonObject, at: number): void {
  const made = needSecond(payload['iat'], 'iat') * 1000;
  if (made < at - PAST_MS || made > at + FUTURE_MS) throw refused('iat is not now');
  if (payload['exp'] !== undefined && at >= needSecond(payload['exp'], 'exp') * 1000)
    throw refused('exp is past');
  if (payload['nbf'] !== undefined && at + FUTURE_MS < needSecond(payload['nbf'], 'nbf') * 1000)
    throw refused('nbf is to come');
}

function needSecond(value: JsonObject[string] | undefined, claim: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw refused(`${claim} is not a whole number of seconds`);
  return value;
}

function needJti(payload: JsonObject): string {
  const jti = payload['jti'];
  if (typeof jti !== 'string' || jti.trim() === '') throw refused('jti is blank');
  return jti;
}

function refused(problem: string): Refusal {
  return new Refusal('token.proof', { problem });
}
