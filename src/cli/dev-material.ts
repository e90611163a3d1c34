import { createHash, generateKeyPairSync, type JsonWebKey, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mintHop } from '../delegation/mint.ts';
import { DEV_AUDIENCE, DEV_ISSUER } from '../dev.ts';
import { mintAccessToken, mintDpopProof } from '../token/mint.ts';
import { UsageError } from './exit.ts';

/** Where `assent serve --dev` keeps its throwaway keys, below the working directory. */
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
  options: { readonly lifetimeMs?: number; readonly directory?: string; readonly jkt?: string } = {},
): Promise<string> {
  const { lifetimeMs = TOKEN_LIFETIME_MS, directory = DEV_DIRECTORY, jkt } = options;
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
      ...(jkt === undefined ? {} : { cnf: { jkt } }),
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
    const key = readJwk(join(directory, 'agents', `${agentFile(from)}.jwk`));
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

function agentFile(name: string): string {
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(name))
    throw new UsageError(`\`${name}\` is not the name of a development agent`);
  return name;
}

function readJwk(path: string): PrivateJwk {
  if (!existsSync(path))
    throw new UsageError(
      `there is no development key \`${path}\`: run \`assent serve --dev\` here, or give a token`,
    );
  return JSON.parse(readFileSync(path, 'utf8')) as PrivateJwk;
}
