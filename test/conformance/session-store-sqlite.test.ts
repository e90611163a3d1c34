import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createSqliteSessionStore } from '../../src/session/sqlite.ts';
import { describeSessionStore } from './session-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'assent-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true }));

describeSessionStore('sqlite', {
  make: async () => createSqliteSessionStore({ path: join(folder, 'sessions.db'), synchronous: 'normal' }),
  shared: false,
});
