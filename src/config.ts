/** One file and the environment, read once; each room parses its own section. Nothing here has a default that opens a door. */
import { isUtf8 } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { type DelegationConfig, parseDelegationConfig } from './delegation/config.ts';
import { isJsonObject, type JsonError, type JsonObject, type JsonValue, parseJson } from './model/json.ts';
import { Fault, Malformed } from './model/refusal.ts';
import { readFlag, readSection, readText, readWhole } from './model/section.ts';
import { type PolicyConfig, parsePolicyConfig } from './policy/config.ts';
import { isRedis, parseSessionConfig, type SessionConfig } from './session/config.ts';
import { SETTINGS } from './settings.ts';
import { parseTokenConfig, type TokenConfig } from './token/config.ts';
import { parsePepConfig, type Registration, refuseUnshowable } from './wire/pep.ts';

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
  readonly recordLog: {
    readonly directory: string;
    readonly durability: 'os' | 'disk';
    /** How far opening looks back: through every record, or through the last two segments. */
    readonly verify: 'all' | 'tail';
  };
  readonly telemetry: { readonly listen: string | undefined; readonly logLevel: LogLevel };
  /** Whether gRPC tools may ask for the contract, without a credential. */
  readonly reflection: boolean;
  /** Asks in flight before more are shed. */
  readonly maxAsks: number;
  /** Milliseconds that the event loop may stand still before the process ends itself; 0: for ever. */
  readonly watchdogMs: number;
  readonly dev: boolean;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

/**
 * Reads the config file.
 * @throws Error naming the file and what is wrong with it
 */
export function readConfigFile(path: string): JsonObject {
  if (!existsSync(path)) throw new Error(`there is no config file \`${path}\``);
  const text = readConfigText(path).replace(/^[ \t]*\/\/.*$/gm, '');
  let value: JsonValue;
  try {
    value = parseJson(text, { maxDepth: 16 });
  } catch (cause) {
    throw new Error(`\`${path}\` ${problemOf(text, cause)}`, { cause });
  }
  if (!isJsonObject(value)) throw new Error(`\`${path}\` must hold an object`);
  return value;
}

function readConfigText(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new Error(`the config file \`${path}\` cannot be read`, { cause });
  }
  return decodeText(bytes, `\`${path}\``);
}

/** Refuses what a lenient reader would change: a name with a replaced letter is the name of somebody else. */
function decodeText(bytes: Buffer, where: string): string {
  if (!isUtf8(bytes)) throw new Error(`${where} is not utf-8`);
  return bytes.toString('utf8');
}

/** What is wrong with a text that the strict reader refused, and where. */
function problemOf(text: string, cause: unknown): string {
  try {
    JSON.parse(text);
  } catch (found) {
    // Only the place is taken over: the engine's own words quote the text.
    const [, line, column] = /line (\d+) column (\d+)/.exec(String(found)) ?? [];
    return line === undefined
      ? 'is not json: it ends too early'
      : `is not json at line ${line}, column ${column}`;
  }
  const { message, path } = cause as JsonError;
  return path === '' ? message : `${message} at \`${path}\``;
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
  const listed = flags.listen ?? env['ASSENT_LISTEN'];
  const listen = listed === undefined ? readAddresses(raw['listen']) : listed.split(',');
  const tls = raw['tls'] === undefined ? undefined : readTls(raw['tls']);
  const enforcementPoints = parsePepConfig(required(raw, 'enforcement_points'));
  refuseUnshowable(enforcementPoints, { listen, clientCa: tls?.clientCa !== undefined });
  const telemetry = readSection(raw['telemetry'] ?? {}, 'telemetry', ['listen', 'log_level']);
  const telemetryListen = flags.telemetry ?? telemetry['listen'];
  const catalogPath = readText(required(raw, 'catalog'), 'catalog');
  const store = readText(flags.store ?? env['ASSENT_STORE'] ?? required(raw, 'store'), 'store');
  const recordLog = readRecordLog(required(raw, 'record_log'), { embedded: !isRedis(store) });
  const { durability } = recordLog;
  return Object.freeze({
    listen,
    tls,
    fleetKey: readFleetKey(readText(required(raw, 'fleet_key_file'), 'fleet_key_file')),
    enforcementPoints,
    token: parseTokenConfig(required(raw, 'token')),
    delegation: parseDelegationConfig(raw['delegation']),
    session: readSession(raw['session'], { store, durability, dev }),
    catalog: readJsonFile(catalogPath, 'catalog'),
    policy: parsePolicyConfig(raw['policy']),
    recordLog,
    telemetry: {
      listen: telemetryListen === undefined ? undefined : readEndpoint(telemetryListen, 'telemetry.listen'),
      logLevel: readLogLevel(env['ASSENT_LOG_LEVEL'] ?? telemetry['log_level'] ?? 'info'),
    },
    reflection: readFlag(raw['reflection'] ?? dev, 'reflection'),
    maxAsks: readWhole(raw['max_asks'] ?? 4096, 'max_asks', { least: 1, most: 1_000_000 }),
    watchdogMs: readWatchdog(raw['watchdog_ms'] ?? 5000),
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

function readWatchdog(value: unknown): number {
  if (value === 0) return 0;
  // Reading a large document back may take some hundred milliseconds of a slow machine's.
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1000 && value <= 600_000) return value;
  throw new Error('`watchdog_ms` must be 0 or a whole number from 1000 to 600000');
}

function readTls(value: unknown): NonNullable<Config['tls']> {
  const { cert, key, client_ca } = readSection(value, 'tls', ['cert', 'key', 'client_ca']);
  return {
    cert: readText(cert, 'tls.cert'),
    key: readText(key, 'tls.key'),
    clientCa: client_ca === undefined ? undefined : readText(client_ca, 'tls.client_ca'),
  };
}

interface Around {
  readonly store: string;
  readonly durability: 'os' | 'disk';
  readonly dev: boolean;
}

function readSession(section: unknown, { store, durability, dev }: Around): SessionConfig {
  const fields = readSection(section ?? {}, 'session', Object.keys(section ?? {}));
  if (fields['store'] !== undefined) throw new Error('`session.store` is not a known key: it is `store`');
  // An embedded store that forgets what the records hold would let it be spent again after a loss of power.
  const asRecords = durability === 'disk' ? 'full' : 'normal';
  const { sqlite_synchronous: asked = '' } = fields;
  const config = parseNamed({
    ...(fields as JsonObject),
    sqlite_synchronous: asked === '' ? asRecords : (asked as JsonValue),
    store,
  });
  if (config.store.kind === 'memory' && !dev) throw new Error('`store` may be memory: only with --dev');
  return config;
}

/** In the file the store stands outside of its section. */
function parseNamed(section: JsonObject): SessionConfig {
  try {
    return parseSessionConfig(section);
  } catch (cause) {
    if (!(cause instanceof Malformed)) throw cause;
    const { field, problem } = cause;
    // Without it as cause: it says the same, and would be told a second time.
    throw new Error(`\`${field === 'session.store' ? 'store' : field}\` ${problem}`);
  }
}

/** Zeros, or a letter held down, are no secret. */
const LEAST_DISTINCT = 8;

/** What is no key, such as a certificate, must not become one: the decoder skips all that it does not know. */
function readFleetKey(path: string): Buffer {
  const text = readTextFile(path, 'fleet_key_file').replace(/\r?\n$/, '');
  const key = Buffer.from(text, 'base64url');
  if (key.length < 32 || key.toString('base64url') !== text)
    throw new Error('`fleet_key_file` must hold at least 32 bytes in base64url, and nothing else');
  // Of 32 random bytes so few are alike that this never meets a real one.
  if (new Set(key).size < LEAST_DISTINCT) throw new Error('`fleet_key_file` must hold random bytes');
  return key;
}

/** Beside the embedded store the kernel's word is enough unless told otherwise; replicas wait for the medium. */
function readRecordLog(value: unknown, { embedded }: { readonly embedded: boolean }): Config['recordLog'] {
  const fields = readSection(value, 'record_log', ['directory', 'durability', 'verify']);
  const { directory, durability = embedded ? 'os' : 'disk', verify = 'all' } = fields;
  if (durability !== 'os' && durability !== 'disk')
    throw new Error('`record_log.durability` must be os or disk');
  if (verify !== 'all' && verify !== 'tail') throw new Error('`record_log.verify` must be all or tail');
  return { directory: readText(directory, 'record_log.directory'), durability, verify };
}

function readEndpoint(value: unknown, path: string): string {
  const text = readText(value, path);
  const [, port] = /^[A-Za-z0-9.:[\]-]+:([0-9]{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535)
    throw new Error(`\`${path}\` is \`host:port\`, not \`${text}\``);
  return text;
}

function readLogLevel(value: unknown): LogLevel {
  const level = LOG_LEVELS.find((known) => known === value);
  if (level === undefined) throw new Error(`\`telemetry.log_level\` must be one of ${LOG_LEVELS.join(', ')}`);
  return level;
}

function readJsonFile(path: string, key: string): JsonValue {
  const text = readTextFile(path, key);
  try {
    return parseJson(text, { maxDepth: 16 });
  } catch (cause) {
    throw new Error(`\`${key}\`: \`${path}\` ${(cause as Error).message}`, { cause });
  }
}

function readTextFile(path: string, key: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new Error(`\`${key}\`: \`${path}\` cannot be read`, { cause });
  }
  return decodeText(bytes, `\`${key}\`: \`${path}\``);
}

/**
 * Runs what opens or reads something that a key of the file names.
 * @throws Error naming the key, with what was thrown below as its cause
 */
export async function under<T>(key: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    // A message that begins with a key of this section names what is wrong better than the section would.
    if (thrown instanceof Error && thrown.message.startsWith(`\`${key}.`)) throw thrown;
    // A fault's own words are for callers; what lies below it is for whoever reads this.
    const cause = thrown instanceof Fault && thrown.cause instanceof Error ? thrown.cause : thrown;
    throw new Error(`\`${key}\` cannot be used`, { cause });
  }
}
