/** The embedded store's process ends without a word: what it acknowledged is there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSqliteSessionStore } from '../../src/session/sqlite.ts';
import { createWorld, pep, said } from '../session/world.ts';

let folder: string;
let path: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assent-crash-'));
  path = join(folder, 'sessions.db');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Appends in a process of its own, tells each entry once it is acknowledged, and never stops by itself. */
function writer(): ChildProcess {
  const room = new URL('../../src/session/', import.meta.url).href;
  const script = `
    import { createSqliteSessionStore } from '${room}sqlite.ts';
    const store = createSqliteSessionStore({ path: ${JSON.stringify(path)}, synchronous: 'normal' });
    const side = async (session) => {
      let head = { version: 0, digest: '' };
      for (;;) {
        const entry = { version: head.version + 1, digest: 'd' + head.version, payload: 'x'.repeat(500) };
        await store.append({ tenant: 't', session }, head, [entry]);
        process.stdout.write(session + ' ' + entry.version + '\\n');
        head = entry;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    ['a', 'b', 'c'].forEach(side);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

test('a process killed while it writes leaves every acknowledged entry, and no half of a batch', {
  timeout: 30_000,
}, async () => {
  const child = writer();
  const acknowledged = new Map<string, number>();
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) {
    const [session = '', version] = line.split(' ');
    acknowledged.set(session, Number(version));
    if (Number(version) === 300) child.kill('SIGKILL');
  }
  const store = createSqliteSessionStore({ path, synchronous: 'normal' });
  expect([...acknowledged.keys()].sort()).toEqual(['a', 'b', 'c']);
  for (const [session, last] of acknowledged) {
    const versions =
      (await store.load({ tenant: 't', session }))?.entries.map(({ version }) => version) ?? [];
    expect(versions.length).toBeGreaterThanOrEqual(last);
    expect(versions).toEqual(versions.map((_, i) => i + 1));
  }
  await store.close();
});

test('a file that another process holds is refused', { timeout: 30_000 }, async () => {
  const child = writer();
  if (child.stdout === null) throw new Error('no output');
  await once(child.stdout, 'data');
  expect(() => createSqliteSessionStore({ path, synchronous: 'normal' })).toThrow(
    expect.objectContaining({ reason: 'SESSION_STORE_UNAVAILABLE' }),
  );
});

test('a file copied from under a running store holds what was acknowledged, and sessions go on from it', async () => {
  const world = createWorld(createSqliteSessionStore({ path, synchronous: 'full' }));
  const session = await world.open();
  for (let i = 0; i < 100; i += 1) await world.ask({ session });
  await world.room.verbs.suspend(pep(), session, 'odd');
  const copy = join(folder, 'copy.db');
  for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, copy + end);
  const again = createWorld(createSqliteSessionStore({ path: copy, synchronous: 'full' }));
  expect(await again.room.verbs.get(pep(), session)).toEqual(await world.room.verbs.get(pep(), session));
  expect(said(await again.ask({ session }))).toBe('session.suspended');
  await Promise.all([world.room.close(), again.room.close()]);
});

test('nobody else on the machine may read the file', async () => {
  const store = createSqliteSessionStore({ path, synchronous: 'normal' });
  await store.append({ tenant: 't', session: 's' }, { version: 0, digest: '' }, [
    { version: 1, digest: 'd', payload: 'p' },
  ]);
  for (const end of ['', '-wal']) expect(statSync(path + end).mode & 0o077).toBe(0);
  await store.close();
});

test('a store that was closed is a Fault, and so is a folder that is not there', async () => {
  const world = createWorld(createSqliteSessionStore({ path, synchronous: 'normal' }));
  const session = await world.open();
  await world.ask({ session });
  await world.room.close();
  await expect(world.ask({ session })).rejects.toMatchObject({ reason: 'SESSION_STORE_UNAVAILABLE' });
  expect(() =>
    createSqliteSessionStore({ path: join(folder, 'no', 'such.db'), synchronous: 'normal' }),
  ).toThrow(expect.objectContaining({ reason: 'SESSION_STORE_UNAVAILABLE' }));
});
