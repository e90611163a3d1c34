import { readFileSync } from 'node:fs';
import { readKeySet, type VerificationKey } from '../model/key-set.ts';
import type { Identity } from '../model/mandate.ts';
import { compilePatterns } from '../model/pattern.ts';
import type { AgentConfig } from './config.ts';

/** A registered agent, its keys imported and its patterns compiled. */
export interface Agent {
  readonly keys: ReadonlyMap<string, VerificationKey>;
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
): ReadonlyMap<string, VerificationKey> {
  try {
    const set = readKeySet('file' in keys ? readFile(keys.file) : JSON.stringify({ keys: keys.jwks }));
    const [dropped] = set.dropped;
    if (dropped !== undefined) throw new Error(dropped);
    return set.keys;
  } catch (cause) {
    throw new Error(`the keys of agent \`${identity.id}\` in \`delegation.agents\` cannot be used`, {
      cause,
    });
  }
}
