/** What is done besides deciding leaves one record each, of ids and numbers. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { opens } from '../../src/audit/commitment.ts';
import { eventRecord } from '../../src/audit/event.ts';
import { readOpenings } from '../../src/audit/openings.ts';
import { readRecords } from '../../src/audit/read.ts';
import { mintDevToken } from '../../src/cli/dev-material.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import { type Serving, serve } from '../../src/main.ts';

interface Recorded {
  readonly kind: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

let directory: string;
let serving: Serving;
let client: Client;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'assent-event-'));
  const env = { ASSENT_LOG_LEVEL: 'silent' };
  serving = await serve({ dev: true, listen: '127.0.0.1:0', devDirectory: directory, env });
  const key = readFileSync(join(directory, 'pep.key'), 'utf8').trim();
  client = createClient({ address: serving.addresses[0] ?? '', key, timeoutMs: 5000 });
}, 30_000);

afterAll(async () => {
  client?.close();
  await serving?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const records = (): string => join(directory, 'records');

/** Everything recorded while this ran. */
async function during(work: () => Promise<unknown>): Promise<readonly Recorded[]> {
  const before = [...readRecords(records())].length;
  await work();
  return [...readRecords(records())].slice(before).map(({ text }) => JSON.parse(text) as Recorded);
}

const mandate = () => ({
  taskType: 'invoice_run',
  purpose: 'read INV-1',
  actions: ['invoice.read'],
  expiresAt: Date.now() + 60_000,
});

/** What a commitment in this record stands for. */
function opened(shown: unknown): unknown {
  const { commitment } = shown as { readonly commitment: string };
  const opening = readOpenings(records()).get(commitment);
  return opening && JSON.parse(opening.value);
}

test('each change of a session leaves one record, with its id, its version and nothing in clear', async () => {
  let session = await client.openSession(mandate());
  const verbs = [
    ['amend', () => client.amendSession(session.id, { ...mandate(), purpose: 'read INV-2 as well' })],
    ['suspend', () => client.suspend(session.id, 'looks odd')],
    ['resume', () => client.resume(session.id)],
    ['close', () => client.closeSession(session.id)],
  ] as const;
  const [open] = await during(async () => {
    session = await client.openSession(mandate());
  });
  for (const [index, [verb, change]] of ([['open', undefined], ...verbs] as const).entries()) {
    const left = change === undefined ? [open] : await during(change);
    expect(left).toHaveLength(1);
    expect(left[0]).toMatchObject({ kind: `session.${verb}`, pep: 'dev', tenant: 'dev' });
    expect(left[0]?.facts).toEqual({
      mandate_digest: { commitment: expect.stringMatching(/^[\w-]{43}$/) },
      session_id: session.id,
      version: index + 1,
    });
    // The anchor of chains: an amended mandate does not change it.
    expect(opened(left[0]?.facts['mandate_digest'])).toBe(session.mandateDigest);
  }
});

test('looking at sessions leaves none', async () => {
  const { id } = await client.openSession(mandate());
  const left = await during(async () => {
    await client.getSession(id);
    await client.listSessions();
  });
  expect(left).toEqual([]);
});

test('one report leaves one record, which counts what the output brought and holds none of it', async () => {
  const token = await mintDevToken(
    { sub: 'ana', act: 'payer', client: 'finance-agent', scope: 'agent' },
    { directory },
  );
  const { id } = await client.openSession(mandate());
  const ask = { action: 'invoice.read', arguments: { invoice: 'INV-1' }, token, session: id };
  const { decision } = await client.authorize(ask);
  const told = { decisionId: decision?.id ?? '', sessionId: id, outcome: 'executed' } as const;
  let remembered = 0;
  const left = await during(async () => {
    const output = { invoice_id: 'INV-1', vendor_id: 'acme', memo: 'the memo' };
    remembered = (await client.report({ ...told, output })).valuesRemembered;
  });
  expect(remembered).toBeGreaterThan(2);
  expect(left).toHaveLength(1);
  expect(left[0]).toMatchObject({ kind: 'report' });
  expect(left[0]?.facts).toEqual({
    decision_id: told.decisionId,
    failure_proof: '',
    outcome: 'executed',
    session_id: id,
    values_remembered: remembered,
  });
});

test('a proof of failure stands as a commitment', async () => {
  const facts = { decision_id: 'd-1' };
  const pep = { id: 'gateway', tenant: 'acme', roles: new Set<never>() };
  const event = { kind: 'report', pep, at: 5, facts, hidden: { failure_proof: 'bounced: DE00', other: '' } };
  const { text, openings } = eventRecord(event, true)(3, 'p');
  expect(text).toBe(canonicalize(JSON.parse(text)));
  expect(JSON.parse(text)).toMatchObject({ dev: true, index: 3, kind: 'report', ts: 5 });
  expect(JSON.parse(text).facts).toEqual({
    decision_id: 'd-1',
    failure_proof: { commitment: openings[0]?.commitment },
    other: '',
  });
  expect(openings.map(({ value }) => value)).toEqual(['"bounced: DE00"']);
  expect(openings.every(opens)).toBe(true);
});
