/** Sessions in one SQLite file: the embedded default. One process owns the file; a second one is refused. */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { Fault } from '../model/refusal.ts';
import {
  type Appended,
  type Birth,
  GENESIS,
  KEPT_BELOW_SNAPSHOT,
  listingMember,
  logName,
  type OpenName,
  type SessionKey,
  type SessionStore,
  type Stored,
  type StoredEntry,
  type StoredSnapshot,
  sessionOfMember,
} from './store.ts';

export interface SqliteSessionStoreOptions {
  readonly path: string;
  /** `normal` survives the end of this process, `full` also a loss of power (an fsync for each tick). */
  readonly synchronous: 'normal' | 'full';
}

const SCHEMA_VERSION = 1;

const SCHEMA = `
CREATE TABLE entries (
  log TEXT NOT NULL, version INTEGER NOT NULL, digest TEXT NOT NULL, payload TEXT NOT NULL,
  PRIMARY KEY (log, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE snapshots (
  log TEXT PRIMARY KEY, version INTEGER NOT NULL, digest TEXT NOT NULL, body TEXT NOT NULL, mac TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE names (
  tenant TEXT NOT NULL, pep TEXT NOT NULL, open_key TEXT NOT NULL, session TEXT NOT NULL,
  PRIMARY KEY (tenant, pep, open_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE listings (tenant TEXT NOT NULL, member TEXT NOT NULL, PRIMARY KEY (tenant, member)) STRICT, WITHOUT ROWID;
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** One piece of work inside the transaction of a tick. */
interface Job {
  readonly run: () => void;
  /** After the commit. */
  readonly done: () => void;
  readonly failed: (cause: unknown) => void;
}

/** @throws Fault when the file cannot be opened, is held by another process, or has another build's schema */
export function createSqliteSessionStore(options: SqliteSessionStoreOptions): SessionStore {
  try {
    return new SqliteSessionStore(options);
  } catch (cause) {
    throw cause instanceof Fault ? cause : new Fault('SESSION_STORE_UNAVAILABLE', cause);
  }
}

class SqliteSessionStore implements SessionStore {
  private readonly db: DatabaseSync;
  private readonly sql: Record<keyof typeof STATEMENTS, StatementSync>;
  private jobs: Job[] = [];

  constructor({ path, synchronous }: SqliteSessionStoreOptions) {
    // Made by hand first, so that nobody else may read it whatever the umask.
    if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
    this.db = new DatabaseSync(path, { timeout: 0 });
    this.db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;');
    this.db.exec(`PRAGMA synchronous = ${synchronous === 'full' ? 'FULL' : 'NORMAL'};`);
    const found = this.db.prepare('PRAGMA user_version').get()?.['user_version'];
    if (found === 0) this.db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`);
    else if (found !== SCHEMA_VERSION)
      throw new Fault('SESSION_STORE_UNAVAILABLE', `schema ${String(found)} of \`${path}\``);
    this.sql = prepareAll(this.db);
  }

  append(
    key: SessionKey,
    expected: { version: number; digest: string },
    entries: readonly StoredEntry[],
  ): Promise<Appended> {
    return this.write(() => this.appendNow(logName(key), expected, entries));
  }

  async load(key: SessionKey): Promise<Stored | undefined> {
    const stored = this.read(() => this.loadNow(logName(key)));
    return stored.snapshot === undefined && stored.entries.length === 0 ? undefined : stored;
  }

  snapshot(key: SessionKey, { version, digest, body, mac }: StoredSnapshot): Promise<void> {
    const log = logName(key);
    return this.write(() => {
      if (this.sql.entry.get(log, version)?.['digest'] !== digest) return;
      const { changes } = this.sql.putSnapshot.run(log, version, digest, body, mac);
      if (Number(changes) > 0) this.sql.trim.run(log, version - KEPT_BELOW_SNAPSHOT);
    });
  }

  open(birth: Birth, name?: OpenName): Promise<string> {
    const { key, entry } = birth;
    return this.write(() => {
      if (name !== undefined) {
        const holder = this.sql.holder.get(key.tenant, name.pep, name.openKey)?.['session'];
        if (typeof holder === 'string') return holder;
        this.sql.claim.run(key.tenant, name.pep, name.openKey, key.session);
      }
      this.sql.insert.run(logName(key), entry.version, entry.digest, entry.payload);
      this.sql.enlist.run(key.tenant, listingMember(birth));
      return key.session;
    });
  }

  async list(tenant: string, limit: number, after?: string): ReturnType<SessionStore['list']> {
    // `;` sorts after every digit a member begins with.
    const rows = this.read(() => this.sql.listing.all(tenant, after ?? ';', limit + 1));
    const members = rows.map((row) => String(row['member']));
    const page = members.slice(0, limit);
    return { sessions: page.map(sessionOfMember), next: members.length > limit ? page.at(-1) : undefined };
  }

  async close(): Promise<void> {
    this.flush();
    this.db.close();
  }

  private appendNow(
    log: string,
    expected: { version: number; digest: string },
    entries: readonly StoredEntry[],
  ): Appended {
    const head = this.sql.head.get(log) ?? GENESIS_ROW;
    if (head['version'] !== expected.version || head['digest'] !== expected.digest)
      return { kind: 'behind', missed: this.missedNow(log, expected.version) };
    for (const { version, digest, payload } of entries) this.sql.insert.run(log, version, digest, payload);
    return { kind: 'appended' };
  }

  private missedNow(log: string, version: number): Stored {
    const entries = this.entriesNow(log, version + 1);
    if (entries[0] === undefined || entries[0].version === version + 1)
      return { snapshot: undefined, entries };
    return this.loadNow(log);
  }

  private loadNow(log: string): Stored {
    const row = this.sql.snapshot.get(log) as unknown as StoredSnapshot | undefined;
    const snapshot = row === undefined ? undefined : { ...row };
    return { snapshot, entries: this.entriesNow(log, snapshot?.version ?? 0) };
  }

  private entriesNow(log: string, from: number): StoredEntry[] {
    return this.sql.entries.all(log, from) as unknown as StoredEntry[];
  }

  private read<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw new Fault('SESSION_STORE_UNAVAILABLE', cause);
    }
  }

  /**
   * Joins the transaction of this tick. A next-tick callback runs once the promises that are ready have run: many
   * asks in flight share one transaction, and one alone waits for nobody.
   */
  private write<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      let result: T;
      this.jobs.push({
        run: () => {
          result = work();
        },
        done: () => resolve(result),
        failed: reject,
      });
      if (this.jobs.length === 1) process.nextTick(() => this.flush());
    });
  }

  private flush(): void {
    const jobs = this.jobs;
    if (jobs.length === 0) return;
    this.jobs = [];
    try {
      this.sql.begin.run();
      for (const { run } of jobs) run();
      // A crash before this line leaves nothing of the tick, after it everything.
      this.sql.commit.run();
    } catch (cause) {
      if (this.db.isOpen && this.db.isTransaction) this.db.exec('ROLLBACK');
      for (const { failed } of jobs) failed(new Fault('SESSION_STORE_UNAVAILABLE', cause));
      return;
    }
    for (const { done } of jobs) done();
  }
}

const GENESIS_ROW: Record<string, unknown> = { ...GENESIS };

const STATEMENTS = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  head: 'SELECT version, digest FROM entries WHERE log = ? ORDER BY version DESC LIMIT 1',
  insert: 'INSERT INTO entries VALUES (?, ?, ?, ?)',
  entry: 'SELECT digest FROM entries WHERE log = ? AND version = ?',
  entries: 'SELECT version, digest, payload FROM entries WHERE log = ? AND version >= ? ORDER BY version',
  snapshot: 'SELECT version, digest, body, mac FROM snapshots WHERE log = ?',
  putSnapshot: `INSERT INTO snapshots VALUES (?, ?, ?, ?, ?) ON CONFLICT (log) DO UPDATE SET
    version = excluded.version, digest = excluded.digest, body = excluded.body, mac = excluded.mac
    WHERE excluded.version > version`,
  trim: 'DELETE FROM entries WHERE log = ? AND version < ?',
  holder: 'SELECT session FROM names WHERE tenant = ? AND pep = ? AND open_key = ?',
  claim: 'INSERT INTO names VALUES (?, ?, ?, ?)',
  enlist: 'INSERT INTO listings VALUES (?, ?)',
  listing: 'SELECT member FROM listings WHERE tenant = ? AND member < ? ORDER BY member DESC LIMIT ?',
} as const;

function prepareAll(db: DatabaseSync): Record<keyof typeof STATEMENTS, StatementSync> {
  const prepare = (name: keyof typeof STATEMENTS): StatementSync => db.prepare(STATEMENTS[name]);
  return {
    begin: prepare('begin'),
    commit: prepare('commit'),
    head: prepare('head'),
    insert: prepare('insert'),
    entry: prepare('entry'),
    entries: prepare('entries'),
    snapshot: prepare('snapshot'),
    putSnapshot: prepare('putSnapshot'),
    trim: prepare('trim'),
    holder: prepare('holder'),
    claim: prepare('claim'),
    enlist: prepare('enlist'),
    listing: prepare('listing'),
  };
}
