import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mintDevToken } from '../../src/cli/dev-material.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import { type Serving, serve } from '../../src/main.ts';

const directory = mkdtempSync(join(tmpdir(), 'assent-telemetry-'));
let serving: Serving;
let client: Client;

beforeAll(async () => {
  serving = await serve({
    dev: true,
    devDirectory: directory,
    listen: '127.0.0.1:0',
    telemetry: '127.0.0.1:0',
    env: { ASSENT_LOG_LEVEL: 'silent' },
  });
  client = createClient({
    address: serving.addresses[0] ?? '',
    key: readFileSync(join(directory, 'pep.key'), 'utf8').trim(),
    timeoutMs: 5000,
  });
});
afterAll(async () => {
  client.close();
  await serving.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function metrics(): Promise<string> {
  const answer = await fetch(`http://${serving.telemetry}/metrics`);
  expect(answer.status).toBe(200);
  return answer.text();
}

const sampleOf = (text: string, line: string): number =>
  Number(
    text
      .split('\n')
      .find((each) => each.startsWith(`${line} `))
      ?.slice(line.length + 1) ?? 0,
  );

const ask = { action: 'exchange_rate.read', arguments: { from: 'EUR', to: 'USD' } };

test('effects, reasons and errors are counted, and every station of the walk is timed', async () => {
  const agent = { sub: 'ana', act: 'payer', client: 'finance-agent', scope: 'agent' };
  const token = await mintDevToken(agent, { directory });
  for (let i = 0; i < 40; i += 1) await client.authorize({ ...ask, token });
  await client.authorize({ ...ask, token: 'not.a.token' });
  const text = await metrics();
  expect(sampleOf(text, 'assent_decisions_total{effect="allow"}')).toBe(40);
  expect(sampleOf(text, 'assent_decisions_total{effect="deny"}')).toBe(1);
  expect(sampleOf(text, 'assent_reasons_total{code="token.malformed"}')).toBe(1);
  for (const station of ['token', 'delegation', 'action', 'policy', 'floors', 'commit', 'seal'])
    expect(sampleOf(text, `assent_station_seconds_count{station="${station}"}`)).toBeGreaterThan(0);
  expect(sampleOf(text, 'assent_asks_in_flight')).toBe(0);
});

test('no label names a subject, an agent, a session or a token', async () => {
  const text = await metrics();
  for (const secret of ['ana', 'payer', 'finance-agent', 'not.a.token']) expect(text).not.toContain(secret);
});

test('liveness, readiness and unknown paths are told apart', async () => {
  const statusOf = async (path: string, method = 'GET') =>
    (await fetch(`http://${serving.telemetry}${path}`, { method })).status;
  expect(await statusOf('/livez')).toBe(200);
  expect(await statusOf('/readyz')).toBe(200);
  expect(await statusOf('/secrets')).toBe(404);
  expect(await statusOf('/metrics', 'POST')).toBe(405);
});
