import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Ask } from '../model/ask.ts';
import type { Authority } from '../model/authority.ts';
import type { Caller } from '../model/caller.ts';
import { isAlgorithm } from '../model/jwk.ts';
import { verifyJws } from '../model/jws.ts';
import type { Identity } from '../model/mandate.ts';
import { compilePatterns } from '../model/pattern.ts';
import { Refusal } from '../model/refusal.ts';
import type { Opening } from '../model/session.ts';
import type { DelegationConfig } from './config.ts';
import { type Hop, readHop } from './hop.ts';
import { checkLinks } from './links.ts';
import { narrowAuthority } from './narrow.ts';
import { type Agent, createRegistry, type Registry } from './registry.ts';

export interface DelegationVerifierOptions {
  readonly config: DelegationConfig;
  readonly readFile?: (path: string) => Uint8Array | string;
}

export interface DelegationVerifier {
  /**
   * By what authority, and what did each hop leave of it? Without a chain, by the token's scopes alone.
   * `opening` is the session's, never amended; undefined for a stateless ask, under which no chain can stand.
   * @throws Refusal `delegation.*`, `token.actor_mismatch` or `token.binding`
   */
  verifyDelegation(ask: Ask, caller: Caller, opening: Opening | undefined, at: number): Authority;
}

/** A chain that was verified under one mandate: everything about it but the time and who shows it. */
interface Chain {
  readonly tenant: string;
  readonly mandate: string;
  readonly lengths: readonly number[];
  readonly notBefore: number;
  readonly delegate: Identity;
  readonly jkt: string | undefined;
  readonly permits: (action: string) => boolean;
  /** Shared by all asks, so that a hit makes nothing. */
  readonly inside: Authority;
  readonly outside: Authority;
}

/** About 2 KiB each. */
const MOST_CACHED = 10_000;

const BY_TOKEN: Authority = freeze({
  permits: true,
  depth: 0,
  actors: [],
  limits: {},
  root: undefined,
  hops: [],
  hopLimits: {},
  expiresAt: Number.POSITIVE_INFINITY,
});
const BY_NOTHING: Authority = freeze({ ...BY_TOKEN, permits: false });

/** @throws Error naming the agent whose keys cannot be used */
export function createDelegationVerifier({
  config,
  readFile,
}: DelegationVerifierOptions): DelegationVerifier {
  const registry = createRegistry(config.agents, readFile);
  const chains = new LRUCache<string, Chain>({ max: MOST_CACHED });
  // Callers are cached by the token room, and their patterns are compiled as often as that.
  const scopes = new WeakMap<readonly string[], (action: string) => boolean>();

  function tokenPermits({ actions }: Caller, action: string): boolean {
    let permits = scopes.get(actions);
    if (permits === undefined) scopes.set(actions, (permits = compilePatterns(actions)));
    return permits(action);
  }

  function find(ask: Ask, opening: Opening): Chain {
    // One hash for the whole chain: a hop holds no line break, and the lengths say where each one ends.
    const key = hash('sha256', ask.chain.join('\n'), 'base64url');
    const known = chains.get(key);
    if (known !== undefined && fits(known, ask, opening)) return known;
    const chain = verifyChain(ask, opening, registry);
    chains.set(key, chain);
    return chain;
  }

  return {
    verifyDelegation(ask, caller, opening, at) {
      const actor = registry.find(caller.actor);
      const permitted = tokenPermits(caller, ask.action) && (actor?.permits(ask.action) ?? true);
      if (ask.chain.length === 0) return withoutChain(actor, permitted);
      if (opening === undefined)
        throw new Refusal('delegation.other_mandate', { problem: 'there is no session' });
      if (ask.chain.length > config.maxDepth) throw new Refusal('delegation.too_deep');
      const chain = find(ask, opening);
      checkTimes(chain, at);
      checkDelegate(chain, caller, registry);
      return permitted && chain.permits(ask.action) ? chain.inside : chain.outside;
    },
  };
}

function withoutChain(actor: Agent | undefined, permitted: boolean): Authority {
  if (actor?.delegatedOnly === true) throw new Refusal('delegation.required');
  return permitted ? BY_TOKEN : BY_NOTHING;
}

function fits(chain: Chain, ask: Ask, opening: Opening): boolean {
  return (
    chain.tenant === ask.pep.tenant &&
    chain.mandate === opening.mandateDigest &&
    chain.lengths.every((length, index) => length === ask.chain[index]?.length)
  );
}

/** Cheap checks first: eight signatures are a millisecond, and garbage should not cost one. */
function verifyChain(ask: Ask, opening: Opening, registry: Registry): Chain {
  const hops = ask.chain.map(readHop);
  checkLinks(hops, registry);
  for (const [index, hop] of hops.entries()) {
    if (hop.tenant !== ask.pep.tenant) throw new Refusal('delegation.other_tenant', { hop: index });
    if (hop.mandate !== opening.mandateDigest || hop.task !== opening.mandate.taskType)
      throw new Refusal('delegation.other_mandate', { hop: index });
  }
  for (const [index, hop] of hops.entries())
    checkSignature(hop, { index, boundTo: hops[index - 1]?.jkt, registry });
  const limits = narrowAuthority(hops, opening.mandate, registry);
  return summarise(ask, hops, { limits, endsAt: opening.mandate.expiresAt });
}

interface Place {
  readonly index: number;
  /** Thumbprint of the only key that the parent lets its delegate sign with; undefined: any of its keys. */
  readonly boundTo: string | undefined;
  readonly registry: Registry;
}

function checkSignature({ jws, delegator }: Hop, { index, boundTo, registry }: Place): void {
  const agent = registry.find(delegator);
  if (agent === undefined) throw new Refusal('delegation.unknown_delegator', { hop: index });
  const { alg, kid } = jws.header;
  const found = typeof kid === 'string' ? agent.keys.get(kid) : undefined;
  // The key's own algorithms decide, not the header's word.
  const sound = found !== undefined && isAlgorithm(alg) && found.algorithms.includes(alg);
  const bound = boundTo === undefined || found?.jkt === boundTo;
  if (!sound || !bound || !verifyJws(jws, alg, found.key))
    throw new Refusal('delegation.bad_signature', { hop: index });
}

interface Narrowed {
  readonly limits: Readonly<Record<string, string>>;
  /** When the opening mandate ends, Unix ms: what an amendment adds was never handed on. */
  readonly endsAt: number;
}

function summarise(ask: Ask, hops: readonly Hop[], { limits, endsAt }: Narrowed): Chain {
  const [root] = hops;
  const last = hops.at(-1);
  if (root === undefined || last === undefined) throw new Error('a chain has at least one hop');
  const patterns = hops.map(({ actions }) => compilePatterns(actions));
  const authority: Authority = {
    permits: true,
    depth: hops.length,
    actors: [root.delegator, ...hops.map(({ delegate }) => delegate)],
    limits,
    root: { by: root.delegator, task: root.task },
    hops: hops.map(({ name }) => name),
    hopLimits: Object.fromEntries(
      hops.map(({ name, limits: own }) => [name, Object.freeze(Object.fromEntries(own))]),
    ),
    expiresAt: Math.min(endsAt, ...hops.map(({ expiresAt }) => expiresAt)),
  };
  return {
    tenant: root.tenant,
    mandate: root.mandate,
    lengths: ask.chain.map(({ length }) => length),
    notBefore: Math.max(...hops.map(({ notBefore }) => notBefore)),
    delegate: last.delegate,
    jkt: last.jkt,
    permits: (action) => patterns.every((permits) => permits(action)),
    inside: freeze(authority),
    outside: freeze({ ...authority, permits: false }),
  };
}

/** The whole chain ends with the first of its hops to end, and no later than the mandate that it was made under. */
function checkTimes({ notBefore, inside }: Chain, at: number): void {
  if (at >= inside.expiresAt) throw new Refusal('delegation.expired');
  if (at < notBefore) throw new Refusal('delegation.not_yet_valid');
}

/** A chain is worth something only to whom its last hop names, with the key that it names. */
function checkDelegate({ delegate, jkt }: Chain, { actor, binding }: Caller, registry: Registry): void {
  if (registry.agentKey(delegate) !== registry.agentKey(actor)) throw new Refusal('token.actor_mismatch');
  if (jkt !== undefined && jkt !== binding)
    throw new Refusal('token.binding', { problem: 'the chain names another key of the delegate' });
}

/** Shared between asks, so nobody may write to it. */
function freeze(authority: Authority): Authority {
  Object.freeze(authority.actors);
  Object.freeze(authority.limits);
  Object.freeze(authority.hops);
  Object.freeze(authority.hopLimits);
  return Object.freeze(authority);
}
