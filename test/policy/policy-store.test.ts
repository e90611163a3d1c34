import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { createMemoryPolicyStore } from '../../src/policy/memory.ts';
import { createRedisPolicyStore } from '../../src/policy/redis.ts';
import { createSqlitePolicyStore } from '../../src/policy/sqlite.ts';
import { connectTo } from '../conformance/connections.ts';
import { activationOf, describePolicyStore } from '../conformance/policy-store.ts';

const fault = expect.objectContaining({ reason: 'POLICY_STORE_UNAVAILABLE' });
const folder = mkdtempSync(join(tmpdir(), 'assent-policy-'));
afterAll(() => rmSync(folder, { recursive: true }));

describePolicyStore('memory', () => ({ store: createMemoryPolicyStore() }));

let files = 0;
describePolicyStore('sqlite', () => {
  files += 1;
  const path = join(folder, `${files}.db`);
  return { store: createSqlitePolicyStore(path), other: () => createSqlitePolicyStore(path) };
});

test('a sqlite store waits for the disk at each commit', async () => {
  // How a connection writes is told by that connection alone.
  const exec = vi.spyOn(DatabaseSync.prototype, 'exec');
  const store = createSqlitePolicyStore(join(folder, 'full-sync.db'));
  await store.putBytes('hash', Uint8Array.of(1));
  const [connection] = exec.mock.contexts as DatabaseSync[];
  exec.mockRestore();
  // 2 is FULL.
  expect(connection?.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
  expect(connection?.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
  await store.close();
});

test('a closed sqlite store is our fault, not an empty one', async () => {
  const store = createSqlitePolicyStore(join(folder, 'closed.db'));
  await store.close();
  await expect(store.head()).rejects.toEqual(fault);
  await expect(store.activate(activationOf(1))).rejects.toEqual(fault);
});

test('what a full disk undoes by itself is our fault with its own cause', async () => {
  const path = join(folder, 'full.db');
  const store = createSqlitePolicyStore(path);
  const hand = new DatabaseSync(path);
  hand.exec(`CREATE TRIGGER full BEFORE INSERT ON bundles
    BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END`);
  const failure = await store.putBytes('hash', Uint8Array.of(1)).catch((cause: unknown) => cause);
  expect(failure).toMatchObject({
    reason: 'POLICY_STORE_UNAVAILABLE',
    cause: { message: 'database or disk is full' },
  });
  hand.exec('DROP TRIGGER full');
  hand.close();
  await store.putBytes('hash', Uint8Array.of(1));
  expect(await store.getBytes('hash')).toEqual(Uint8Array.of(1));
  await store.close();
});

const url = process.env['ASSENT_TEST_REDIS'];
describe.skipIf(url === undefined)('with a real redis ($ASSENT_TEST_REDIS)', () => {
  const prefix = `assent:{policy-${process.pid}-${process.hrtime.bigint()}}`;
  let made = 0;
  const open = async (of = `${prefix}:${made}`) => {
    const [redis, listener] = await Promise.all([connectTo(url ?? ''), connectTo(url ?? '')]);
    return createRedisPolicyStore({ redis, listener, prefix: of });
  };
  afterAll(async () => {
    const redis = new Redis(url ?? '', { maxRetriesPerRequest: 0 });
    const keys = await redis.keys(`${prefix.replaceAll(/[{}]/g, '?')}*`);
    if (keys.length > 0) await redis.del(...keys);
    redis.disconnect();
  });

  describePolicyStore('redis', async () => {
    made += 1;
    const mine = `${prefix}:${made}`;
    return { store: await open(mine), other: () => open(mine) };
  });

  test('another replica hears of a change', async () => {
    made += 1;
    const [one, two] = await Promise.all([open(), open()]);
    const heard = new Promise<void>((resolve) => two.watch(resolve));
    await one.activate(activationOf(1));
    await heard;
    expect(await two.head()).toMatchObject({ activation: 1 });
    await Promise.all([one.close(), two.close()]);
  });

  test('coming back after a lost connection is a hint', async () => {
    made += 1;
    const [redis, listener] = await Promise.all([connectTo(url ?? ''), connectTo(url ?? '')]);
    const store = await createRedisPolicyStore({ redis, listener, prefix: `${prefix}:${made}` });
    const heard = new Promise<void>((resolve) => store.watch(resolve));
    listener.disconnect(true);
    await heard;
    await store.close();
  });

  test('a connection that was lost before it begins is our fault', async () => {
    const [redis, listener] = await Promise.all([connectTo(url ?? ''), connectTo(url ?? '')]);
    const ended = new Promise<void>((resolve) => redis.once('end', resolve));
    listener.disconnect();
    await expect(createRedisPolicyStore({ redis, listener, prefix })).rejects.toEqual(fault);
    await ended;
  });

  test('a store that was closed is our fault', async () => {
    const store = await open();
    await store.close();
    await expect(store.head()).rejects.toEqual(fault);
  });
});
