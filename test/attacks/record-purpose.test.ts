/** Whoever reads records, logs and metrics looks for what the user said and for the account that is paid. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { opens } from '../../src/audit/commitment.ts';
import { readOpenings } from '../../src/audit/openings.ts';
import { readRecords, verifyLog } from '../../src/audit/read.ts';
import { ACCOUNT } from '../system/asking.ts';
import { createFleet, type Fleet, type Replica } from '../system/fleet.ts';

const PURPOSE = `pay 1200.00 to acme for INV-17, account ${ACCOUNT}`;
const AMENDED = `pay INV-18 too, the password is "gr\u00fcn\\tee"`;
const DECLARED = { account: ACCOUNT, amount: '370.00', pin: 'declared-pin-4711' };
const PROOF = 'bounced-proof-8812';
/** What no reader of records may find: whole, and the pieces that nothing else says. */
const SECRETS = [ACCOUNT, PURPOSE, AMENDED, 'the password is', 'gr\u00fcn', DECLARED.pin, PROOF];

let fleet: Fleet;
let at: Replica;
let digest: string;
let metrics: string;

beforeAll(async () => {
  fleet = createFleet();
  at = await fleet.start({ name: 'only', telemetry: '127.0.0.1:0', logLevel: 'debug' });
  const token = await fleet.token();
  const { client } = at;
  const mandate = {
    taskType: 'invoice_run',
    purpose: PURPOSE,
    actions: ['payment.send', 'invoice.*'],
    limits: { payments: '5000' },
    expiresAt: Date.now() + 3_600_000,
  };
  const session = await client.openSession(mandate);
  digest = session.mandateDigest;
  const payment = (invoice: string, amount: string) => ({
    action: 'payment.send',
    arguments: { vendor: 'acme', account: ACCOUNT, amount, invoice },
    token,
    session: session.id,
  });
  // The walk of the example: paid, refused as the same act again, and an amount that nobody named.
  for (const [invoice, amount] of [
    ['INV-17', '1200.00'],
    ['INV-17', '1200.00'],
    ['INV-18', '3700.00'],
  ] as const)
    await client.guard(payment(invoice, amount), () => ({ paid: `${amount} to acme`, to: ACCOUNT }));
  await client.amendSession(session.id, { ...mandate, purpose: AMENDED, declared: DECLARED });
  const second = await client.authorize(payment('INV-18', '370.00'));
  if (!second.permitted || second.decision === undefined)
    throw new Error(`not permitted: ${second.reasons[0]?.code}`);
  await client.report({
    decisionId: second.decision.id,
    sessionId: session.id,
    outcome: 'failed',
    failureProof: PROOF,
  });
  // The account in every place of an ask that may repeat an argument.
  const claimed = { seen: [{ account: ACCOUNT }], account: ACCOUNT };
  const resource = { type: 'account', id: ACCOUNT, properties: { owner: { iban: [ACCOUNT] } } };
  await client.authorize({ ...payment('INV-19', '1.00'), claimed, resource });
  await client.authorize({ ...payment('INV-20', '1.00'), claimed, dryRun: true });
  await client.authorizeBatch([{ ...payment('INV-21', '1.00'), session: { key: 'thread-1', mandate } }]);
  // Refused before the catalog was asked, by the catalog, and once the session has ended.
  await client.authorize({ ...payment('INV-22', '1.00'), token: 'not-a-token', resource });
  await client.authorize({ ...payment('INV-23', '1.00'), arguments: { account: ACCOUNT, purpose: PURPOSE } });
  await client.authorize({ ...payment('INV-24', '1.00'), action: 'vault.store', resource });
  await client.suspend(session.id, PURPOSE);
  await client.resume(session.id);
  await client.closeSession(session.id);
  await client.authorize(payment('INV-25', '1.00'));
  metrics = await (
    await fetch(`http://${at.telemetry}/metrics`, { signal: AbortSignal.timeout(5000) })
  ).text();
  expect(await at.end('SIGTERM')).toBe(0);
}, 60_000);
afterAll(() => fleet.end());

/** Every way in which a text may stand in JSON, in bytes. */
function spellings(text: string): readonly Buffer[] {
  return [text, JSON.stringify(text).slice(1, -1)].flatMap((spelt) => [
    Buffer.from(spelt, 'utf8'),
    Buffer.from(spelt, 'utf16le'),
    Buffer.from(Buffer.from(spelt).toString('base64').replace(/=+$/, '').slice(0, -2)),
    Buffer.from(Buffer.from(spelt).toString('hex')),
  ]);
}

function found(bytes: Buffer): readonly string[] {
  return SECRETS.filter((secret) => spellings(secret).some((spelt) => bytes.includes(spelt)));
}

test('neither the account nor a word of the user stands in any file of the records but the openings', () => {
  const names = readdirSync(at.records).filter((name) => !name.endsWith('.openings'));
  expect(names).toContain('0000000000000000.records');
  expect(names.flatMap((name) => found(readFileSync(join(at.records, name))))).toEqual([]);
  // The walk did come to everything it was meant to.
  const records = [...readRecords(at.records)].map(({ text }) => JSON.parse(text));
  const said = records.map(({ kind, verdict }) => verdict?.reasons[0]?.code ?? verdict?.effect ?? kind);
  for (const one of [
    'policy.within_task',
    'session.duplicate',
    'session.task_closed',
    'session.amend',
    'report',
  ])
    expect(said).toContain(one);
});

test('nor do they stand in the logs or the metrics', () => {
  expect(readFileSync(at.log).length).toBeGreaterThan(0);
  expect(found(readFileSync(at.log))).toEqual([]);
  expect(metrics).toContain('assent_');
  expect(found(Buffer.from(metrics))).toEqual([]);
});

test('no digest of the mandate stands there either, by which a guess at it could be tried out', () => {
  expect(digest).toMatch(/^[\w-]{43}$/);
  expect(readFileSync(join(at.records, '0000000000000000.records')).includes(digest)).toBe(false);
});

test('the openings open every commitment of every record, and say what the user said', () => {
  const openings = readOpenings(at.records);
  for (const opening of openings.values()) expect(opens(opening)).toBe(true);
  const values = new Set([...openings.values()].map(({ value }) => JSON.parse(value)));
  for (const text of [PURPOSE, AMENDED, PROOF, digest, ...Object.values(DECLARED)])
    expect(values).toContain(text);
  for (const { text } of readRecords(at.records))
    for (const [, commitment = ''] of text.matchAll(/\{"commitment":"([\w-]+)"\}/g))
      expect(openings.has(commitment)).toBe(true);
});

test('once the openings are deleted nobody finds them again, and the records still verify', async () => {
  const { records } = verifyLog(at.records);
  for (const name of readdirSync(at.records)) if (name.endsWith('.openings')) rmSync(join(at.records, name));
  expect(verifyLog(at.records)).toMatchObject({ records, tornBytes: 0 });
  expect(readdirSync(at.records).flatMap((name) => found(readFileSync(join(at.records, name))))).toEqual([]);
  const again = await fleet.start({ name: 'only' });
  const { id } = await again.client.openSession({
    taskType: 'invoice_run',
    actions: ['invoice.read'],
    expiresAt: Date.now() + 60_000,
  });
  await again.client.closeSession(id);
  expect(await again.end('SIGTERM')).toBe(0);
  expect(verifyLog(at.records)).toMatchObject({ records: records + 2, tornBytes: 0 });
}, 60_000);
