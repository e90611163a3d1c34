import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/model/json.ts';
import { parseSessionConfig } from '../../src/session/config.ts';

test('an empty section is the embedded store with its defaults', () => {
  expect(parseSessionConfig({})).toMatchObject({
    store: { kind: 'sqlite', path: 'sessions.db', synchronous: 'normal' },
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
    { kind: 'redis', commandTimeoutMs: 20, server: { kind: 'standalone', url: 'redis://localhost:6380/2' } },
  ],
  [
    'redis by its socket',
    { store: 'unix:///run/redis.sock' },
    { server: { kind: 'standalone', url: '/run/redis.sock' } },
  ],
  [
    'redis with tls',
    { store: 'rediss://db.example:6379' },
    { server: { kind: 'standalone', url: 'rediss://db.example:6379' } },
  ],
  [
    'redis in clear text, when told to',
    { store: 'redis://db.example', store_insecure: true },
    { server: { kind: 'standalone', url: 'redis://db.example' } },
  ],
  [
    'sentinels',
    { store: 'rediss+sentinel://u:p%40@a.example,b.example:26380/main' },
    {
      server: {
        kind: 'sentinel',
        sentinels: [
          { host: 'a.example', port: 6379 },
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
  ['another durability', { sqlite_synchronous: 'off' }, 'session.sqlite_synchronous'],
])('%s refuses to start, and names the key', (_what, section, field) => {
  expect(() => parseSessionConfig(section)).toThrow(expect.objectContaining({ field }));
});
