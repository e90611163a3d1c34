/** One file and the environment, read once; each room parses its own section. Nothing here has a default that opens a door. */
import { existsSync, readFileSync } from 'node:fs';
import { type DelegationConfig, parseDelegationConfig } from './delegation/config.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from './model/json.ts';
import { readSection, readText, readWhole } from './model/section.ts';
import { type PolicyConfig, parsePolicyConfig } from './policy/config.ts';
import { parseSessionConfig, SESSION_SETTINGS, type SessionConfig } from './session/config.ts';
import { parseTokenConfig, type TokenConfig } from './token/config.ts';
import { parsePepConfig, type Registration } from './wire/pep.ts';

export interface Config {
  readonly listen: readonly string[];
  readonly tls:
    | { readonly cert: string; readonly key: string; readonly clientCa: string | undefined }
    | undefined;
  /** At least 32 bytes, equal on all replicas: session logs and value hashes are keyed with it. */
  readonly fleetKey: Buffer;
  readonly enforcementPoints: readonly Registration[];
  readonly token: TokenConfig;
  readonly delegation: DelegationConfig;
  readonly session: SessionConfig;
  readonly catalog: JsonValue;
  readonly policy: PolicyConfig;
  readonly recordLog: { readonly directory: string; readonly durability: 'os' | 'disk' };
  readonly telemetry: { readonly listen: string | undefined; readonly logLevel: LogLevel };
  /** Asks in flight before more are shed. */
  readonly maxAsks: number;
  readonly dev: boolean;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

interface Setting {
  readonly key: string;
  /** Environment variable that takes the key's place. */
  readonly env?: string;
  readonly words: string;
  /** What the example file shows; undefined: shown as a comment only. */
  readonly example: JsonValue;
}

/** The one description of the file: the example is generated from it, and no other key is taken. */
const SETTINGS: readonly Setting[] = [
  {
    key: 'listen',
    env: 'ASSENT_LISTEN',
    words:
      'Addresses to serve gRPC on: `host:port` or `unix:/path`. Plaintext TCP only with --dev on loopback.',
    example: ['127.0.0.1:7443'],
  },
  {
    key: 'tls',
    words:
      'Files in PEM. With `client_ca` every caller must show a certificate of that authority (mutual TLS).',
    example: { cert: 'tls/server.crt', key: 'tls/server.key', client_ca: 'tls/clients.crt' },
  },
  {
    key: 'store',
    env: 'ASSENT_STORE',
    words:
      'Sessions, policy and proofs: a path for the embedded store (one process), or a Redis that replicas share: `redis://HOST:PORT/DB`, `redis+sentinel://HOST:PORT,…/NAME` or `redis+cluster://HOST:PORT,…`; `rediss` for TLS.',
    example: 'redis://127.0.0.1:6379/0',
  },
  {
    key: 'fleet_key_file',
    words: 'At least 32 secret bytes in base64url, the same on every replica, never in the store.',
    example: 'secrets/fleet.key',
  },
  {
    key: 'enforcement_points',
    words:
      'Who may call: one of `key_file`, `key_sha256` (hex) or `mtls_name`. Roles: asker, opener, details, author, security, admin.',
    example: [
      { id: 'payments-gateway', tenant: 'acme', roles: ['asker', 'opener'], key_file: 'secrets/gateway.key' },
      { id: 'policy-pipeline', tenant: 'acme', roles: ['author'], mtls_name: 'pipeline.acme.example' },
    ],
  },
  {
    key: 'token',
    words:
      'Issuers of the agents’ tokens. `keys` is a file or a URL; `scopes` maps a scope to action patterns.',
    example: {
      issuers: [
        {
          issuer: 'https://login.acme.example',
          audience: 'https://assent.acme.example',
          algorithms: ['ES256'],
          keys: { url: 'https://login.acme.example/jwks.json' },
          scopes: { payments: ['payment.*', 'invoice.*'] },
        },
      ],
    },
  },
  {
    key: 'delegation',
    words: 'Registered agents and the public keys that they sign hops with.',
    example: {
      agents: [
        {
          iss: 'https://login.acme.example',
          id: 'orchestrator',
          keys: { file: 'agents/orchestrator.jwks.json' },
        },
      ],
    },
  },
  { key: 'session', words: 'Bounds of sessions; every key has a default.', example: {} },
  {
    key: 'catalog',
    words: 'File that says of every action its class, arguments and outputs.',
    example: 'policies/catalog.json',
  },
  {
    key: 'policy',
    words: 'Bundle to start with, until one is pushed.',
    example: { bundle: 'policies/finance.bundle' },
  },
  {
    key: 'record_log',
    words: 'Where records go. `disk` waits for the medium, `os` for the kernel.',
    example: { directory: '/var/lib/assent/records', durability: 'disk' },
  },
  {
    key: 'telemetry',
    env: 'ASSENT_LOG_LEVEL',
    words:
      'Prometheus endpoint (`listen`; leave it out for none) and `log_level`: debug, info, warn, error, silent.',
    example: { listen: '127.0.0.1:9464', log_level: 'info' },
  },
  { key: 'max_asks', words: 'Asks in flight before more are shed.', example: 4096 },
];

/** The example file, as checked in: JSON, with whole-line comments. */
export function configExample(): string {
  const lines = [
    '// Configuration of `assent serve --config FILE`. A line that begins with // is a comment.',
    '{',
  ];
  SETTINGS.forEach(({ key, env, words, example }, index) => {
    lines.push(`  // ${words}${env === undefined ? '' : ` Environment: ${env}.`}`);
    const value = key === 'session' ? sessionExample() : JSON.stringify(example, null, 2);
    lines.push(
      `  ${JSON.stringify(key)}: ${value.replaceAll('\n', '\n  ')}${index === SETTINGS.length - 1 ? '' : ','}`,
    );
  });
  return `${lines.join('\n')}\n}\n`;
}

/** The session section by its own table, every key at its default. */
function sessionExample(): string {
  const settings = SESSION_SETTINGS.filter(({ key }) => key !== 'store');
  const lines = settings.flatMap(({ key, meaning, default: value }, index) => [
    `  // ${meaning}`,
    `  ${JSON.stringify(key)}: ${JSON.stringify(value)}${index === settings.length - 1 ? '' : ','}`,
  ]);
  return `{\n${lines.join('\n')}\n}`;
}

/**
 * Reads the config file.
 * @throws Error naming the file and what is wrong with it
 */
export function readConfigFile(path: string): JsonObject {
  if (!existsSync(path)) throw new Error(`there is no config file \`${path}\``);
  const text = readFileSync(path, 'utf8').replace(/^[ \t]*\/\/.*$/gm, '');
  let value: JsonValue;
  try {
    value = parseJson(text, { maxDepth: 16 });
  } catch (cause) {
    throw new Error(`\`${path}\` is not json: ${(cause as Error).message}`, { cause });
  }
  if (!isJsonObject(value)) throw new Error(`\`${path}\` must hold an object`);
  return value;
}

export interface ConfigSource {
  /** The file's content, or what the development server makes. */
  readonly raw: Readonly<Record<string, unknown>>;
  /** Takes the place of keys of the file: flags of the command line. */
  readonly flags: { readonly listen?: string; readonly store?: string; readonly telemetry?: string };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dev: boolean;
}

/**
 * Gathers and checks everything. Flags win over the environment, the environment over the file.
 * @throws Error naming the key, for unknown keys, wrong types, half-set pairs and whatever must not be left out
 */
export function parseConfig({ raw, flags, env, dev }: ConfigSource): Config {
  const known = SETTINGS.map(({ key }) => key);
  for (const key of Object.keys(raw))
    if (!known.includes(key)) throw new Error(`\`${key}\` is not a known key`);
  const listen = flags.listen ?? env['ASSENT_LISTEN'];
  const telemetry = readSection(raw['telemetry'] ?? {}, 'telemetry', ['listen', 'log_level']);
  const telemetryListen = flags.telemetry ?? telemetry['listen'];
  const catalogPath = readText(required(raw, 'catalog'), 'catalog');
  return Object.freeze({
    listen: listen === undefined ? readAddresses(raw['listen']) : listen.split(','),
    tls: raw['tls'] === undefined ? undefined : readTls(raw['tls']),
    fleetKey: readFleetKey(readText(required(raw, 'fleet_key_file'), 'fleet_key_file')),
    enforcementPoints: parsePepConfig(required(raw, 'enforcement_points')),
    token: parseTokenConfig(required(raw, 'token')),
    delegation: parseDelegationConfig(raw['delegation']),
    session: readSession(raw['session'], flags.store ?? env['ASSENT_STORE'] ?? required(raw, 'store'), dev),
    catalog: readJsonFile(catalogPath, 'catalog'),
    policy: parsePolicyConfig(raw['policy']),
    recordLog: readRecordLog(required(raw, 'record_log')),
    telemetry: {
      listen: telemetryListen === undefined ? undefined : readText(telemetryListen, 'telemetry.listen'),
      logLevel: readLogLevel(env['ASSENT_LOG_LEVEL'] ?? telemetry['log_level'] ?? 'info'),
    },
    maxAsks: readWhole(raw['max_asks'] ?? 4096, 'max_asks', { least: 1, most: 1_000_000 }),
    dev,
  });
}

function required(raw: Readonly<Record<string, unknown>>, key: string): unknown {
  if (raw[key] === undefined) throw new Error(`\`${key}\` must be set`);
  return raw[key];
}

function readAddresses(value: unknown): readonly string[] {
  if (value === undefined) return ['127.0.0.1:7443'];
  if (!Array.isArray(value) || value.length === 0) throw new Error('`listen` must be a list of addresses');
  return value.map((item, index) => readText(item, `listen[${index}]`));
}

function readTls(value: unknown): NonNullable<Config['tls']> {
  const { cert, key, client_ca } = readSection(value, 'tls', ['cert', 'key', 'client_ca']);
  return {
    cert: readText(cert, 'tls.cert'),
    key: readText(key, 'tls.key'),
    clientCa: client_ca === undefined ? undefined : readText(client_ca, 'tls.client_ca'),
  };
}

function readSession(section: unknown, store: unknown, dev: boolean): SessionConfig {
  const fields = readSection(section ?? {}, 'session', Object.keys(section ?? {}));
  if (fields['store'] !== undefined) throw new Error('`session.store` is not a known key: it is `store`');
  const config = parseSessionConfig({ ...(fields as JsonObject), store: readText(store, 'store') });
  if (config.store.kind === 'memory' && !dev) throw new Error('`store` may be memory: only with --dev');
  return config;
}

function readFleetKey(path: string): Buffer {
  const key = Buffer.from(readTextFile(path, 'fleet_key_file').trim(), 'base64url');
  if (key.length < 32) throw new Error('`fleet_key_file` must hold at least 32 bytes in base64url');
  return key;
}

function readRecordLog(value: unknown): Config['recordLog'] {
  const { directory, durability = 'disk' } = readSection(value, 'record_log', ['directory', 'durability']);
  if (durability !== 'os' && durability !== 'disk')
    throw new Error('`record_log.durability` must be os or disk');
  return { directory: readText(directory, 'record_log.directory'), durability };
}

function readLogLevel(value: unknown): LogLevel {
  const level = LOG_LEVELS.find((known) => known === value);
  if (level === undefined) throw new Error(`\`telemetry.log_level\` must be one of ${LOG_LEVELS.join(', ')}`);
  return level;
}

function readJsonFile(path: string, key: string): JsonValue {
  try {
    return parseJson(readTextFile(path, key), { maxDepth: 16 });
  } catch (cause) {
    throw new Error(`\`${key}\`: \`${path}\` ${(cause as Error).message}`, { cause });
  }
}

function readTextFile(path: string, key: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Error(`\`${key}\`: \`${path}\` cannot be read`, { cause });
  }
}
