import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parseConfig, readConfigFile } from '../../src/config.ts';
import { prepareDev } from '../../src/dev.ts';
import { configExample } from '../../src/settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'assent-config-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const root = resolve(import.meta.dirname, '../..');
const good = { ...prepareDev(directory), catalog: join(root, 'policies/catalog.json') };
const parse = (change: Record<string, unknown>, dev = true) =>
  parseConfig({ raw: { ...good, ...change }, flags: {}, env: {}, dev });

const BY_KEY = { id: 'a', tenant: 't', roles: ['asker'], key_sha256: 'a'.repeat(64) };
const BY_NAME = { id: 'b', tenant: 't', roles: ['asker'], mtls_name: 'pep.example' };
const MUTUAL = { cert: 'x', key: 'y', client_ca: 'z' };

test('what the development server makes is a whole configuration', () => {
  const config = parse({});
  expect(config.listen).toEqual(['127.0.0.1:7443']);
  expect(config.enforcementPoints).toHaveLength(1);
  expect(config.fleetKey.length).toBeGreaterThanOrEqual(32);
});

test.each([
  ['an unknown key', { lsten: [] }, /`lsten`/],
  ['an unknown key of a section', { telemetry: { port: 1 } }, /`telemetry\.port`/],
  ['an unknown key of the session section', { session: { colour: 1 } }, /session\.colour/],
  ['no issuer', { token: undefined }, /`token`/],
  ['an empty list of issuers', { token: { issuers: [] } }, /`token\.issuers`/],
  ['no enforcement point', { enforcement_points: [] }, /`enforcement_points`/],
  ['no record log', { record_log: undefined }, /`record_log`/],
  [
    'a durability that does not exist',
    { record_log: { directory: 'x', durability: 'maybe' } },
    /record_log\.durability/,
  ],
  ['no fleet key', { fleet_key_file: undefined }, /`fleet_key_file`/],
  ['a fleet key file that is not there', { fleet_key_file: '/nonexistent' }, /fleet_key_file/],
  ['no catalog', { catalog: undefined }, /`catalog`/],
  ['no store', { store: undefined }, /`store`/],
  ['a store that nobody knows', { store: 'mysql://localhost' }, /store/],
  ['Redis in the clear on another machine', { store: 'redis://redis.example:6379' }, /rediss/],
  ['half a TLS pair', { tls: { cert: 'x' } }, /`tls\.key`/],
  [
    'a look back that does not exist',
    { record_log: { directory: 'x', verify: 'some' } },
    /record_log\.verify/,
  ],
  ['a reflection that is neither on nor off', { reflection: 'yes' }, /`reflection`/],
  ['metrics on no address', { telemetry: { listen: 'metrics' } }, /`telemetry\.listen` is `host:port`/],
  ['metrics past the last port', { telemetry: { listen: '127.0.0.1:65536' } }, /`telemetry\.listen`/],
  [
    'a name of a certificate that nobody asks for',
    { enforcement_points: [BY_KEY, BY_NAME] },
    /`enforcement_points\[1\]\.mtls_name` needs `tls\.client_ca`/,
  ],
  [
    'a name of a certificate beside TLS for the server alone',
    { enforcement_points: [BY_NAME], tls: { cert: 'x', key: 'y' } },
    /`enforcement_points\[0\]\.mtls_name` needs `tls\.client_ca`/,
  ],
  [
    'a name of a certificate on unix sockets alone',
    { enforcement_points: [BY_NAME], tls: MUTUAL, listen: ['unix:/run/a.sock'] },
    /`enforcement_points\[0\]\.mtls_name` needs a TCP address/,
  ],
  ['an ask limit that is no number', { max_asks: '4096' }, /max_asks/],
  [
    'a watchdog that would bite at once',
    { watchdog_ms: 50 },
    /^`watchdog_ms` must be 0 or a whole number from 1000 to 600000$/,
  ],
  ['a watchdog of less than nothing', { watchdog_ms: -1 }, /watchdog_ms/],
  ['a watchdog of half a millisecond more', { watchdog_ms: 1000.5 }, /watchdog_ms/],
  ['a watchdog in words', { watchdog_ms: '5000' }, /watchdog_ms/],
])('%s refuses to start, naming the key', (_what, change, message) => {
  expect(() => parse(change)).toThrow(message);
});

test('a watchdog may be left out', () => {
  expect(parse({ watchdog_ms: 0 }).watchdogMs).toBe(0);
});

test.each([
  ['beside unix sockets', ['unix:/run/a.sock', '127.0.0.1:7443']],
  ['alone', undefined],
])('a name of a certificate is taken where a TCP address asks for one: %s', (_, listen) => {
  const { enforcementPoints } = parse({ enforcement_points: [BY_NAME], tls: MUTUAL, listen });
  expect(enforcementPoints.map(({ proof }) => proof)).toEqual([{ kind: 'certificate', name: 'pep.example' }]);
});

test('a catalog that is not there is named once', () => {
  expect(() => parse({ catalog: '/nonexistent' })).toThrow(
    new Error('`catalog`: `/nonexistent` cannot be read'),
  );
});

test('reflection is on in development and off elsewhere, unless told otherwise', () => {
  expect(parse({}).reflection).toBe(true);
  expect(parse({}, false).reflection).toBe(false);
  expect(parse({ reflection: false }).reflection).toBe(false);
  expect(parse({ reflection: true }, false).reflection).toBe(true);
});

test('the record log is gone through whole at start, unless told otherwise', () => {
  const { recordLog } = parse({ record_log: { directory: 'x' } });
  expect(recordLog).toEqual({ directory: 'x', durability: 'os', verify: 'all' });
  expect(parse({ record_log: { directory: 'x', verify: 'tail' } }).recordLog.verify).toBe('tail');
});

test.each<[string, Record<string, unknown>, 'os' | 'disk']>([
  ['the embedded store', { store: 'sessions.db' }, 'os'],
  ['the store in memory', { store: 'memory:' }, 'os'],
  ['Redis', { store: 'redis://127.0.0.1:6379' }, 'disk'],
  ['Redis behind sentinels', { store: 'rediss+sentinel://redis.example:26379/main' }, 'disk'],
  ['a cluster of Redis', { store: 'rediss+cluster://redis.example:6379' }, 'disk'],
  ['Redis at a socket', { store: 'unix:/run/redis.sock' }, 'disk'],
])('beside %s a record log that names no durability has the one of its kind', (_, store, durability) => {
  expect(parse({ ...store, record_log: { directory: 'x' } }).recordLog.durability).toBe(durability);
  for (const told of ['os', 'disk'])
    expect(parse({ ...store, record_log: { directory: 'x', durability: told } }).recordLog.durability).toBe(
      told,
    );
});

test('a store that the command line or the environment names decides on the durability', () => {
  const raw = { ...good, record_log: { directory: 'x' } };
  const redis = 'redis://127.0.0.1:6379';
  const fromEnv = parseConfig({ raw, flags: {}, env: { ASSENT_STORE: redis }, dev: true });
  expect(fromEnv.recordLog.durability).toBe('disk');
  const fromFlag = parseConfig({ raw, flags: { store: redis }, env: { ASSENT_STORE: 'x.db' }, dev: true });
  expect(fromFlag.recordLog.durability).toBe('disk');
});

test.each<[string, Record<string, unknown>, 'normal' | 'full']>([
  ['the records are on disk', { record_log: { directory: 'x', durability: 'disk' } }, 'full'],
  [
    'an empty setting leaves it to the records',
    { record_log: { directory: 'x', durability: 'disk' }, session: { sqlite_synchronous: '' } },
    'full',
  ],
  ['nothing is said of the records', { record_log: { directory: 'x' } }, 'normal'],
  ['the records are with the kernel', { record_log: { directory: 'x', durability: 'os' } }, 'normal'],
  [
    'it is told otherwise',
    { record_log: { directory: 'x', durability: 'disk' }, session: { sqlite_synchronous: 'normal' } },
    'normal',
  ],
])('the embedded store is as durable as the records: when %s', (_, changes, synchronous) => {
  expect(parse(changes).session.store).toMatchObject({ kind: 'sqlite', synchronous });
});

test.each([
  ['a trailing comma', '{\n  "max_asks": 1,\n}', 'is not json at line 3, column 1'],
  ['an end that comes too early', '{ "max_asks": 1', /is not json/],
  ['a key given twice', '{ "max_asks": 1,\n "max_asks": 2 }', /more than once|`max_asks`/],
])('a config file with %s says where', (_, text, message) => {
  const file = join(directory, 'broken.json');
  writeFileSync(file, text);
  expect(() => readConfigFile(file)).toThrow(message);
});

test.each<[string, (file: string) => unknown]>([
  ['config file', (file) => readConfigFile(file)],
  ['catalog', (file) => parse({ catalog: file })],
])('a %s that is not utf-8 is refused, naming the file, and no letter of it is replaced', (_, read) => {
  const file = join(directory, 'latin-1.json');
  writeFileSync(file, Buffer.from('{ "vendor": "Müller" }', 'latin1'));
  expect(() => read(file)).toThrow(new RegExp(`\`${file}\` is not utf-8$`));
});

test('a store in memory is for development only', () => {
  expect(parse({ store: 'memory:' }).session.store.kind).toBe('memory');
  expect(() => parse({ store: 'memory:' }, false)).toThrow(/memory/);
});

interface Said {
  readonly file?: Record<string, unknown>;
  readonly env?: Record<string, string>;
  readonly flags?: { readonly listen?: string; readonly store?: string; readonly telemetry?: string };
}
const heard = ({ file = {}, env = {}, flags = {} }: Said) =>
  parseConfig({ raw: { ...good, ...file }, flags, env, dev: true });
const LISTEN = { file: { listen: ['127.0.0.1:2'] }, env: { ASSENT_LISTEN: '127.0.0.1:1,127.0.0.1:4' } };
const STORE = { file: { store: '/tmp/of-the-file.db' }, env: { ASSENT_STORE: '/tmp/of-the-environment.db' } };
const TELEMETRY = { file: { telemetry: { listen: '127.0.0.1:5', log_level: 'error' } } };

test.each<[string, Said, object]>([
  ['the file’s `listen`, alone', { file: LISTEN.file }, { listen: ['127.0.0.1:2'] }],
  ['ASSENT_LISTEN before the file', LISTEN, { listen: ['127.0.0.1:1', '127.0.0.1:4'] }],
  ['--listen before both', { ...LISTEN, flags: { listen: '127.0.0.1:3' } }, { listen: ['127.0.0.1:3'] }],
  ['the file’s `store`, alone', { file: STORE.file }, storeAt('/tmp/of-the-file.db')],
  ['ASSENT_STORE before the file', STORE, storeAt('/tmp/of-the-environment.db')],
  [
    '--store before both',
    { ...STORE, flags: { store: '/tmp/of-the-flag.db' } },
    storeAt('/tmp/of-the-flag.db'),
  ],
  ['the file’s log level, alone', TELEMETRY, { telemetry: { logLevel: 'error' } }],
  [
    'ASSENT_LOG_LEVEL before the file',
    { ...TELEMETRY, env: { ASSENT_LOG_LEVEL: 'debug' } },
    { telemetry: { logLevel: 'debug', listen: '127.0.0.1:5' } },
  ],
  ['no log level at all', { file: { telemetry: {} } }, { telemetry: { logLevel: 'info' } }],
  [
    '--telemetry before the file',
    { ...TELEMETRY, flags: { telemetry: '127.0.0.1:6' } },
    { telemetry: { listen: '127.0.0.1:6', logLevel: 'error' } },
  ],
])('a flag wins over the environment, and the environment over the file: %s', (_, said, wanted) => {
  expect(heard(said)).toMatchObject(wanted);
});

function storeAt(path: string): object {
  return { session: { store: { kind: 'sqlite', path } } };
}

test('a log level of the environment that does not exist refuses to start', () => {
  expect(() => heard({ env: { ASSENT_LOG_LEVEL: 'loud' } })).toThrow(/log_level/);
});

const BYTES = randomBytes(64);
const SECRET = BYTES.toString('base64url');
const encoded = (count: number): string => BYTES.subarray(0, count).toString('base64url');
const keyFile = (text: string): string => {
  const file = join(directory, 'some.key');
  writeFileSync(file, text);
  return file;
};

test.each([
  ['no byte', ''],
  ['half of the bytes', encoded(16)],
  ['a byte too few', encoded(31)],
  ['the standard alphabet', `${encoded(42)}+/+/`],
  ['padding', `${encoded(32)}=`],
  ['a blank inside', `${encoded(33)} ${encoded(33)}`],
  ['two lines', `${encoded(33)}\n${encoded(33)}\n`],
  ['a certificate', `-----BEGIN CERTIFICATE-----\n${SECRET}\n-----END CERTIFICATE-----\n`],
  ['an object of json', JSON.stringify({ kty: 'oct', k: SECRET })],
])('a fleet key file that holds %s refuses to start without repeating it', (_, text) => {
  const refused = () => parse({ fleet_key_file: keyFile(text) });
  expect(refused).toThrow('`fleet_key_file` must hold at least 32 bytes in base64url, and nothing else');
  if (text !== '') expect(refused).not.toThrow(text.slice(0, 22));
});

test.each([
  ['zeros', Buffer.alloc(32)],
  ['a letter held down', Buffer.from('k'.repeat(64))],
  ['seven bytes over and over', Buffer.from('abcdefg'.repeat(9))],
])('a fleet key of %s refuses to start', (_, bytes) => {
  const held = bytes.toString('base64url');
  expect(() => parse({ fleet_key_file: keyFile(held) })).toThrow('`fleet_key_file` must hold random bytes');
});

test.each([
  ['store', { store: 'mysql://localhost' }, '`store` names no store we know'],
  [
    'session',
    { session: { redis_timeout_ms: 0 } },
    '`session.redis_timeout_ms` is not a whole number from 1 to 5000',
  ],
])('what is wrong with the key %s is said once', (_, change, message) => {
  let refused: unknown;
  try {
    parse(change);
  } catch (thrown) {
    refused = thrown;
  }
  expect(refused).toMatchObject({ message });
  // Causes are told below the message.
  expect(refused).not.toHaveProperty('cause');
});

test.each(['', '\n', '\r\n'])('a fleet key of 32 bytes is taken, whatever ends its line: %j', (end) => {
  const { fleetKey } = parse({ fleet_key_file: keyFile(`${encoded(32)}${end}`) });
  expect(fleetKey).toEqual(BYTES.subarray(0, 32));
});

const byKey = (text: string) => ({
  enforcement_points: [{ id: 'a', tenant: 't', roles: ['asker'], key_file: keyFile(text) }],
});

test.each([
  ['21 characters', 'k'.repeat(21)],
  ['513 characters', 'k'.repeat(513)],
  ['a letter that is not ascii', `${'k'.repeat(30)}é`],
  ['a blank inside', `${'k'.repeat(15)} ${'k'.repeat(15)}`],
  ['two lines', `${'k'.repeat(22)}\n${'k'.repeat(22)}`],
  ['a byte-order mark before it', `\ufeff${'k'.repeat(22)}`],
  ['a blank of another alphabet after it', `${'k'.repeat(22)}\u3000`],
])(
  'the key of an enforcement point of %s refuses to start, naming the key and not repeating it',
  (_, text) => {
    const refused = () => parse(byKey(text));
    expect(refused).toThrow(
      '`enforcement_points[0].key_file` must hold a key of 22 to 512 visible ascii characters, and nothing else',
    );
    expect(refused).not.toThrow('kkk');
  },
);

test.each([22, 512])(
  'the key of an enforcement point may have %i characters, with blanks around',
  (length) => {
    const { enforcementPoints } = parse(byKey(` ${'k'.repeat(length)}\n`));
    const sha256 = createHash('sha256').update('k'.repeat(length)).digest();
    expect(enforcementPoints.map(({ proof }) => proof)).toEqual([{ kind: 'key', sha256 }]);
  },
);

test('what is wrong with the store is said of the key that names it', () => {
  expect(() => parse({ store: 'mysql://localhost' })).toThrow(/^`store` names no store/);
  expect(() => parse({ session: { max_sessions: 0 } })).toThrow(/^`session\.max_sessions` is not a whole/);
});

test('the checked-in example is what the table makes, and can be read', () => {
  const path = join(root, 'config.example.jsonc');
  expect(readFileSync(path, 'utf8')).toBe(configExample());
  expect(Object.keys(readConfigFile(path))).toContain('enforcement_points');
});

/** `value` that notes which members anybody looks for, as dotted paths; the items of a list share one. */
function watched(value: unknown, path: string, seen: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, name, receiver) {
      const found: unknown = Reflect.get(target, name, receiver);
      if (typeof name === 'symbol' || typeof found === 'function') return found;
      if (Array.isArray(target)) return watched(found, `${path}[]`, seen);
      const inner = path === '' ? name : `${path}.${name}`;
      seen.add(inner);
      return watched(found, inner, seen);
    },
  });
}

function pathsOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => pathsOf(item, `${path}[]`));
  return Object.entries(value).flatMap(([name, member]) => {
    const inner = path === '' ? name : `${path}.${name}`;
    return [inner, ...pathsOf(member, inner)];
  });
}

test('the example shows every key that is looked for, and is a whole configuration', () => {
  const key = keyFile(SECRET);
  const example = readConfigFile(join(root, 'config.example.jsonc'));
  // Files of the reader's; ours stand in for them.
  const ours = { fleet_key_file: key, catalog: good.catalog };
  const points = (example['enforcement_points'] as object[]).map((point) =>
    'key_file' in point ? { ...point, key_file: key } : point,
  );
  const shown = { ...example, ...ours, enforcement_points: points };
  const seen = new Set<string>();
  const raw = watched(shown, '', seen) as Record<string, unknown>;
  expect(parseConfig({ raw, flags: {}, env: {}, dev: false }).enforcementPoints).toHaveLength(3);
  expect(seen).toContain('token.issuers[].keys.file');
  const there = new Set(pathsOf(shown));
  // The one that is looked for to be refused.
  expect([...seen].filter((path) => !there.has(path))).toEqual(['session.store']);
  const table = readFileSync(join(root, 'docs/operations.md'), 'utf8');
  const told = (path: string): boolean =>
    path.startsWith('session.') || new RegExp(`[\`.]${path.split('.').at(-1)}\\b`).test(table);
  expect([...seen].filter((path) => !told(path))).toEqual(['token.issuers[].scopes.payments']);
});

test('a file with a key twice is refused', () => {
  const path = join(directory, 'twice.json');
  writeFileSync(path, '{"store": "a", "store": "b"}');
  expect(() => readConfigFile(path)).toThrow(/twice\.json.*duplicate/);
});
