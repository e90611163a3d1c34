import { isPlainText, MAX_ID, MAX_ISSUER } from '../model/identity.ts';
import type { Identity } from '../model/mandate.ts';
import { isPattern } from '../model/pattern.ts';
import { readFlag, readList, readSection, readText, readWhole } from '../model/section.ts';

/** One registered identity of an agent, and what it may hand on. */
export interface AgentConfig {
  readonly identity: Identity;
  /** Identities with one name are one agent: its credentials of several issuers. */
  readonly agent: string | undefined;
  /** Public keys that may sign its hops, by file (JWK set) or in place; an agent that delegates nothing has none. */
  readonly keys: { readonly file: string } | { readonly jwks: readonly unknown[] };
  /** Acts on a delegation chain or not at all. */
  readonly delegatedOnly: boolean;
  /** The most it may do or hand on; undefined: what its token or chain says. */
  readonly actions: readonly string[] | undefined;
}

export interface DelegationConfig {
  readonly agents: readonly AgentConfig[];
  readonly maxDepth: number;
}

const AGENT_KEYS = ['iss', 'id', 'agent', 'keys', 'delegated_only', 'actions'];
const DEFAULT_DEPTH = 8;

/**
 * Reads the `delegation` section; absent, nobody may delegate.
 * @throws Error naming the dotted key
 */
export function parseDelegationConfig(section: unknown): DelegationConfig {
  const fields = readSection(section ?? {}, 'delegation', ['agents', 'max_depth']);
  const agents = readList(fields['agents'] ?? [], 'delegation.agents').map((item, index) =>
    parseAgent(item, `delegation.agents[${index}]`),
  );
  const range = { least: 1, most: DEFAULT_DEPTH };
  const maxDepth = readWhole(fields['max_depth'] ?? DEFAULT_DEPTH, 'delegation.max_depth', range);
  return { agents, maxDepth };
}

function parseAgent(item: unknown, path: string): AgentConfig {
  const fields = readSection(item, path, AGENT_KEYS);
  const actions = fields['actions'];
  return {
    identity: {
      iss: parsePlain(fields['iss'], `${path}.iss`, MAX_ISSUER),
      id: parsePlain(fields['id'], `${path}.id`, MAX_ID),
    },
    agent: fields['agent'] === undefined ? undefined : parsePlain(fields['agent'], `${path}.agent`, MAX_ID),
    keys: parseKeys(fields['keys'], `${path}.keys`),
    delegatedOnly: readFlag(fields['delegated_only'], `${path}.delegated_only`),
    actions: actions === undefined ? undefined : parsePatterns(actions, `${path}.actions`),
  };
}

function parsePlain(value: unknown, path: string, most: number): string {
  const text = readText(value, path);
  if (!isPlainText(text, most))
    throw new Error(`\`${path}\` must be plain text of at most ${most} characters`);
  return text;
}

function parseKeys(value: unknown, path: string): AgentConfig['keys'] {
  if (value === undefined) return { jwks: [] };
  if (Array.isArray(value)) return { jwks: value };
  return { file: readText(readSection(value, path, ['file'])['file'], `${path}.file`) };
}

function parsePatterns(value: unknown, path: string): readonly string[] {
  return readList(value, path).map((pattern) => {
    if (typeof pattern === 'string' && isPattern(pattern)) return pattern;
    throw new Error(`\`${path}\` must hold action names, \`prefix.*\` or \`*\``);
  });
}
