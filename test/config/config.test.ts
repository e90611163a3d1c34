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
  ['a watchdog that would bite at once', { watchdog_ms: 50 }, /watchdog_ms/],
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
  expect(recordLog).toEqual({ directory: 'x', durability: 'disk', verify: 'all' });
  expect(parse({ record_log: { directory: 'x', verify: 'tail' } }).recordLog.verify).toBe('tail');
});

test.each<[string, Record<string, unknown>, 'normal' | 'full']>([
  ['the records are on disk', { record_log: { directory: 'x' } }, 'full'],
  [
    'an empty setting leaves it to the records',
    { record_log: { directory: 'x' }, session: { sqlite_synchronous: '' } },
    'full',
  ],
  ['the records are with the kernel', { record_log: { directory: 'x', durability: 'os' } }, 'normal'],
  [
    'it is told otherwise',
    { record_log: { directory: 'x' }, session: { sqlite_synchronous: 'normal' } },
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

test('a short fleet key refuses to start without repeating it', () => {
  const file = join(directory, 'short.key');
  writeFileSync(file, 'c2hvcnQ');
  expect(() => parse({ fleet_key_file: file })).toThrow(/32 bytes/);
  expect(() => parse({ fleet_key_file: file })).not.toThrow(/c2hvcnQ/);
});

test('the checked-in example is what the table makes, and can be read', () => {
  const path = join(root, 'config.example.jsonc');
  expect(readFileSync(path, 'utf8')).toBe(configExample());
  expect(Object.keys(readConfigFile(path))).toContain('enforcement_points');
});

test('a file with a key twice is refused', () => {
  const path = join(directory, 'twice.json');
  writeFileSync(path, '{"store": "a", "store": "b"}');
  expect(() => readConfigFile(path)).toThrow(/twice\.json.*duplicate/);
});
