/** What is refused before any session is entered has a cause id too: in the answer, and in the record. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRecords } from '../../src/audit/read.ts';
import { mintDevToken } from '../../src/cli/dev-material.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import { prepareDev } from '../../src/dev.ts';
import { type Serving, serve } from '../../src/main.ts';

let directory: string;
let serving: Serving;
let client: Client;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'assent-cause-'));
  prepareDev(directory);
  serving = await serve({
    dev: true,
    listen: '127.0.0.1:0',
    devDirectory: directory,
    env: { ASSENT_LOG_LEVEL: 'silent' },
  });
  const key = readFileSync(join(directory, 'pep.key'), 'utf8').trim();
  client = createClient({ address: serving.addresses[0] ?? '', key, timeoutMs: 5000 });
}, 30_000);

afterAll(async () => {
  client?.close();
  await serving?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const AGENT = { sub: 'ana', act: 'payer', client: 'finance-agent', scope: 'agent' };

test('forty retries under tokens that all fail, each another one, carry one cause id, and another action another', async () => {
  const good = await mintDevToken(AGENT, { directory });
  const [head, body] = good.split('.');
  const arguments_ = { invoice: 'INV-1' };
  const causes: (string | undefined)[] = [];
  for (let n = 0; n < 40; n += 1) {
    const token = `${head}.${body}.${Buffer.alloc(64, n + 1).toString('base64url')}`;
    const ask = { action: 'invoice.read', session: 'nowhere', arguments: arguments_, token };
    const { decision } = await client.authorize(ask);
    expect(decision?.reasons.map(({ code }) => code)).toEqual(['token.bad_signature']);
    causes.push(decision?.causeId);
  }
  expect(new Set(causes).size).toBe(1);
  expect(causes[0]).not.toBe('');
  const other = await client.authorize({
    action: 'vendor.lookup',
    session: 'nowhere',
    arguments: { vendor: 'acme' },
    token: `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
  });
  expect(other.decision?.causeId).not.toBe(causes[0]);
});

test('the record of a refusal at the door holds the cause id that its asker was told', async () => {
  const token = await mintDevToken(AGENT, { directory });
  const { decision } = await client.authorize({
    action: 'invoice.read',
    session: 'nowhere',
    arguments: { invoice: 'INV-1' },
    token,
  });
  expect(decision?.reasons.map(({ code }) => code)).toEqual(['session.unknown']);
  const records = Array.from(
    readRecords(join(directory, 'records')),
    ({ text }) => JSON.parse(text) as { decision_id?: string; answer?: { cause_id?: string } },
  );
  const record = records.find(({ decision_id }) => decision_id === decision?.id);
  expect(record?.answer?.cause_id).toBe(decision?.causeId);
  expect(record?.answer?.cause_id).toMatch(/^[A-Za-z0-9_-]{22}$/);
});
