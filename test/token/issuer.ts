/** Keys, tokens and asks for tests: everything is made anew in each run. */
import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
import type { Ask, Credential } from '../../src/model/ask.ts';
import type { Caller } from '../../src/model/caller.ts';
import { Refusal } from '../../src/model/refusal.ts';
import { parseTokenConfig } from '../../src/token/config.ts';
import { createMemoryReplayStore } from '../../src/token/replay-memory.ts';
import { createTokenVerifier, type TokenVerifier } from '../../src/token/verify.ts';

export const AT = 1_800_000_000_000;
export const NOW = AT / 1000;
export const ISSUER = 'https://issuer.example';
const AUDIENCE = 'https://assent.example';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const PAIRS = {
  RS256: rsa,
  PS256: rsa,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: generateKeyPairSync('ed25519'),
} as const;
export type Alg = keyof typeof PAIRS;
export const ALGS = Object.keys(PAIRS) as Alg[];

type Json = Record<string, unknown>;

export function jwkOf(key: KeyObject, extra: Json = {}): Json {
  return { ...key.export({ format: 'jwk' }), ...extra };
}

/** The issuer's key set: one key an algorithm, its kid the algorithm's name. */
export function keySet(extra: readonly Json[] = []): string {
  const own = ALGS.map((alg) => jwkOf(PAIRS[alg].publicKey, { kid: alg, alg, use: 'sig' }));
  return JSON.stringify({ keys: [...own, ...extra] });
}

export function claims(changes: Json = {}): Json {
  const base: Json = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'user-1',
    client_id: 'app-1',
    iat: NOW - 10,
    exp: NOW + 300,
    jti: 'token-1',
    scope: 'payments',
    act: { iss: ISSUER, sub: 'agent-1' },
  };
  return dropAbsent({ ...base, ...changes });
}

/** A member set to undefined is left out, as JSON leaves it out. */
function dropAbsent(members: Json): Json {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

export function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

export function rawSign(alg: Alg, signed: string, key: KeyObject = PAIRS[alg].privateKey): Buffer {
  const data = Buffer.from(signed);
  if (alg === 'EdDSA') return sign(null, data, key);
  if (alg === 'RS256') return sign('sha256', data, key);
  if (alg === 'PS256') return sign('sha256', data, { key, padding: 6, saltLength: 32 });
  return sign(alg === 'ES256' ? 'sha256' : 'sha384', data, { key, dsaEncoding: 'ieee-p1363' });
}

export interface Forge {
  readonly alg?: Alg;
  /** Merged over `{alg, kid, typ}`; a string stands for the header's text as it is. */
  readonly header?: Json | string;
  /** Merged over the usual claims; a string stands for the payload's text as it is. */
  readonly payload?: Json | string;
  readonly key?: KeyObject;
}

/** A token with anything in it, signed by the issuer's key unless another is given. */
export function forge({ alg = 'EdDSA', header = {}, payload = {}, key }: Forge = {}): string {
  const head = typeof header === 'string' ? header : dropAbsent({ alg, kid: alg, typ: 'at+jwt', ...header });
  const body = typeof payload === 'string' ? payload : claims(payload);
  const signed = `${encode(head)}.${encode(body)}`;
  return `${signed}.${rawSign(alg, signed, key).toString('base64url')}`;
}

export function askWith(credential: Partial<Credential>, changes: Partial<Ask> = {}): Ask {
  const requestId = changes.requestId ?? 'request-1';
  return {
    pep: { id: 'pep-1', tenant: 'acme', roles: new Set(['asker']) },
    requestId,
    action: 'payment.send',
    resource: { type: 'invoice', id: 'i-1', properties: {} },
    args: {},
    credential: { scheme: 'bearer', token: forge(), ...credential },
    session: { kind: 'none' },
    chain: [],
    claimed: {},
    // Past the last moment of any test: a look-up that never ends would show.
    deadline: AT + 86_400_000,
    dryRun: false,
    digest: 'digest',
    proofScope: [requestId],
    ...changes,
  };
}

export interface Warning {
  readonly details: Readonly<Record<string, unknown>>;
  readonly words: string;
}

/** A verifier of one issuer whose keys are `keySet()`, unless the changes say otherwise. */
export async function verifierOf(
  issuer: Json = {},
  set: string = keySet(),
): Promise<TokenVerifier & { warnings: Warning[] }> {
  const warnings: Warning[] = [];
  const config = parseTokenConfig({ issuers: [issuerSection(issuer)] });
  const verifier = await createTokenVerifier({
    config,
    replay: createMemoryReplayStore(() => AT),
    log: { warn: (details, words) => warnings.push({ details, words }) },
    at: AT,
    readFile: () => set,
  });
  return { ...verifier, warnings };
}

export function issuerSection(changes: Json = {}): Json {
  return dropAbsent({
    issuer: ISSUER,
    audience: AUDIENCE,
    algorithms: ALGS,
    keys: { file: 'keys.json' },
    scopes: { payments: ['payment.*', 'invoice.approve'], reading: ['invoice.read'] },
    ...changes,
  });
}

/** The reason code that came of it, or `accepted`. */
export async function codeOf(run: () => Caller | Promise<Caller> | unknown): Promise<string> {
  try {
    await run();
    return 'accepted';
  } catch (cause) {
    if (cause instanceof Refusal) return cause.reason.code;
    throw cause;
  }
}

export function thumbprint(key: KeyObject): string {
  const { kty, crv, x, y, e, n } = key.export({ format: 'jwk' }) as Record<string, string>;
  const members = kty === 'RSA' ? { e, kty, n } : kty === 'OKP' ? { crv, kty, x } : { crv, kty, x, y };
  return hash('sha256', JSON.stringify(members), 'base64url');
}
