import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mintDevToken } from '../../src/cli/dev-material.ts';
import type { Ask } from '../../src/client/ask.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import { type Serving, serve } from '../../src/main.ts';

/** One walk in so many is timed. */
const SAMPLE = 16;
const STATIONS = [
  'token',
  'find_session',
  'delegation',
  'action',
  'enter_session',
  'provenance',
  'policy',
  'floors',
  'commit',
  'seal',
] as const;
type Station = (typeof STATIONS)[number];

const directory = mkdtempSync(join(tmpdir(), 'assent-stations-'));
let serving: Serving;
let client: Client;
let token: string;

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
  token = await mintDevToken(
    { sub: 'ana', act: 'payer', client: 'finance-agent', scope: 'agent' },
    { directory },
  );
});
afterAll(async () => {
  client.close();
  await serving.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** How often each station was timed so far. */
async function counts(): Promise<Record<Station, number>> {
  const text = await (await fetch(`http://${serving.telemetry}/metrics`)).text();
  const of = (station: Station) =>
    Number(
      new RegExp(`^assent_station_seconds_count\\{station="${station}"\\} (\\d+)$`, 'm').exec(text)?.[1],
    );
  return Object.fromEntries(STATIONS.map((station) => [station, of(station) || 0])) as Record<
    Station,
    number
  >;
}

const rate = { action: 'exchange_rate.read', arguments: { from: 'EUR', to: 'USD' } };
const invoice = { action: 'invoice.read', arguments: { invoice: 'INV-17' } };
const mandate = {
  taskType: 'invoice_run',
  purpose: 'read invoices',
  actions: ['invoice.read'],
  expiresAt: Date.now() + 3_600_000,
};
const openSession = async () => (await client.openSession(mandate)).id;

interface Row {
  readonly asks: string;
  /** An ask of this kind, and how many of them go out at a time, in how many batches beside each other. */
  readonly make: () => Ask | Promise<Ask>;
  readonly size: number;
  readonly batches: number;
  readonly reached: readonly Station[];
}
let shared: Promise<string> | undefined;
const rows: readonly Row[] = [
  {
    asks: 'asks without a session in one batch',
    make: () => ({ ...rate, token }),
    size: 128,
    batches: 1,
    reached: STATIONS,
  },
  {
    asks: 'asks in many batches at once, each in a session of its own',
    make: async () => ({ ...invoice, token, session: await openSession() }),
    size: 16,
    batches: 6,
    reached: STATIONS,
  },
  {
    asks: 'asks in two batches at once, all in one session',
    make: async () => ({ ...invoice, token, session: await (shared ??= openSession()) }),
    size: 32,
    batches: 2,
    reached: STATIONS,
  },
  {
    asks: 'asks refused at their token',
    make: () => ({ ...rate, token: 'not.a.token' }),
    size: 64,
    batches: 2,
    reached: ['token', 'seal'],
  },
  {
    asks: 'asks refused at their session',
    make: () => ({ ...invoice, token, session: 'AAAAAAAAAAAAAAAAAAAAAA' }),
    size: 64,
    batches: 2,
    reached: ['token', 'find_session', 'seal'],
  },
  {
    asks: 'asks whose action is malformed',
    make: () => ({ ...rate, arguments: {}, token }),
    size: 32,
    batches: 2,
    reached: ['token', 'find_session', 'delegation', 'action', 'seal'],
  },
];

test.each(rows)('of $asks, one in 16 is timed at every station it reaches', async (row) => {
  const { make, size, batches, reached } = row;
  const asks = await Promise.all(
    Array.from({ length: batches }, () => Promise.all(Array.from({ length: size }, make))),
  );
  const before = await counts();
  const answers = (await Promise.all(asks.map((batch) => client.authorizeBatch(batch)))).flat();
  // Asked once each: an ask sent again is a walk more.
  expect(answers.filter(({ attempts }) => attempts !== 1)).toEqual([]);
  const after = await counts();
  const timed = (size * batches) / SAMPLE;
  const wanted = STATIONS.map((station) => [station, reached.includes(station) ? timed : 0]);
  const got = STATIONS.map((station) => [station, after[station] - before[station]]);
  expect(got).toEqual(wanted);
});
