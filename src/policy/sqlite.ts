import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Fault } from '../model/refusal.ts';
import type { DataDocument, PolicyStore, StoredActivation } from './store.ts';

// `bundles` keeps seeds too.
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS bundles (revision TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS activations (number INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS documents (
    path TEXT PRIMARY KEY, value TEXT, version INTEGER NOT NULL, "by" TEXT NOT NULL, at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS data_version (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL) STRICT;
  INSERT OR IGNORE INTO data_version VALUES (1, 0);
  CREATE TABLE IF NOT EXISTS seed (one INTEGER PRIMARY KEY CHECK (one = 1), hash TEXT NOT NULL) STRICT;
`;

/**
 * Policies in one SQLite file, for one process: what was acknowledged is on disk (WAL, synchronous FULL; pushes
 * are rare enough for an fsync each). Another process that opens the same file is seen by polling only.
 */
export function createSqlitePolicyStore(path: string): PolicyStore {
  // Made by hand first, so that nobody else may read it whatever the umask.
  if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 1000; ${SCHEMA}`);
  const watchers = new Set<() => void>();
  /** Runs one step in a transaction; a crash inside leaves nothing of it. */
  const step = async <T>(run: () => T): Promise<T> => {
    try {
      db.exec('BEGIN IMMEDIATE');
      try {
        const result = run();
        db.exec('COMMIT');
        return result;
      } catch (cause) {
        // A full disk rolls back by itself: a second rollback would fail, and its failure hide the first.
        if (db.isTransaction) db.exec('ROLLBACK');
        throw cause;
      }
    } catch (cause) {
      throw new Fault('POLICY_STORE_UNAVAILABLE', cause);
    }
  };
  const tell = (applied: boolean): boolean => {
    if (applied) for (const changed of watchers) queueMicrotask(changed);
    return applied;
  };
  const newest = (): number => number(db.prepare('SELECT max(number) AS n FROM activations').get()?.['n']);
  const version = (): number => number(db.prepare('SELECT version AS n FROM data_version').get()?.['n']);
  const setVersion = (to: number): void => void db.prepare('UPDATE data_version SET version = ?').run(to);
  const seed = (): string | undefined => {
    const hash = db.prepare('SELECT hash FROM seed').get()?.['hash'];
    return typeof hash === 'string' ? hash : undefined;
  };
  return {
    putBytes: (hash, bytes) =>
      step(() => void db.prepare('INSERT OR IGNORE INTO bundles VALUES (?, ?)').run(hash, bytes)),
    getBytes: (hash) =>
      step(() => {
        const bytes = db.prepare('SELECT bytes FROM bundles WHERE revision = ?').get(hash)?.['bytes'];
        return bytes instanceof Uint8Array ? bytes : undefined;
      }),
    activate: (activation, seeding) =>
      step(() => {
        if (newest() !== activation.number - 1) return false;
        if (seeding !== undefined) {
          if (version() !== seeding.version - 1) return false;
          setVersion(seeding.version);
          db.prepare('INSERT OR REPLACE INTO seed VALUES (1, ?)').run(seeding.seed);
        }
        const body = JSON.stringify(activation);
        db.prepare('INSERT INTO activations VALUES (?, ?)').run(activation.number, body);
        return true;
      }).then(tell),
    activations: (limit, before = Number.MAX_SAFE_INTEGER) =>
      step(() =>
        db
          .prepare('SELECT body FROM activations WHERE number < ? ORDER BY number DESC LIMIT ?')
          .all(before, limit)
          .map((row): StoredActivation => JSON.parse(String(row['body']))),
      ),
    changeData: ({ document, replaced }) =>
      step(() => {
        if (version() !== document.version - 1) return false;
        const drop = db.prepare('DELETE FROM documents WHERE path = ?');
        for (const moot of replaced) drop.run(moot);
        db.prepare('INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)').run(
          document.path,
          document.value ?? null,
          document.version,
          document.by,
          document.at,
        );
        setVersion(document.version);
        return true;
      }).then(tell),
    data: () =>
      step(() => ({
        version: version(),
        seed: seed(),
        documents: db.prepare('SELECT * FROM documents ORDER BY version').all().map(readDocument),
      })),
    head: () => step(() => ({ activation: newest(), dataVersion: version() })),
    watch(changed) {
      watchers.add(changed);
      return () => void watchers.delete(changed);
    },
    async close() {
      watchers.clear();
      if (db.isOpen) db.close();
    },
  };
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function readDocument(row: Readonly<Record<string, unknown>>): DataDocument {
  const { path, value, version, by, at } = row;
  return {
    path: String(path),
    value: typeof value === 'string' ? value : undefined,
    version: number(version),
    by: String(by),
    at: number(at),
  };
}
