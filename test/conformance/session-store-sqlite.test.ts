import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll } from 'vitest';
import { createSqliteSessionStore } from '../../src/session/sqlite.ts';
import { logName } from '../../src/session/store.ts';
import { describeSessionStore } from './session-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'assent-sqlite-'));
const path = join(folder, 'sessions.db');
afterAll(() => rmSync(folder, { recursive: true }));

const open = () => createSqliteSessionStore({ path, synchronous: 'normal' });

describeSessionStore('sqlite', {
  make: async () => open(),
  shared: false,
  async destroy(store, keys) {
    await store.close();
    const db = new DatabaseSync(path);
    for (const key of keys) {
      const log = logName(key);
      db.prepare('DELETE FROM logs WHERE name = ?').run(log);
      db.prepare('DELETE FROM snapshots WHERE log = ?').run(log);
    }
    db.close();
    return open();
  },
  async lead(store, names, { tenant, held }) {
    await store.close();
    const db = new DatabaseSync(path);
    for (const [at, { pep, openKey }] of names.entries()) {
      const of = [tenant, pep, openKey] as const;
      const where = 'WHERE tenant = ? AND pep = ? AND open_key = ?';
      const before = db.prepare(`SELECT session FROM names ${where}`).get(...of)?.['session'];
      db.prepare(`UPDATE names SET session = ? ${where}`).run(held(String(before), at), ...of);
    }
    db.close();
    return open();
  },
});
