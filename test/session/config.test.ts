import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { JsonObject } from '../../src/model/json.ts';
import { parseSessionConfig } from '../../src/session/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'assent-session-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file that holds this. */
function file(text: string): string {
  const path = join(folder, String(text.length));
  writeFileSync(path, text);
  return path;
}

test('an empty section is the embedded store with its defaults', () => {
  expect(parseSessionConfig({})).toMatchObject({
    store: { kind: 'sqlite', path: 'sessions.db', synchronous: 'full' },
    maxSessions: 10_000,
    allowLifetimeMs: 30_000,
    bounds: { permits: 4096, answers: 1024, answerWindowMs: 600_000, origins: 8192 },
  });
});

test.each<[string, JsonObject, object]>([
  ['memory', { store: 'memory:' }, { kind: 'memory' }],
  [
    'redis on this machine',
    { store: 'redis://localhost:6380/2' },
    {
      kind: 'redis',
      commandTimeoutMs: 20,
      server: { kind: 'standalone', at: { host: 'localhost', port: 6380 }, db: 2, tls: false },
    },
  ],
  [
    'redis by its socket',
    { store: 'unix:///run/redis.sock' },
    { server: { kind: 'standalone', at: { path: '/run/redis.sock' } } },
  ],
  [
    'redis with tls',
    { store: 'rediss://db.example:6379' },
    { server: { kind: 'standalone', at: { host: 'db.example', port: 6379 }, db: 0, tls: true } },
  ],
  [
    'redis in clear text, when told to',
    { store: 'redis://db.example', store_insecure: true },
    { server: { kind: 'standalone', at: { host: 'db.example', port: 6379 }, tls: false } },
  ],
  [
    'sentinels',
    { store: 'rediss+sentinel://u:p%40@a.example,b.example:26380/main' },
    {
      server: {
        kind: 'sentinel',
        sentinels: [
          { host: 'a.example', port: 26379 },
          { host: 'b.example', port: 26380 },
        ],
        name: 'main',
        username: 'u',
        password: 'p@',
        tls: true,
      },
    },
  ],
  [
    'a cluster',
    { store: 'redis+cluster://127.0.0.1:7000,127.0.0.1:7001' },
    {
      server: {
        kind: 'cluster',
        nodes: [
          { host: '127.0.0.1', port: 7000 },
          { host: '127.0.0.1', port: 7001 },
        ],
        tls: false,
      },
    },
  ],
])('%s', (_what, section, store) => {
  expect(parseSessionConfig(section).store).toMatchObject(store);
});

test.each<[string, JsonObject, string]>([
  ['an unknown key', { stroe: 'x' }, 'session.stroe'],
  ['a number as text', { max_sessions: '10' }, 'session.max_sessions'],
  ['a number out of range', { allow_lifetime_ms: 0 }, 'session.allow_lifetime_ms'],
  ['a fraction', { max_answers: 1.5 }, 'session.max_answers'],
  ['null', { store: null }, 'session.store'],
  ['an unknown store', { store: 'postgres://x' }, 'session.store'],
  ['clear text over a network', { store: 'redis://db.example' }, 'session.store'],
  [
    'clear text to one node of a cluster',
    { store: 'redis+cluster://127.0.0.1:7000,10.0.0.1:7000' },
    'session.store',
  ],
  ['several servers of no kind', { store: 'redis://127.0.0.1:1,127.0.0.1:2' }, 'session.store'],
  ['sentinels without a name', { store: 'rediss+sentinel://a' }, 'session.store'],
  ['a port that is none', { store: 'redis://127.0.0.1:99999' }, 'session.store'],
  ['a bad escape in a password', { store: 'rediss+cluster://u:%zz@a' }, 'session.store'],
  ['a database that is no number', { store: 'redis://127.0.0.1/main' }, 'session.store'],
  ['a database of a cluster', { store: 'redis+cluster://127.0.0.1/1' }, 'session.store'],
  [
    'a password file that is not there',
    { store: 'redis://127.0.0.1', redis_password_file: '/nonexistent' },
    'session.redis_password_file',
  ],
  [
    'an empty password file',
    { store: 'redis://127.0.0.1', redis_password_file: file('\n') },
    'session.redis_password_file',
  ],
  [
    'a sentinel password without sentinels',
    { store: 'redis://127.0.0.1', redis_sentinel_password_file: file('pw\n') },
    'session.redis_sentinel_password_file',
  ],
  [
    'a password file that is not there, though the store is embedded',
    { redis_password_file: '/nonexistent' },
    'session.redis_password_file',
  ],
  [
    'a sentinel password file that is not there, though the store is memory',
    { store: 'memory:', redis_sentinel_password_file: '/nonexistent' },
    'session.redis_sentinel_password_file',
  ],
  ['a time that is none, for a store without', { redis_timeout_ms: 0 }, 'session.redis_timeout_ms'],
  ['a word for yes, for a store without', { store_insecure: 'yes' }, 'session.store_insecure'],
  [
    'another durability, where Redis keeps it',
    { store: 'redis://127.0.0.1', sqlite_synchronous: 'off' },
    'session.sqlite_synchronous',
  ],
  ['another durability', { sqlite_synchronous: 'off' }, 'session.sqlite_synchronous'],
])('%s refuses to start, and names the key', (_what, section, field) => {
  expect(() => parseSessionConfig(section)).toThrow(expect.objectContaining({ field }));
});

test.each<[string, JsonObject, object]>([
  [
    'goes before the one in the url',
    { store: 'redis://u:weak@127.0.0.1' },
    { username: 'u', password: ' s 1' },
  ],
  ['is for every kind', { store: 'redis+cluster://127.0.0.1' }, { kind: 'cluster', password: ' s 1' }],
  [
    'of the sentinels is another one',
    { store: 'redis+sentinel://127.0.0.1/main', redis_sentinel_password_file: file('s2') },
    { password: ' s 1', sentinelPassword: 's2' },
  ],
])('a password by file %s', (_what, section, server) => {
  const { store } = parseSessionConfig({ ...section, redis_password_file: file(' s 1\r\n') });
  expect(store).toMatchObject({ server });
});
