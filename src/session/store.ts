/** Where session logs live. Every driver passes test/conformance/session-store.ts. */
import { Refusal } from '../model/refusal.ts';
import type { Head } from '../model/session.ts';

/** Names one session's log. Both parts come from registrations and from us, never from an ask unchecked. */
export interface SessionKey {
  readonly tenant: string;
  readonly session: string;
}

/** One entry as it lies in the log: versions count from 1 without gaps. */
export interface StoredEntry {
  readonly version: number;
  /** HMAC over key name, version, predecessor's digest and payload (see keys.ts). */
  readonly digest: string;
  /** Canonical JSON. */
  readonly payload: string;
}

/** A fold as of one entry, so that the entries before it may be trimmed. */
export interface StoredSnapshot extends Head {
  readonly body: string;
  /** HMAC over key name, head and body. */
  readonly mac: string;
}

/**
 * What a log holds, or what of it was missed: entries ascending. With a snapshot they begin at the snapshot's own
 * entry; without, at the log's first entry, or at the first that was missed.
 */
export interface Stored {
  readonly snapshot: StoredSnapshot | undefined;
  readonly entries: readonly StoredEntry[];
}

export type Appended =
  | { readonly kind: 'appended' }
  /** The head is another one: `missed` is what came after the expected version, or the log as loaded where that is trimmed. */
  | { readonly kind: 'behind'; readonly missed: Stored };

/** A name under which at most one session of an enforcement point is ever opened. */
export interface OpenName {
  readonly pep: string;
  readonly openKey: string;
  /** MAC of what this name holds, bound to tenant and name: nobody else's hand can lead it to another session. */
  readonly seal: (text: string) => string;
}

export interface Birth {
  readonly key: SessionKey;
  /** Unix ms; orders the listing. */
  readonly openedAt: number;
  readonly entry: StoredEntry;
}

export interface Listed {
  /** Newest first. */
  readonly sessions: readonly string[];
  /** Cursor for the next page; undefined on the last. */
  readonly next: string | undefined;
}

/** The head before the first entry. */
export const GENESIS: Head = { version: 0, digest: '' };

/** Entries that stay in the log below a snapshot, so that replicas a little behind need no snapshot. */
export const KEPT_BELOW_SNAPSHOT = 64;

/**
 * Logs with compare-and-append. All methods throw `Fault('SESSION_STORE_UNAVAILABLE')` when no answer came
 * in time or the store refused; a write that threw may or may not have been applied, and nothing is retried here.
 */
export interface SessionStore {
  /**
   * Appends all entries in one atomic step if and only if the log's last entry has the expected version and the
   * expected digest; otherwise appends none and answers with what was missed. No entries: only the comparison.
   * Once this resolves with `appended`, the entries survive the end of this process.
   */
  append(key: SessionKey, expected: Head, entries: readonly StoredEntry[]): Promise<Appended>;
  /**
   * The log as of one moment; undefined for one that never began. A log that is gone although its session is listed
   * comes back without snapshot and entries, so that it is not taken for a session that never was; so does one in whose
   * place something else lies, here and in what an append missed.
   */
  load(key: SessionKey): Promise<Stored | undefined>;
  /**
   * Keeps the snapshot, then drops entries more than KEPT_BELOW_SNAPSHOT below it, atomically. Does nothing when the log does not
   * hold the snapshot's head, or a newer snapshot is kept already.
   * @throws Refusal `session.torn` where something else lies in the place of log or snapshot
   */
  snapshot(key: SessionKey, snapshot: StoredSnapshot): Promise<void>;
  /**
   * Begins a log with its first entry and lists it. With a name, only if the name was never used before; answers
   * with the session that holds the name, whose first entry then is in its log whatever crashed in between.
   * @throws Refusal `session.torn` where the name holds what was not sealed for it
   */
  open(birth: Birth, name?: OpenName): Promise<string>;
  /**
   * The session that holds the name; undefined for a name never used, or whose birth is not known to be done.
   * @throws Refusal `session.torn` where the name holds what was not sealed for it
   */
  find(tenant: string, name: OpenName): Promise<string | undefined>;
  /** At most `limit` sessions of a tenant, newest first, after the cursor. */
  list(tenant: string, limit: number, after?: string): Promise<Listed>;
  /** Releases connections and files; what was acknowledged stays. */
  close(): Promise<void>;
}

/** The name of a log: what Redis calls it, and what its digests are bound to. One hash tag for all that belongs to it. */
export function logName(key: SessionKey): string {
  return `assent:{${encodeURIComponent(key.tenant)}/${key.session}}:log`;
}

/** What a name is made to hold: the text behind its seal. */
export function sealed(name: OpenName, text: string): string {
  return `${name.seal(text)}${SEAL_END}${text}`;
}

/**
 * The text that a name holds.
 * @throws Refusal `session.torn` for one that was not sealed for this name
 */
export function unsealed(name: OpenName, held: string): string {
  const text = held.slice(held.indexOf(SEAL_END) + 1);
  if (held !== sealed(name, text)) throw new Refusal('session.torn');
  return text;
}

/** No character of base64url. */
const SEAL_END = '.';

/** Sorts listings by time of opening, then id; also the cursor. */
export function listingMember(birth: Birth): string {
  return `${String(birth.openedAt).padStart(15, '0')}:${birth.key.session}`;
}

/** The session id of a listing member. */
export function sessionOfMember(member: string): string {
  return member.slice(16);
}
