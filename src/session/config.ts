/** The `session` section: where sessions live, how many are held, how long an allow is good. */
import { readFileSync } from 'node:fs';
import type { JsonObject, JsonValue } from '../model/json.ts';
import { Malformed } from '../model/refusal.ts';
import { DEFAULT_BOUNDS, type SessionBounds } from './bounds.ts';
import { parseRedisUrl, type RedisServer } from './redis-url.ts';
import {
  DEFAULT_ALLOW_LIFETIME_MS,
  DEFAULT_MAX_BYTES,
  DEFAULT_MAX_SESSIONS,
  DEFAULT_SNAPSHOT_EVERY,
} from './session.ts';

export type SessionStoreConfig =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly path: string; readonly synchronous: 'normal' | 'full' }
  | {
      readonly kind: 'redis';
      readonly server: RedisServer;
      readonly commandTimeoutMs: number;
      readonly connectTimeoutMs: number;
    };

export interface SessionConfig {
  readonly store: SessionStoreConfig;
  readonly maxSessions: number;
  readonly maxBytes: number;
  readonly allowLifetimeMs: number;
  readonly snapshotEvery: number;
  readonly bounds: SessionBounds;
}

/** One setting: docs and the example are made from this table too. */
export interface Setting {
  readonly key: string;
  readonly meaning: string;
  readonly default: JsonValue;
  /** Whole numbers only: least and greatest. */
  readonly range?: readonly [number, number];
}

const MINUTE_MS = 60_000;
const MEGABYTE = 1024 * 1024;

export const SESSION_SETTINGS: readonly Setting[] = [
  {
    key: 'store',
    meaning:
      'a path for the embedded store, `redis://`, `rediss://`, `redis+sentinel://host:port,…/name`, `redis+cluster://host:port,…` (`rediss+…` for TLS), or `memory:`',
    default: 'sessions.db',
  },
  {
    key: 'store_insecure',
    meaning: 'lets Redis be reached without TLS outside this machine',
    default: false,
  },
  {
    key: 'sqlite_synchronous',
    meaning:
      '`normal` survives the end of the process, `full` a loss of power too; empty: as `record_log.durability`, `full` for `disk`',
    default: '',
  },
  {
    key: 'redis_password_file',
    meaning: 'file that holds the password for Redis; absent: the one in the url, if any',
    default: '',
  },
  {
    key: 'redis_sentinel_password_file',
    meaning: 'file that holds the password for the sentinels, where they want one',
    default: '',
  },
  {
    key: 'redis_timeout_ms',
    meaning: 'milliseconds after which an answer of Redis is taken for lost',
    default: 20,
    range: [1, 5000],
  },
  {
    key: 'redis_connect_timeout_ms',
    meaning: 'milliseconds for the first connection to Redis',
    default: 5000,
    range: [100, 60_000],
  },
  {
    key: 'max_sessions',
    meaning: 'sessions held in memory',
    default: DEFAULT_MAX_SESSIONS,
    range: [1, 1_000_000],
  },
  {
    key: 'max_sessions_mb',
    meaning: 'megabytes that sessions may take in memory, roughly',
    default: DEFAULT_MAX_BYTES / MEGABYTE,
    range: [16, 65_536],
  },
  {
    key: 'allow_lifetime_ms',
    meaning: 'milliseconds after which an allow that was not used is void',
    default: DEFAULT_ALLOW_LIFETIME_MS,
    range: [1000, 10 * MINUTE_MS],
  },
  {
    key: 'snapshot_every',
    meaning: 'entries between snapshots of a session',
    default: DEFAULT_SNAPSHOT_EVERY,
    range: [8, 4096],
  },
  {
    key: 'max_permits',
    meaning: 'effectful permits of one session, ever; equal on all replicas, as are the next five',
    default: DEFAULT_BOUNDS.permits,
    range: [1, 65_536],
  },
  {
    key: 'max_answers',
    meaning: 'answers of one session kept for retries',
    default: DEFAULT_BOUNDS.answers,
    range: [1, 65_536],
  },
  {
    key: 'max_spent_ids',
    meaning: 'request ids of one session refused one by one after their answers are forgotten',
    default: DEFAULT_BOUNDS.spentIds,
    range: [0, 65_536],
  },
  {
    key: 'answer_window_ms',
    meaning: 'milliseconds for which answers are kept for retries',
    default: DEFAULT_BOUNDS.answerWindowMs,
    range: [MINUTE_MS, 60 * MINUTE_MS],
  },
  {
    key: 'max_origins',
    meaning: 'values of one session whose origin is remembered',
    default: DEFAULT_BOUNDS.origins,
    range: [64, 1_048_576],
  },
  {
    key: 'max_actions',
    meaning: 'action names of one session counted one by one',
    default: DEFAULT_BOUNDS.actions,
    range: [8, 4096],
  },
];

/**
 * Reads the section, and the password files that it names.
 * @throws Malformed naming the key, for unknown keys, wrong types, values out of range, unreadable files, and
 * Redis in clear text over a network
 */
export function parseSessionConfig(section: JsonObject): SessionConfig {
  const known = new Set(SESSION_SETTINGS.map(({ key }) => key));
  for (const key of Object.keys(section))
    if (!known.has(key)) throw new Malformed(`session.${key}`, 'is not a setting');
  const number = (key: string): number => numberOf(section, key);
  return {
    store: storeOf(section),
    maxSessions: number('max_sessions'),
    maxBytes: number('max_sessions_mb') * MEGABYTE,
    allowLifetimeMs: number('allow_lifetime_ms'),
    snapshotEvery: number('snapshot_every'),
    bounds: {
      ...DEFAULT_BOUNDS,
      permits: number('max_permits'),
      answers: number('max_answers'),
      spentIds: number('max_spent_ids'),
      answerWindowMs: number('answer_window_ms'),
      origins: number('max_origins'),
      actions: number('max_actions'),
    },
  };
}

function settingOf(section: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(section, key)
    ? section[key]
    : SESSION_SETTINGS.find((setting) => setting.key === key)?.default;
}

function numberOf(section: JsonObject, key: string): number {
  const value = settingOf(section, key);
  const [least, greatest] = SESSION_SETTINGS.find((setting) => setting.key === key)?.range ?? [0, 0];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > greatest)
    throw new Malformed(`session.${key}`, `is not a whole number from ${least} to ${greatest}`);
  return value;
}

function textOf(section: JsonObject, key: string): string {
  const value = settingOf(section, key);
  if (typeof value !== 'string' || value === '') throw new Malformed(`session.${key}`, 'is not a text');
  return value;
}

/** What the file holds but for the end of its line; undefined where none is named. */
function secretOf(section: JsonObject, key: string): string | undefined {
  const path = settingOf(section, key);
  if (path === '') return undefined;
  if (typeof path !== 'string') throw new Malformed(`session.${key}`, 'is not a path');
  let secret: string;
  try {
    secret = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch {
    throw new Malformed(`session.${key}`, 'names a file that cannot be read');
  }
  if (secret === '') throw new Malformed(`session.${key}`, 'names an empty file');
  return secret;
}

/** Whether `store` names a Redis, which processes share; all else is embedded in one. */
export function isRedis(store: string): boolean {
  return /^(rediss?(\+sentinel|\+cluster)?|unix):/.test(store);
}

function storeOf(section: JsonObject): SessionStoreConfig {
  const store = textOf(section, 'store');
  // All of them are read, whichever store it is: a slip that tells nobody now would surprise whoever changes `store`.
  const redis = redisOf(section);
  const synchronous = synchronousOf(section);
  if (store === 'memory:') return { kind: 'memory' };
  if (isRedis(store)) {
    const { insecure, password, sentinelPassword, ...timeouts } = redis;
    const server = parseRedisUrl(store, insecure);
    if (sentinelPassword !== undefined && server.kind !== 'sentinel')
      throw new Malformed('session.redis_sentinel_password_file', 'is for sentinels only');
    return {
      kind: 'redis',
      server: {
        ...server,
        // Before one in the url.
        ...(password === undefined ? {} : { password }),
        ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
      },
      ...timeouts,
    };
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(store)) throw new Malformed('session.store', 'names no store we know');
  return { kind: 'sqlite', path: store, synchronous };
}

function redisOf(section: JsonObject) {
  const insecure = settingOf(section, 'store_insecure');
  if (typeof insecure !== 'boolean') throw new Malformed('session.store_insecure', 'is not true or false');
  return {
    insecure,
    password: secretOf(section, 'redis_password_file'),
    sentinelPassword: secretOf(section, 'redis_sentinel_password_file'),
    commandTimeoutMs: numberOf(section, 'redis_timeout_ms'),
    connectTimeoutMs: numberOf(section, 'redis_connect_timeout_ms'),
  };
}

/** Who says nothing, and asks for no other durability elsewhere, gets the one that loses nothing. */
function synchronousOf(section: JsonObject): 'normal' | 'full' {
  const asked = settingOf(section, 'sqlite_synchronous');
  const synchronous = asked === '' ? 'full' : asked;
  if (synchronous !== 'normal' && synchronous !== 'full')
    throw new Malformed('session.sqlite_synchronous', 'is neither `normal` nor `full`');
  return synchronous;
}
