import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { createRedisReplayStore } from '../../src/token/redis.ts';
import { createMemoryReplayStore } from '../../src/token/replay-memory.ts';
import { createSqliteReplayStore } from '../../src/token/replay-sqlite.ts';
import { connectTo } from '../conformance/connections.ts';
import { describeReplayStore } from '../conformance/replay-store.ts';

const fault = expect.objectContaining({ reason: 'SESSION_STORE_UNAVAILABLE' });

describeReplayStore('memory', () => {
  let at = 0;
  return {
    store: createMemoryReplayStore(() => at),
    advance: (ms) => {
      at += ms;
    },
  };
});

describeReplayStore('sqlite', () => {
  let at = 0;
  return {
    store: createSqliteReplayStore(new DatabaseSync(':memory:'), () => at),
    advance: (ms) => {
      at += ms;
    },
  };
});

const url = process.env['ASSENT_TEST_REDIS'];
describe.skipIf(url === undefined)('with a real redis', () => {
  const open: { disconnect(): void }[] = [];
  const connect = async (to = url ?? '', timeoutMs = 1_000) => {
    const redis = await connectTo(to);
    open.push(redis);
    return { store: createRedisReplayStore(redis, timeoutMs), close: () => redis.disconnect() };
  };
  afterAll(() => {
    for (const redis of open) redis.disconnect();
  });

  describeReplayStore('redis', async () => ({
    store: (await connect()).store,
    other: (await connect()).store,
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  }));

  test('a lost connection is our fault, not a replay', async () => {
    const { store, close } = await connect();
    close();
    await expect(store.claim('k', ['a'], 1000)).rejects.toEqual(fault);
    await expect(store.mayClaim('k', ['a'])).rejects.toEqual(fault);
  });

  test('a redis that stops answering is our fault, and the retry finds what was applied', async () => {
    const { port, hostname } = new URL(url ?? '');
    let deaf = false;
    const proxy = createServer((near) => {
      const far = createConnection(Number(port), hostname);
      near.pipe(far);
      far.on('data', (bytes) => deaf || near.write(bytes));
      for (const socket of [near, far])
        socket.on('error', () => [near, far].forEach((end) => void end.destroy()));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const key = `deaf-${process.pid}-${process.hrtime.bigint()}`;
    const { store, close } = await connect(`redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`, 50);
    deaf = true;
    await expect(store.claim(key, ['a'], 60_000)).rejects.toEqual(fault);
    close();
    proxy.close();
    const { store: direct } = await connect();
    expect(await direct.claim(key, ['b'], 60_000)).toBe(false);
    expect(await direct.claim(key, ['a'], 60_000)).toBe(true);
  });
});

test('a full memory refuses new proofs rather than forgetting live ones', async () => {
  let at = 0;
  const store = createMemoryReplayStore(() => at, 2);
  await store.claim('k1', ['a'], 1000);
  await store.claim('k2', ['a'], 1000);
  await expect(store.claim('k3', ['a'], 1000)).rejects.toEqual(fault);
  expect(await store.claim('k1', ['b'], 1000)).toBe(false);
  at = 1000;
  expect(await store.claim('k3', ['a'], 1000)).toBe(true);
});

test('claims in a database file survive a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assent-replay-'));
  const file = join(folder, 'state.db');
  try {
    const before = new DatabaseSync(file);
    await createSqliteReplayStore(before, () => 0).claim('k', ['a'], 1000);
    before.close();
    const after = new DatabaseSync(file);
    expect(await createSqliteReplayStore(after, () => 0).claim('k', ['b'], 1000)).toBe(false);
    after.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('claims past their time leave the database', async () => {
  const database = new DatabaseSync(':memory:');
  let at = 0;
  const store = createSqliteReplayStore(database, () => at);
  for (let i = 0; i < 255; i += 1) await store.claim(`old-${i}`, ['a'], 10);
  at = 100;
  await store.claim('new', ['a'], 10);
  expect(database.prepare('SELECT count(*) AS n FROM dpop_claim').get()).toEqual({ n: 1 });
});

test('a closed database is our fault, not a replay', async () => {
  const database = new DatabaseSync(':memory:');
  const store = createSqliteReplayStore(database, () => 0);
  database.close();
  await expect(store.claim('k', ['a'], 1000)).rejects.toEqual(fault);
  await expect(store.mayClaim('k', ['a'])).rejects.toEqual(fault);
});
