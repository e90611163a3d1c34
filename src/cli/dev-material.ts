import { createHash, generateKeyPairSync, type JsonWebKey, randomUUID, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mintHop } from '../delegation/mint.ts';
import { DEV_AUDIENCE, DEV_ISSUER } from '../dev.ts';
import { mintAccessToken, mintDpopProof } from '../token/mint.ts';
import { UsageError } from './exit.ts';

/** Where `npx assent serve --dev` keeps its throwaway keys, below the working directory. */
export const DEV_DIRECTORY: string = join('.assent', 'dev');
/** Tenant of the development server's enforcement point. */
const DEV_TENANT = 'dev';

/** Whom a development token is for. */
export interface DevAgent {
  readonly sub: string;
  /** The agent that acts; absent: the subject itself. */
  readonly act?: string;
  readonly client: string;
  readonly scope: string;
}

export const DEFAULT_AGENT: DevAgent = { sub: 'ana', act: 'payer', client: 'finance-agent', scope: 'agent' };
const TOKEN_LIFETIME_MS = 15 * 60_000;

interface PrivateJwk extends JsonWebKey {
  readonly kid: string;
  readonly alg: string;
}

/** Mints an access token of the development issuer. @throws UsageError where there is no development server's key */
export function mintDevToken(
  agent: DevAgent,
  options: {
    readonly lifetimeMs?: number;
    readonly directory?: string;
    /** Thumbprints of what the token is bound to: a key that signs proofs, a client certificate. */
    readonly jkt?: string;
    readonly certificate?: string;
  } = {},
): Promise<string> {
  const { lifetimeMs = TOKEN_LIFETIME_MS, directory = DEV_DIRECTORY, jkt, certificate } = options;
  const cnf = {
    ...(jkt === undefined ? {} : { jkt }),
    ...(certificate === undefined ? {} : { 'x5t#S256': certificate }),
  };
  const key = readJwk(join(directory, 'issuer.jwk'));
  const iat = Math.floor(Date.now() / 1000);
  return mintAccessToken({
    privateKey: key,
    kid: key.kid,
    alg: key.alg,
    claims: {
      iss: DEV_ISSUER,
      aud: DEV_AUDIENCE,
      sub: agent.sub,
      client_id: agent.client,
      scope: agent.scope,
      iat,
      exp: iat + Math.ceil(lifetimeMs / 1000),
      jti: randomUUID(),
      ...(agent.act === undefined ? {} : { act: { iss: DEV_ISSUER, sub: agent.act } }),
      ...(Object.keys(cnf).length === 0 ? {} : { cnf }),
    },
  });
}

/** One hand-over between development agents. */
export interface DevHop {
  readonly from: string;
  readonly to: string;
  readonly actions: readonly string[];
  readonly limits?: Readonly<Record<string, string>>;
  readonly lifetimeMs?: number;
}

/** Signs hops, root first, under one opening mandate. @throws UsageError for an agent without a key */
export async function mintDevChain(
  hops: readonly DevHop[],
  anchor: { readonly mandateDigest: string; readonly task: string; readonly parent?: string },
  directory: string = DEV_DIRECTORY,
): Promise<readonly string[]> {
  const chain: string[] = [];
  for (const { from, to, actions, limits = {}, lifetimeMs = TOKEN_LIFETIME_MS } of hops) {
    const key = agentKey(join(directory, 'agents'), from);
    const iat = Math.floor(Date.now() / 1000);
    const parent = chain.at(-1) ?? anchor.parent;
    const hop = await mintHop({
      privateKey: key,
      kid: key.kid,
      alg: key.alg,
      tenant: DEV_TENANT,
      delegator: { iss: DEV_ISSUER, id: from },
      delegate: { iss: DEV_ISSUER, id: to },
      mandate: anchor.mandateDigest,
      task: anchor.task,
      actions,
      limits,
      jti: randomUUID(),
      iat,
      exp: iat + Math.ceil(lifetimeMs / 1000),
      ...(parent === undefined ? {} : { parent }),
    });
    chain.push(hop);
  }
  return chain;
}

/** A fresh key, its thumbprint (RFC 7638 §3), and proofs signed with it. */
export function freshProofKey(): {
  readonly jkt: string;
  prove(token: string, method: string, url: string): Promise<string>;
} {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  const jkt = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  return {
    jkt,
    prove: (token, method, url) =>
      mintDpopProof({
        privateKey,
        alg: 'ES256',
        method,
        url,
        token,
        jti: randomUUID(),
        iat: Math.floor(Date.now() / 1000),
      }),
  };
}

/** base64url SHA-256 of a certificate's DER (RFC 8705 §3.1). @throws UsageError */
export function thumbprintOf(file: string): string {
  try {
    return createHash('sha256')
      .update(new X509Certificate(readFileSync(file)).raw)
      .digest('base64url');
  } catch (cause) {
    throw new UsageError(`\`${file}\` is not a certificate in pem that can be read`, { cause });
  }
}

function agentKey(directory: string, name: string): PrivateJwk {
  const files = existsSync(directory) ? readdirSync(directory).sort() : [];
  const known = files.filter((file) => file.endsWith('.jwk')).map((file) => file.slice(0, -'.jwk'.length));
  // Only names that are there reach the file system; without any, reading the key says what is missing.
  if (known.length > 0 && !known.includes(name))
    throw new UsageError(
      `\`${name}\` is not a development agent with a key: it is one of ${known.join(', ')}`,
    );
  return readJwk(join(directory, `${known.length === 0 ? 'orchestrator' : name}.jwk`));
}

function readJwk(path: string): PrivateJwk {
  if (!existsSync(path))
    throw new UsageError(
      `there is no development key \`${path}\`: type this in the folder where \`npx assent serve --dev\` runs, or give a token`,
    );
  return JSON.parse(readFileSync(path, 'utf8')) as PrivateJwk;
}
