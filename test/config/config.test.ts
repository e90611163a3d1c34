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
  ['an ask limit that is no number', { max_asks: '4096' }, /max_asks/],
])('%s refuses to start, naming the key', (_what, change, message) => {
  expect(() => parse(change)).toThrow(message);
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

test('a flag wins over the environment, and the environment over the file', () => {
  const env = { ASSENT_LISTEN: '127.0.0.1:1' };
  const raw = { ...good, listen: ['127.0.0.1:2'] };
  expect(parseConfig({ raw, flags: {}, env, dev: true }).listen).toEqual(['127.0.0.1:1']);
  expect(parseConfig({ raw, flags: { listen: '127.0.0.1:3' }, env, dev: true }).listen).toEqual([
    '127.0.0.1:3',
  ]);
  expect(parseConfig({ raw, flags: {}, env: {}, dev: true }).listen).toEqual(['127.0.0.1:2']);
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
