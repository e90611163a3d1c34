import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { serve } from '../../src/main.ts';

const directory = mkdtempSync(join(tmpdir(), 'assent-start-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const text = join(directory, 'text');
writeFileSync(text, 'neither a folder nor a bundle nor json');
const json = join(directory, 'some.json');
writeFileSync(json, '{"no": "catalog"}');

const list = join(directory, 'list.json');
writeFileSync(list, '[]');

const ISSUER = {
  issuer: 'https://login.example',
  audience: 'https://assent.example',
  algorithms: ['ES256'],
  keys: { file: '/nonexistent' },
  scopes: {},
};

/** What a start that must fail says: its message, and the cause that is told beside it. */
async function failure(file: object): Promise<{ readonly message: string; readonly because: string }> {
  const config = join(directory, 'config.json');
  writeFileSync(config, JSON.stringify(file));
  const options = { config, dev: true, devDirectory: join(directory, 'dev'), listen: '127.0.0.1:0', env: {} };
  const refused = await serve(options).then(
    async (serving) => {
      await serving.stop();
      throw new Error('it started');
    },
    (cause: unknown) => cause,
  );
  if (!(refused instanceof Error)) throw new Error('no error was thrown');
  return { message: refused.message, because: refused.cause instanceof Error ? refused.cause.message : '' };
}

test.each<[string, object, string, RegExp]>([
  ['a bundle that is not there', { policy: { bundle: '/nonexistent' } }, '`policy.bundle`', /^ENOENT/],
  ['a bundle that is none', { policy: { bundle: text } }, '`policy.bundle`', /not gzip/],
  [
    'a record log below a file',
    { record_log: { directory: join(text, 'x') } },
    '`record_log.directory`',
    /^ENOTDIR/,
  ],
  ['a store below a file', { store: join(text, 'a.db') }, '`store`', /^E/],
  ['a store that is a folder', { store: directory }, '`store`', /^EISDIR/],
  ['a Redis that is not there', { store: 'redis://127.0.0.1:1' }, '`store`', /ECONNREFUSED/],
  ['an issuer’s keys that are not there', { token: { issuers: [ISSUER] } }, '`token.issuers`', /`https:/],
  ['a catalog that is a list', { catalog: list }, '`catalog`', /^catalog is not an object$/],
  ['a catalog that is none', { catalog: json }, '`catalog`', /no is not a known key/],
  [
    'metrics on an address of another machine',
    { telemetry: { listen: '192.0.2.1:9', log_level: 'silent' } },
    '`telemetry.listen`',
    /EADDRNOTAVAIL/,
  ],
])('%s refuses to start, naming the key and the cause', async (_, file, key, because) => {
  expect(await failure(file)).toEqual({
    message: `${key} cannot be used`,
    because: expect.stringMatching(because),
  });
});

test('development keys that cannot be made refuse to start, naming the folder', async () => {
  const devDirectory = join(text, 'dev');
  await expect(serve({ dev: true, devDirectory, listen: '127.0.0.1:0', env: {} })).rejects.toThrow(
    `the development keys below \`${devDirectory}\` cannot be made or read`,
  );
});
