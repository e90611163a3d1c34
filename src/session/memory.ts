/** Sessions in memory: gone with the process. For tests, and for nothing that must be remembered. */
import type { Head } from '../model/session.ts';
import {
  type Birth,
  GENESIS,
  KEPT_BELOW_SNAPSHOT,
  listingMember,
  logName,
  type OpenName,
  type SessionStore,
  type Stored,
  type StoredEntry,
  type StoredSnapshot,
  sealed,
  sessionOfMember,
  unsealed,
} from './store.ts';

interface Log {
  entries: StoredEntry[];
  snapshot: StoredSnapshot | undefined;
}

/** A store that no other process sees. Each method takes effect before it returns. */
export function createMemorySessionStore(): SessionStore {
  const logs = new Map<string, Log>();
  const names = new Map<string, string>();
  const listings = new Map<string, string[]>();

  function append(log: Log, expected: Head, entries: readonly StoredEntry[]): boolean {
    const head = log.entries.at(-1) ?? GENESIS;
    if (head.version !== expected.version || head.digest !== expected.digest) return false;
    log.entries.push(...entries);
    return true;
  }

  function open({ key, openedAt, entry }: Birth): string {
    const listing = listings.get(key.tenant) ?? [];
    listing.push(listingMember({ key, openedAt, entry }));
    listings.set(key.tenant, listing.sort().reverse());
    logs.set(logName(key), { entries: [entry], snapshot: undefined });
    return key.session;
  }

  function claim(birth: Birth, openName: OpenName): string {
    const name = textOf(birth.key.tenant, openName);
    const holder = names.get(name);
    if (holder !== undefined) return unsealed(openName, holder);
    names.set(name, sealed(openName, birth.key.session));
    return open(birth);
  }

  return {
    append: async (key, expected, entries) => {
      const log = logs.get(logName(key)) ?? { entries: [], snapshot: undefined };
      if (append(log, expected, entries)) {
        if (entries.length > 0) logs.set(logName(key), log);
        return { kind: 'appended' };
      }
      return { kind: 'behind', missed: missedOf(log, expected.version) };
    },
    load: async (key) => {
      const log = logs.get(logName(key));
      return log === undefined ? undefined : loaded(log);
    },
    snapshot: async (key, snapshot) => {
      const log = logs.get(logName(key));
      const head = log?.entries.find(({ version }) => version === snapshot.version);
      if (log === undefined || head?.digest !== snapshot.digest) return;
      if ((log.snapshot?.version ?? 0) >= snapshot.version) return;
      log.snapshot = snapshot;
      log.entries = log.entries.filter(({ version }) => version >= snapshot.version - KEPT_BELOW_SNAPSHOT);
    },
    open: async (birth, name) => (name === undefined ? open(birth) : claim(birth, name)),
    find: async (tenant, name) => {
      const holder = names.get(textOf(tenant, name));
      return holder === undefined ? undefined : unsealed(name, holder);
    },
    list: async (tenant, limit, after) => {
      const all = listings.get(tenant) ?? [];
      const rest = after === undefined ? all : all.filter((member) => member < after);
      const page = rest.slice(0, limit);
      return { sessions: page.map(sessionOfMember), next: rest.length > limit ? page.at(-1) : undefined };
    },
    close: async () => {},
  };
}

function textOf(tenant: string, { pep, openKey }: OpenName): string {
  return JSON.stringify([tenant, pep, openKey]);
}

function loaded({ snapshot, entries }: Log): Stored {
  return { snapshot, entries: entries.filter(({ version }) => version >= (snapshot?.version ?? 0)) };
}

function missedOf(log: Log, version: number): Stored {
  const later = log.entries.filter((entry) => entry.version > version);
  const reachesBack =
    log.snapshot === undefined || later[0] === undefined || later[0].version === version + 1;
  return reachesBack ? { snapshot: undefined, entries: later } : loaded(log);
}
