/** Sessions in one SQLite file: the embedded default. One process owns the file; a second one is refused. */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { LRUCache } from 'lru-cache';
import { Fault } from '../model/refusal.ts';
import type { Head } from '../model/session.ts';
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
  sealed,
  sessionOfMember,
  unsealed,
} from './store.ts';

export interface SqliteSessionStoreOptions {
  readonly path: string;
  /** `normal` survives the end of this process, `full` also a loss of power (an fsync for each tick). */
  readonly synchronous: 'normal' | 'full';
}

const SCHEMA_VERSION = 2;

/** Versions of one log lie side by side: an entry's row is its log's number times this, plus its version. */
const LOG_SPAN = 2 ** 24;

const LOGS_REMEMBERED = 10_000;

// What a name holds stands sealed in `session`. One b-tree for the entries: with the log's name in a key of its own, an append wrote three times as long.
const SCHEMA = `
CREATE TABLE logs (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE entries (id INTEGER PRIMARY KEY, digest TEXT NOT NULL, payload TEXT NOT NULL) STRICT;
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

/** Finds a session in its tenant's listing by its id; made where an earlier build left the file without it. */
const LISTED_BY_ID = 'CREATE INDEX IF NOT EXISTS listed_by_id ON listings (tenant, substr(member, 17));';

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
  private readonly numbers = new LRUCache<string, number>({ max: LOGS_REMEMBERED });
  private jobs: Job[] = [];

  constructor({ path, synchronous }: SqliteSessionStoreOptions) {
    // Made by hand first, so that nobody else may read it whatever the umask.
    if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
    this.db = new DatabaseSync(path, { timeout: 0 });
    this.db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;');
    // A checkpoint stops the thread: one every 32 MB of log rather than every 4.
    this.db.exec('PRAGMA wal_autocheckpoint = 8000;');
    this.db.exec(`PRAGMA synchronous = ${synchronous === 'full' ? 'FULL' : 'NORMAL'};`);
    const found = this.db.prepare('PRAGMA user_version').get()?.['user_version'];
    if (found === 0) this.db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`);
    else if (found !== SCHEMA_VERSION)
      throw new Fault('SESSION_STORE_UNAVAILABLE', `schema ${String(found)} of \`${path}\``);
    this.db.exec(LISTED_BY_ID);
    this.sql = prepareAll(this.db);
  }

  append(key: SessionKey, expected: Head, entries: readonly StoredEntry[]): Promise<Appended> {
    // Past its span a log would run into the next one's rows.
    if (expected.version + entries.length >= LOG_SPAN)
      return Promise.reject(new Fault('SESSION_STORE_UNAVAILABLE', 'the log is full'));
    return this.write(() => this.appendNow(logName(key), expected, entries));
  }

  async load(key: SessionKey): Promise<Stored | undefined> {
    return this.read(() => {
      const stored = this.loadNow(logName(key));
      if (stored.snapshot !== undefined || stored.entries.length > 0) return stored;
      return this.sql.listed.get(key.tenant, key.session) === undefined ? undefined : stored;
    });
  }

  snapshot(key: SessionKey, { version, digest, body, mac }: StoredSnapshot): Promise<void> {
    const log = logName(key);
    return this.write(() => {
      const first = this.firstRow(log);
      if (first === undefined || this.sql.entry.get(first + version)?.['digest'] !== digest) return;
      const { changes } = this.sql.putSnapshot.run(log, version, digest, body, mac);
      if (Number(changes) > 0) this.sql.trim.run(first, first + version - KEPT_BELOW_SNAPSHOT);
    });
  }

  open(birth: Birth, name?: OpenName): Promise<string> {
    const { key, entry } = birth;
    const held = this.write(() => {
      if (name !== undefined) {
        const holder = this.holderNow(key.tenant, name);
        if (holder !== undefined) return holder;
        this.sql.claim.run(key.tenant, name.pep, name.openKey, sealed(name, key.session));
      }
      this.appendNow(logName(key), GENESIS, [entry]);
      this.sql.enlist.run(key.tenant, listingMember(birth));
      return undefined;
    });
    // Outside the transaction, which others share.
    return held.then((holder) =>
      name === undefined || holder === undefined ? key.session : unsealed(name, holder),
    );
  }

  async find(tenant: string, name: OpenName): Promise<string | undefined> {
    const holder = this.read(() => this.holderNow(tenant, name));
    return holder === undefined ? undefined : unsealed(name, holder);
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

  private holderNow(tenant: string, { pep, openKey }: OpenName): string | undefined {
    const holder = this.sql.holder.get(tenant, pep, openKey)?.['session'];
    return typeof holder === 'string' ? holder : undefined;
  }

  private appendNow(log: string, expected: Head, entries: readonly StoredEntry[]): Appended {
    const first = this.firstRow(log);
    const row = first === undefined ? undefined : this.sql.head.get(first, first + LOG_SPAN);
    const version = row === undefined ? GENESIS.version : Number(row['id']) - (first ?? 0);
    if (version !== expected.version || (row?.['digest'] ?? GENESIS.digest) !== expected.digest)
      return { kind: 'behind', missed: this.missedNow(log, expected.version) };
    if (entries.length > 0) {
      const begin = first ?? Number(this.sql.number.run(log).lastInsertRowid) * LOG_SPAN;
      for (const entry of entries) this.sql.insert.run(begin + entry.version, entry.digest, entry.payload);
    }
    return { kind: 'appended' };
  }

  /** The row before the log's first; undefined for a log that never began. */
  private firstRow(log: string): number | undefined {
    let number = this.numbers.get(log);
    if (number === undefined) {
      const found = this.sql.log.get(log)?.['number'];
      if (typeof found !== 'number') return undefined;
      number = found;
      this.numbers.set(log, number);
    }
    return number * LOG_SPAN;
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
    const first = this.firstRow(log);
    if (first === undefined) return [];
    return this.sql.entries.all(first + from, first + LOG_SPAN).map((row) => ({
      version: Number(row['id']) - first,
      digest: String(row['digest']),
      payload: String(row['payload']),
    }));
  }

  private read<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw new Fault('SESSION_STORE_UNAVAILABLE', cause);
    }
  }

  /** Joins the transaction of this tick: whatever is asked for before the promises that are ready have run. */
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
      // Numbers given in this transaction are free again.
      this.numbers.clear();
      for (const { failed } of jobs) failed(new Fault('SESSION_STORE_UNAVAILABLE', cause));
      return;
    }
    for (const { done } of jobs) done();
  }
}

const STATEMENTS = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  log: 'SELECT number FROM logs WHERE name = ?',
  number: 'INSERT INTO logs (name) VALUES (?)',
  head: 'SELECT id, digest FROM entries WHERE id > ? AND id < ? ORDER BY id DESC LIMIT 1',
  insert: 'INSERT INTO entries VALUES (?, ?, ?)',
  entry: 'SELECT digest FROM entries WHERE id = ?',
  entries: 'SELECT id, digest, payload FROM entries WHERE id >= ? AND id < ? ORDER BY id',
  snapshot: 'SELECT version, digest, body, mac FROM snapshots WHERE log = ?',
  putSnapshot: `INSERT INTO snapshots VALUES (?, ?, ?, ?, ?) ON CONFLICT (log) DO UPDATE SET
    version = excluded.version, digest = excluded.digest, body = excluded.body, mac = excluded.mac
    WHERE excluded.version > version`,
  trim: 'DELETE FROM entries WHERE id > ? AND id < ?',
  holder: 'SELECT session FROM names WHERE tenant = ? AND pep = ? AND open_key = ?',
  claim: 'INSERT INTO names VALUES (?, ?, ?, ?)',
  enlist: 'INSERT INTO listings VALUES (?, ?)',
  listed: 'SELECT 1 FROM listings WHERE tenant = ? AND substr(member, 17) = ?',
  listing: 'SELECT member FROM listings WHERE tenant = ? AND member < ? ORDER BY member DESC LIMIT ?',
} as const;

function prepareAll(db: DatabaseSync): Record<keyof typeof STATEMENTS, StatementSync> {
  const prepare = (name: keyof typeof STATEMENTS): StatementSync => db.prepare(STATEMENTS[name]);
  return {
    begin: prepare('begin'),
    commit: prepare('commit'),
    log: prepare('log'),
    number: prepare('number'),
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
    listed: prepare('listed'),
    listing: prepare('listing'),
  };
}
