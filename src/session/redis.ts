/** Sessions in Redis, one stream each: standalone, Sentinel or Cluster. */
import type { Cluster, Redis } from 'ioredis';
import { createPatience, type Patience } from '../model/patience.ts';
import { Fault, Refusal } from '../model/refusal.ts';
import type { Head } from '../model/session.ts';
import { APPEND, type Law, LOAD, SNAPSHOT } from './redis-laws.ts';
import {
  type Appended,
  type Birth,
  type Listed,
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

/**
 * Sessions over a connection that was made for them (see `connectRedis`); closing the store disconnects it.
 * @param timeoutMs milliseconds that Redis gets for an answer; later it is taken for lost
 */
export function createRedisSessionStore(redis: Redis | Cluster, timeoutMs: number): SessionStore {
  return new RedisSessionStore(redis, timeoutMs);
}

class RedisSessionStore implements SessionStore {
  private readonly redis: Redis | Cluster;
  private readonly patience: Patience;
  private gathering = false;
  /** Why there is no connection: the cause of the faults that follow. */
  private trouble: unknown;

  constructor(redis: Redis | Cluster, timeoutMs: number) {
    this.redis = redis;
    this.patience = createPatience(timeoutMs);
    redis.on('error', (cause: unknown) => {
      this.trouble = cause;
    });
  }

  private unavailable(cause: unknown): Fault {
    return new Fault(
      'SESSION_STORE_UNAVAILABLE',
      this.redis.status === 'ready' ? cause : (this.trouble ?? cause),
    );
  }

  async append(key: SessionKey, expected: Head, entries: readonly StoredEntry[]): Promise<Appended> {
    const args: (string | number)[] = [expected.version, expected.digest];
    for (const { digest, payload } of entries) args.push(digest, payload);
    const reply = await this.run(APPEND, keysOf(key), args);
    if (reply === 1) return { kind: 'appended' };
    return { kind: 'behind', missed: reply === NO_LOG ? NOTHING : readStored(reply) };
  }

  async load(key: SessionKey): Promise<Stored | undefined> {
    const reply = await this.run(LOAD, keysOf(key), []);
    const stored = reply === NO_LOG ? NOTHING : readStored(reply);
    if (stored.snapshot !== undefined || stored.entries.length > 0) return stored;
    const listed = await this.timed(() => this.redis.zscore(listingOf(key.tenant), idMember(key.session)));
    return listed === null ? undefined : stored;
  }

  async snapshot(key: SessionKey, { version, digest, body, mac }: StoredSnapshot): Promise<void> {
    const reply = await this.run(SNAPSHOT, keysOf(key), [version, digest, body, mac]);
    // No fault of the store's: whoever reads this session finds it torn, and the others are well.
    if (reply === NO_LOG) throw new Refusal('session.torn');
  }

  /**
   * The name, the listing and the log live in different slots, so no script spans them. The name is taken first
   * and holds the whole birth until the log is known to have begun: a crash anywhere in between is completed by the next
   * who asks for the name. A name whose birth is done never begins a log again, even if the log is gone.
   */
  async open(birth: Birth, name?: OpenName): Promise<string> {
    if (name === undefined) {
      await this.begin(birth);
      return birth.key.session;
    }
    const { tenant } = birth.key;
    const nameKey = nameKeyOf(tenant, name);
    const mine = JSON.stringify(birth);
    const taken = await this.timed(() => this.redis.set(nameKey, sealed(name, mine), 'NX'));
    // Names are never given back, so the one that was there still is.
    const holder = taken === 'OK' ? mine : await this.holderOf(tenant, name);
    if (holder === undefined) throw new Fault('SESSION_STORE_UNAVAILABLE', 'an open key vanished');
    if (!isBirth(holder)) return holder;
    const begun = JSON.parse(holder) as Birth;
    await this.begin(begun);
    await this.timed(() => this.redis.set(nameKey, sealed(name, begun.key.session)));
    return begun.key.session;
  }

  async find(tenant: string, name: OpenName): Promise<string | undefined> {
    const holder = await this.holderOf(tenant, name);
    return holder === undefined || isBirth(holder) ? undefined : holder;
  }

  /** What a name holds, as one of us wrote it: a birth or a session's id. */
  private async holderOf(tenant: string, name: OpenName): Promise<string | undefined> {
    const held = await this.timed(() => this.redis.get(nameKeyOf(tenant, name)).catch(noLogOrThrow));
    if (held === NO_LOG) throw new Refusal('session.torn');
    return held === null ? undefined : unsealed(name, held);
  }

  async list(tenant: string, limit: number, after?: string): Promise<Listed> {
    const from = `(${after ?? ID_MEMBERS}`;
    const members = await this.timed(() =>
      this.redis.zrevrangebylex(listingOf(tenant), from, '-', 'LIMIT', 0, limit + 1),
    );
    const page = members.slice(0, limit);
    return { sessions: page.map(sessionOfMember), next: members.length > limit ? page.at(-1) : undefined };
  }

  async close(): Promise<void> {
    this.redis.disconnect();
  }

  /** Listed before it begins: a listed session without a log is left out by readers, an unlisted one would be lost. */
  private async begin(birth: Birth): Promise<void> {
    const { tenant, session } = birth.key;
    const members = [0, listingMember(birth), 0, idMember(session)];
    await this.timed(() => this.redis.zadd(listingOf(tenant), ...members));
    // `behind` means that it began already.
    await this.append(birth.key, { version: 0, digest: '' }, [birth.entry]);
  }

  /** What the law answers; NO_LOG when the session's keys hold something that is none. */
  private run(law: Law, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const { sha, lua } = law;
    return this.timed(() => {
      const sent = this.redis.evalsha(sha, keys.length, ...keys, ...args);
      return sent
        .catch((cause: unknown) => {
          // A server that was restarted or never saw the script: it did nothing, so once more in full is no repeat.
          if (!(cause instanceof Error && cause.message.startsWith('NOSCRIPT'))) throw cause;
          return this.redis.eval(lua, keys.length, ...keys, ...args);
        })
        .catch(noLogOrThrow);
    });
  }

  /** Whatever is not an answer in time is a Fault: refused (OOM, READONLY, LOADING, MISCONF, BUSY …), late, or never sent. */
  private timed<T>(send: () => Promise<T>): Promise<T> {
    this.gather();
    const heard = this.bytesHeard();
    return this.patience
      .wait(send(), () => {
        if (this.bytesHeard() === heard) this.hangUp();
      })
      .catch((cause: unknown) => {
        throw this.unavailable(cause);
      });
  }

  /** Commands of one tick leave in one write: a third of this thread's time with sixteen asks in flight otherwise. */
  private gather(): void {
    if (this.gathering || isCluster(this.redis) || this.redis.status !== 'ready') return;
    const { stream } = this.redis;
    this.gathering = true;
    stream.cork();
    process.nextTick(() => {
      this.gathering = false;
      stream.uncork();
    });
  }

  /** What ever came on the connections that there are now: another number once anything comes, or one is made anew. */
  private bytesHeard(): number {
    return this.connections().reduce((sum, { stream }) => sum + (stream?.bytesRead ?? 0), 0);
  }

  /**
   * Nothing came all the while, to anybody: the connection hangs. It is torn down, so that what is queued on it does
   * not grow and late replies are never read; ioredis connects anew. One that is merely slow stays: others wait on it.
   */
  private hangUp(): void {
    for (const { status, stream } of this.connections()) if (status === 'ready') stream?.destroy();
  }

  private connections(): readonly Redis[] {
    return isCluster(this.redis) ? this.redis.nodes('all') : [this.redis];
  }
}

/** In the place of an answer about keys that hold no log: as readers are told of one that is gone. */
const NO_LOG = Symbol('no log');
const NOTHING: Stored = { snapshot: undefined, entries: [] };

/**
 * Somebody's hand put something of another type where a log or its snapshot was, or a snapshot of no version: Redis
 * is well, and says the same of this session for ever, so it is no fault to wait out.
 */
function noLogOrThrow(cause: unknown): typeof NO_LOG {
  if (cause instanceof Error && /\bWRONGTYPE\b|Invalid stream ID|attempt to compare/.test(cause.message))
    return NO_LOG;
  throw cause;
}

function isCluster(redis: Redis | Cluster): redis is Cluster {
  return redis.isCluster;
}

function keysOf(key: SessionKey): [string, string] {
  const log = logName(key);
  return [log, log.replace(/log$/, 'snapshot')];
}

function nameKeyOf(tenant: string, { pep, openKey }: OpenName): string {
  return `assent:{${encode(tenant)}/open/${encode(pep)}/${encode(openKey)}}:session`;
}

/** What a name holds until its log is known to have begun; then it is the session's id. */
function isBirth(holder: string): boolean {
  return holder.startsWith('{');
}

/** A session stands in its tenant's listing twice: by time of opening for pages, and by id to be found. */
function listingOf(tenant: string): string {
  return `assent:{${encode(tenant)}}:sessions`;
}

/** Sorts after every member that begins with a time. */
const ID_MEMBERS = ';';

function idMember(session: string): string {
  return `${ID_MEMBERS}${session}`;
}

function encode(part: string): string {
  return encodeURIComponent(part);
}

/** `[[version, digest, body, mac] or null, [[id, [field, value, …]], …]]`: as the laws in redis-laws.ts answer. */
function readStored(reply: unknown): Stored {
  const [snapshot, rows] = reply as [[string, ...(string | null)[]] | null, [string, string[]][]];
  const entries = rows.map(([id, [, digest = '', , payload = '']]) => ({
    version: Number.parseInt(id, 10),
    digest,
    payload,
  }));
  if (snapshot === null) return { snapshot: undefined, entries };
  const [version, digest, body, mac] = snapshot;
  return {
    snapshot: { version: Number(version), digest: digest ?? '', body: body ?? '', mac: mac ?? '' },
    entries,
  };
}
