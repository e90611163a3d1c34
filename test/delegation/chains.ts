/** Agents, hops, asks and callers for tests of delegation: everything is made anew in each run. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { parseDelegationConfig } from '../../src/delegation/config.ts';
import { type MintHop, mintHop } from '../../src/delegation/mint.ts';
import { createDelegationVerifier, type DelegationVerifier } from '../../src/delegation/verify.ts';
import type { Ask } from '../../src/model/ask.ts';
import type { Caller } from '../../src/model/caller.ts';
import type { Identity, Mandate } from '../../src/model/mandate.ts';
import { Refusal } from '../../src/model/refusal.ts';
import type { Opening } from '../../src/model/session.ts';

export const AT = 1_800_000_000_000;
export const NOW = AT / 1000;
const ISSUER = 'https://issuer.example';
export const MANDATE_DIGEST = `${'m'.repeat(42)}A`;
export const OTHER_DIGEST = `${'n'.repeat(42)}A`;

/** Registered agents a…i, each with a key of its own. */
export const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'] as const;
export const PAIRS: ReadonlyMap<string, { publicKey: KeyObject; privateKey: KeyObject }> = new Map(
  [...NAMES, 'stranger'].map((name) => [name, generateKeyPairSync('ed25519')]),
);

export function identityOf(name: string): Identity {
  return { iss: ISSUER, id: `agent-${name}` };
}

export function agentSection(name: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  const jwk = PAIRS.get(name)?.publicKey.export({ format: 'jwk' });
  return { ...identityOf(name), keys: [{ ...jwk, kid: name, alg: 'EdDSA' }], ...changes };
}

export function verifierOf(
  changes: Record<string, Record<string, unknown>> = {},
  maxDepth = 8,
): DelegationVerifier {
  const agents = NAMES.map((name) => agentSection(name, changes[name]));
  return createDelegationVerifier({ config: parseDelegationConfig({ agents, max_depth: maxDepth }) });
}

export type HopChanges = Partial<MintHop> & { readonly signer?: string };

/** A hop from one agent to another that keeps everything, unless the changes say otherwise. */
export function hop(
  from: string,
  to: string,
  { signer = from, ...changes }: HopChanges = {},
): Promise<string> {
  const key = PAIRS.get(signer)?.privateKey;
  if (key === undefined) throw new Error(`there is no agent ${signer}`);
  return mintHop({
    privateKey: key,
    kid: signer,
    alg: 'EdDSA',
    tenant: 'acme',
    delegator: identityOf(from),
    delegate: identityOf(to),
    mandate: MANDATE_DIGEST,
    task: 'invoice_run',
    actions: ['payment.*'],
    limits: {},
    jti: `${from}-${to}`,
    iat: NOW - 10,
    exp: NOW + 300,
    ...changes,
  });
}

/** A chain along the named agents; `changes[i]` are the i-th hop's. */
export async function chainOf(
  names: readonly string[],
  changes: readonly HopChanges[] = [],
): Promise<string[]> {
  const chain: string[] = [];
  for (const [index, from] of names.slice(0, -1).entries()) {
    const parent = chain.at(-1);
    const link = parent === undefined ? {} : { parent };
    chain.push(await hop(from, names[index + 1] ?? '', { ...link, ...changes[index] }));
  }
  return chain;
}

const MANDATE: Mandate = {
  taskType: 'invoice_run',
  purpose: 'pay what is due',
  actions: ['payment.*', 'invoice.*'],
  declared: {},
  limits: { eur: '1000', calls: '50' },
  expiresAt: AT + 3_600_000,
  actor: identityOf('a'),
};

export function openingOf(mandate: Partial<Mandate> = {}, mandateDigest: string = MANDATE_DIGEST): Opening {
  return {
    id: 'session-1',
    tenant: 'acme',
    openedAt: AT - 1000,
    pep: 'pep-1',
    mandate: { ...MANDATE, ...mandate },
    mandateDigest,
  };
}

export function callerOf(name: string, changes: Partial<Caller> = {}): Caller {
  const actor = identityOf(name);
  return {
    subject: { iss: ISSUER, id: 'user-1' },
    actor,
    priorActors: [],
    client: 'app-1',
    scopes: ['all'],
    actions: ['*'],
    auth: { method: 'bearer', bound: false, acr: undefined, authTime: undefined },
    binding: undefined,
    expiresAt: AT + 300_000,
    jti: undefined,
    ...changes,
  };
}

export function askOf(chain: readonly string[], action = 'payment.send', tenant = 'acme'): Ask {
  return {
    pep: { id: 'pep-1', tenant, roles: new Set(['asker']) },
    requestId: 'request-1',
    action,
    resource: { type: 'invoice', id: 'i-1', properties: {} },
    args: {},
    credential: { scheme: 'bearer', token: 'unused' },
    session: { kind: 'id', id: 'session-1' },
    chain,
    claimed: {},
    deadline: AT + 1000,
    dryRun: false,
    digest: 'digest',
    proofScope: ['request-1'],
  };
}

/** The reason code that came of it, or `accepted`. */
export function codeOf(run: () => unknown): string {
  try {
    run();
    return 'accepted';
  } catch (cause) {
    if (cause instanceof Refusal) return cause.reason.code;
    throw cause;
  }
}
