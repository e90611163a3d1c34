import { hash, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { canonicalJson, type JsonObject } from '../model/json.ts';
import { readKeySet, type VerificationKey } from '../model/key-set.ts';
import type { Identity } from '../model/mandate.ts';
import { compilePatterns } from '../model/pattern.ts';
import type { AgentConfig } from './config.ts';

/** A key of an agent and its RFC 7638 SHA-256 thumbprint, by which a parent hop may have named it. */
export interface AgentKey extends VerificationKey {
  readonly jkt: string;
}

/** A registered agent, its keys imported and its patterns compiled. */
export interface Agent {
  readonly keys: ReadonlyMap<string, AgentKey>;
  readonly delegatedOnly: boolean;
  readonly actions: readonly string[];
  readonly permits: (action: string) => boolean;
}

export interface Registry {
  find(identity: Identity): Agent | undefined;
  /** Equal for two identities of one agent; an unregistered one is only equal to itself. */
  agentKey(identity: Identity): string;
}

/** @throws Error naming the agent whose keys cannot be used: nothing in a registration is left out silently */
export function createRegistry(
  agents: readonly AgentConfig[],
  readFile: (path: string) => Uint8Array | string = readFileSync,
): Registry {
  const known = new Map<string, { readonly agent: Agent; readonly key: string }>();
  for (const config of agents) {
    const name = nameOf(config.identity);
    if (known.has(name)) throw new Error(`\`delegation.agents\` registers \`${config.identity.id}\` twice`);
    known.set(name, {
      agent: {
        keys: readKeys(config, readFile),
        delegatedOnly: config.delegatedOnly,
        actions: config.actions ?? ['*'],
        permits: compilePatterns(config.actions ?? ['*']),
      },
      key: config.agent === undefined ? name : `\n${config.agent}`,
    });
  }
  return {
    find: (identity) => known.get(nameOf(identity))?.agent,
    agentKey: (identity) => known.get(nameOf(identity))?.key ?? nameOf(identity),
  };
}

/** No id holds a line break, so no two pairs make one name. */
function nameOf({ iss, id }: Identity): string {
  return `${iss}\n${id}`;
}

function readKeys(
  { identity, keys }: AgentConfig,
  readFile: (path: string) => Uint8Array | string,
): ReadonlyMap<string, AgentKey> {
  try {
    const set = readKeySet('file' in keys ? readFile(keys.file) : JSON.stringify({ keys: keys.jwks }));
    const [dropped] = set.dropped;
    if (dropped !== undefined) throw new Error(dropped);
    return new Map([...set.keys].map(([kid, found]) => [kid, { ...found, jkt: thumbprint(found.key) }]));
  } catch (cause) {
    throw new Error(`the keys of agent \`${identity.id}\` in \`delegation.agents\` cannot be used`, {
      cause,
    });
  }
}

/** RFC 7638 §3: of a public key Node exports the required members (§3.2) and no others. */
function thumbprint(key: KeyObject): string {
  return hash('sha256', canonicalJson({ ...key.export({ format: 'jwk' }) } as JsonObject), 'base64url');
}
