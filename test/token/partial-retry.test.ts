/** One proof for a batch, over the wire: of what the server sheds, nothing becomes a replay by being asked again. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshProofKey, mintDevToken } from '../../src/cli/dev-material.ts';
import type { Ask } from '../../src/client/ask.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import { createTransport, type Transport } from '../../src/client/transport.ts';
import { prepareDev } from '../../src/dev.ts';
import type { AuthorizeRequest } from '../../src/gen/assent/v1/authorization_pb.js';
import { serve } from '../../src/main.ts';
import { mandate, read, request, said, tell, tellBatch } from '../system/asking.ts';

const MAX_ASKS = 4;
const URL_ = 'https://tool.example/pay';
const key = freshProofKey();
const ends: (() => unknown)[] = [];
let client: Client;
let transport: Transport;
let token: string;
let session: string;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assent-partial-'));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  const keys = join(folder, 'keys');
  const config = join(folder, 'assent.json');
  writeFileSync(config, JSON.stringify({ ...prepareDev(keys), max_asks: MAX_ASKS }));
  const env = { ASSENT_LOG_LEVEL: 'silent' };
  const serving = await serve({ dev: true, config, listen: '127.0.0.1:0', devDirectory: keys, env });
  ends.push(() => serving.stop());
  const [address = ''] = serving.addresses;
  const pepKey = readFileSync(join(keys, 'pep.key'), 'utf8').trim();
  client = createClient({ address, key: pepKey, timeoutMs: 5000 });
  transport = createTransport({ address, key: pepKey });
  ends.push(
    () => client.close(),
    () => transport.close(),
  );
  // Asks come fast here: only proofs may stand in their way.
  const value = { action_per_second: 1e6, action_per_minute: 1e6, session_per_minute: 1e6 };
  await client.patchData('limits/rate', { value });
  const agent = { sub: 'ana', act: 'payer', client: 'finance-agent', scope: 'agent' };
  token = await mintDevToken(agent, { directory: keys, jkt: key.jkt });
  session = (await client.openSession(mandate())).id;
});
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

/** Asks that came to the tool in one request, with one proof. */
async function proved(count: number): Promise<readonly Ask[]> {
  const proof = await key.prove(token, 'POST', URL_);
  return Array.from({ length: count }, () => ({
    ...read(session),
    token: { token, proof, method: 'POST', url: URL_ },
  }));
}

const batch = async (asks: readonly AuthorizeRequest[]): Promise<readonly string[]> =>
  (await tellBatch({ transport }, asks)).map(said);
const single = async (ask: AuthorizeRequest): Promise<string> => said(await tell({ transport }, ask));
const all = (what: string, count: number): string[] => Array<string>(count).fill(what);

test('the client asks again for the part of a batch that was shed, and gets it', async () => {
  const permissions = await client.authorizeBatch(await proved(2 * MAX_ASKS));
  expect(permissions.map(({ permitted, reasons }) => (permitted ? 'allow' : reasons[0]?.code))).toEqual(
    all('allow', 2 * MAX_ASKS),
  );
  // Otherwise nothing was shed, and nothing is shown here.
  expect(permissions.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
});

test('a part of a batch may be asked again in a batch, in another order, or alone', async () => {
  const asks = (await proved(2 * MAX_ASKS)).map((ask) => request(ask));
  expect(await batch(asks)).toEqual([...all('allow', MAX_ASKS), ...all('RESOURCE_EXHAUSTED', MAX_ASKS)]);
  expect(await batch(asks.slice(4, 6).toReversed())).toEqual(all('allow', 2));
  for (const ask of asks.slice(5)) expect(await single(ask)).toBe('allow');
});

test('one ask and a batch of it are the same ask, both ways', async () => {
  const [first, second] = [
    (await proved(1)).map((ask) => request(ask)),
    (await proved(1)).map((ask) => request(ask)),
  ];
  for (const ask of first) expect(await single(ask)).toBe('allow');
  expect(await batch(first)).toEqual(['allow']);
  expect(await batch(second)).toEqual(['allow']);
  for (const ask of second) expect(await single(ask)).toBe('allow');
});

test('an ask that was not in the first batch gets nothing by its proof, in a batch or alone', async () => {
  const [other, ...asks] = (await proved(4)).map((ask) => request(ask));
  if (other === undefined) throw new Error('four asks were made');
  expect(await batch(asks)).toEqual(all('allow', 3));
  expect(await batch([...asks, other])).toEqual(all('token.replayed', 4));
  expect(await single(other)).toBe('token.replayed');
  expect(await batch([other])).toEqual(['token.replayed']);
  expect(await batch(asks)).toEqual(all('allow', 3));
});

test('another proof in the same batch is another matter', async () => {
  const [mine, theirs] = [
    (await proved(2)).map((ask) => request(ask)),
    (await proved(2)).map((ask) => request(ask)),
  ];
  expect(await batch(mine)).toEqual(all('allow', 2));
  expect(await batch([...mine.slice(1), ...theirs])).toEqual(all('allow', 3));
  expect(await batch([...mine.slice(0, 1), ...theirs.slice(1)])).toEqual(all('allow', 2));
});
