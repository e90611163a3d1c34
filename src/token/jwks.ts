import { hash } from 'node:crypto';
import { type KeySet, readKeySet, type VerificationKey } from '../model/key-set.ts';
import { Fault } from '../model/refusal.ts';
import { download } from './download.ts';
import type { IssuerKeys } from './keys.ts';

/** As pino has it; never given a token, a key or an answer's bytes. */
export interface KeyLog {
  warn(details: Readonly<Record<string, unknown>>, words: string): void;
}

export interface RemoteKeysOptions {
  readonly issuer: string;
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  readonly log: KeyLog;
  /** Asks that may wait at once for a key that is not known. */
  readonly mostWaiting: number;
}

/** Between two tries, whoever asks: unknown kids are free for an attacker to make up. */
const COOLDOWN_MS = 30_000;
/** Past it the next use starts a refetch and goes on with what is there: a set in steady use gets no older. */
const REFRESH_MS = 9 * 60_000;
/** Past it a set is refreshed before it is used, unless that was tried lately. */
const MAX_AGE_MS = 10 * 60_000;
/** Longer than the cooldown, so that whoever must try may. */
const LATELY_MS = 60_000;
/** How long the users of a set past its age wait, before they go on with what is there. */
const REFRESH_WAIT_MS = 500;
/** Past it, and its age, a set that cannot be refreshed is not used any more. */
const MAX_STALE_MS = 60 * 60_000;

const NO_KEYS: ReadonlyMap<string, VerificationKey> = new Map();

/**
 * Keys of an issuer by its JWKS URL: one refetch at a time, never from a redirect, of bounded size and time,
 * and used for a bounded time when the endpoint is gone. Time is what the asks say it is.
 */
export function createRemoteKeys(options: RemoteKeysOptions): IssuerKeys {
  const closing = new AbortController();
  let set = { keys: NO_KEYS, digest: '', revision: 0, fetchedAt: Number.NEGATIVE_INFINITY };
  let triedAt = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;
  /** What the users of a set past its age wait for. */
  let refreshed: Promise<unknown> | undefined;
  let waiting = 0;

  async function load(at: number): Promise<void> {
    try {
      const bytes = await download(options, closing.signal);
      const { keys, dropped } = readKeySet(bytes);
      warnDropped(options, dropped);
      const digest = hash('sha256', bytes, 'base64url');
      const revision = digest === set.digest ? set.revision : set.revision + 1;
      set = { keys, digest, revision, fetchedAt: at };
    } catch (cause) {
      // What is there stays in use for its bounded time; an unknown kid stays unknown.
      options.log.warn({ issuer: options.issuer, err: cause }, 'keys of an issuer could not be fetched');
    }
  }

  function refetch(at: number): Promise<void> | undefined {
    if (underWay !== undefined) return underWay;
    if (closing.signal.aborted || at - triedAt < COOLDOWN_MS) return undefined;
    triedAt = at;
    underWay = load(at).finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  /** Undefined: the set may be used as it is. */
  function refresh(at: number): Promise<unknown> | undefined {
    const age = at - set.fetchedAt;
    // Nobody has looked for so long that a key may have been withdrawn unnoticed.
    const overdue = age > MAX_AGE_MS && at - triedAt > LATELY_MS;
    const trying = age > REFRESH_MS ? refetch(at) : undefined;
    if (overdue && trying !== undefined)
      refreshed ??= endsWithin(trying, REFRESH_WAIT_MS).finally(() => {
        refreshed = undefined;
      });
    return refreshed;
  }

  function usable(at: number): ReadonlyMap<string, VerificationKey> {
    return at - set.fetchedAt > MAX_AGE_MS + MAX_STALE_MS ? NO_KEYS : set.keys;
  }

  /** @throws Fault when `ms` pass before the refetch under way ends */
  async function awaitRefetch(trying: Promise<void>, ms: number): Promise<void> {
    waiting += 1;
    try {
      if (!(await endsWithin(trying, ms))) throw new Fault('DEADLINE_PASSED');
    } finally {
      waiting -= 1;
    }
  }

  return {
    prepare: async (at) => refetch(at),
    revision: (at) => (refresh(at) === undefined && usable(at) !== NO_KEYS ? set.revision : undefined),
    find(kid, at, deadline) {
      const refreshing = refresh(at);
      const known = usable(at).get(kid);
      if (known !== undefined) return refreshing?.then(() => usable(at).get(kid)) ?? known;
      const trying = refetch(at);
      // Who waits holds a place among all asks, and whoever makes up kids must not get all of them.
      if (trying === undefined || waiting >= options.mostWaiting) return undefined;
      return awaitRefetch(trying, deadline - at).then(() => usable(at).get(kid));
    },
    close: () => closing.abort(),
  };
}

/** Resolves when `work` has ended or `ms` have passed, with whether it has ended. */
function endsWithin(work: Promise<void>, ms: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms, false);
    work.finally(() => clearTimeout(timer)).then(() => resolve(true), reject);
  });
}

/** J-24: a private key in a public place, or one meant for something else, is somebody's mistake. */
export function warnDropped(
  { issuer, log }: Pick<RemoteKeysOptions, 'issuer' | 'log'>,
  dropped: KeySet['dropped'],
): void {
  if (dropped.length > 0)
    log.warn({ issuer, dropped: dropped.slice(0, 10) }, 'keys of an issuer were left out');
}
