import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { commitTo } from '../../src/audit/commitment.ts';
import { openFileLog } from '../../src/audit/file.ts';
import { openStores } from '../../src/stores.ts';
import { plain, scratch } from '../audit/fixture.ts';

/** File name → what group and others may do with it. */
function modes(dir: string): Record<string, number> {
  return Object.fromEntries(
    readdirSync(dir).map((name) => [name, statSync(join(dir, name)).mode & 0o077] as const),
  );
}

/** The widest umask there is, until the test ends: the files must be narrow of themselves. */
function wideUmask(): void {
  const before = process.umask(0);
  onTestFinished(() => void process.umask(before));
}

test('nobody else on the machine may read the sessions, the policies, the proofs or their logs', async () => {
  wideUmask();
  const dir = scratch();
  const stores = await openStores(
    { kind: 'sqlite', path: join(dir, 'assent.db'), synchronous: 'normal' },
    Date.now,
  );
  onTestFinished(() => stores.close());
  await stores.replay.claim('key', ['claimant'], 1000);
  await stores.policies.putBytes('revision', new Uint8Array(8));
  await stores.sessions.append({ tenant: 't', session: 's' }, { version: 0, digest: '' }, [
    { version: 1, digest: 'd', payload: 'p' },
  ]);
  const found = modes(dir);
  expect(Object.keys(found)).toEqual(
    expect.arrayContaining(['assent.db', 'assent.db-policy', 'assent.db-policy-wal', 'assent.db-proofs']),
  );
  expect(Object.entries(found).filter(([, mode]) => mode !== 0)).toEqual([]);
});

test('nobody else on the machine may read the records or the openings', async () => {
  wideUmask();
  const dir = scratch();
  const log = openFileLog({ dir, durability: 'disk', segmentBytes: 1500 });
  onTestFinished(() => log.close());
  for (let i = 0; i < 60; i += 1)
    await log.append((index, previous) => ({
      ...plain(`note ${i}`)(index, previous),
      openings: [commitTo('"secret"')],
    }));
  const found = Object.entries(modes(dir)).filter(([name]) => /\.(records|openings)$/.test(name));
  expect(found.length).toBeGreaterThan(3);
  expect(found.filter(([, mode]) => mode !== 0)).toEqual([]);
});
