/** What a server says of the log it finds, and what it leaves when it stops. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openFileLog } from '../../src/audit/file.ts';
import { readRecords, verifyLog } from '../../src/audit/read.ts';
import { createClient } from '../../src/client/client.ts';
import { type Serving, serve } from '../../src/main.ts';
import { openStores } from '../../src/stores.ts';
import { mandate } from './asking.ts';
import { createFleet, type Replica } from './fleet.ts';

/** What all servers of this name logged of their record log. */
function saidOfLog({ log }: Replica): readonly { readonly msg: string; readonly droppedTo?: string }[] {
  const lines = readFileSync(log, 'utf8').split('\n');
  return lines
    .filter((line) => line.startsWith('{') && line.includes('record log'))
    .map((line) => JSON.parse(line));
}

test('a server that finds half a record sets it aside and says how many bytes went where', async () => {
  const fleet = createFleet();
  onTestFinished(() => fleet.end());
  const first = await fleet.start({ name: 'only' });
  await first.client.openSession(mandate());
  await first.kill();
  const segment = join(first.records, '0000000000000000.records');
  const { size } = statSync(segment);
  const half = readFileSync(segment).subarray(64, 64 + 100);
  appendFileSync(segment, half);
  const second = await fleet.start({ name: 'only' });
  const [warning, ...others] = saidOfLog(second);
  expect(others).toEqual([]);
  expect(warning).toMatchObject({
    level: 40,
    droppedBytes: 100,
    records: 1,
    droppedTo: join(first.records, `0000000000000000.${size}.torn`),
  });
  expect(readFileSync(warning?.droppedTo ?? '').equals(half)).toBe(true);
  // And a log that ended well is nothing to speak of.
  expect(await second.end('SIGTERM')).toBe(0);
  const third = await fleet.start({ name: 'only' });
  expect(saidOfLog(third)).toEqual([warning]);
  expect(verifyLog(third.records)).toMatchObject({ records: 1, tornBytes: 0 });
}, 60_000);

test('stopping writes what was still counted, and lets go of log, stores and address', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'assent-stop-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const env = { ASSENT_LOG_LEVEL: 'silent' };
  let serving: Serving = await serve({ dev: true, listen: '127.0.0.1:0', devDirectory: directory, env });
  const key = readFileSync(join(directory, 'pep.key'), 'utf8').trim();
  const client = createClient({ address: serving.addresses[0] ?? '', key, timeoutMs: 5000 });
  onTestFinished(() => client.close());
  const asks = Array.from({ length: 60 }, () => ({ action: 'invoice.read', token: 'not-a-token' }));
  for (const { reasons } of await client.authorizeBatch(asks))
    expect(reasons[0]?.code).toBe('token.malformed');
  const dir = join(directory, 'records');
  const store = { kind: 'sqlite', path: join(directory, 'assent.db'), synchronous: 'normal' } as const;
  expect(existsSync(store.path)).toBe(true);
  // Both are held while it serves: what follows shows that they are not any more.
  expect(() => openFileLog({ dir, durability: 'os' })).toThrow('in use');
  await expect(openStores(store, Date.now)).rejects.toThrow();
  await serving.stop();
  const last = [...readRecords(dir)].map(({ text }) => JSON.parse(text)).at(-1);
  expect(last).toMatchObject({ kind: 'noise', counts: { 'token.malformed': 40 } });
  await openFileLog({ dir, durability: 'os' }).close();
  await (await openStores(store, Date.now)).close();
  serving = await serve({ dev: true, listen: '127.0.0.1:0', devDirectory: directory, env });
  await serving.stop();
}, 60_000);
