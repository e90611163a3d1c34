import { hash } from 'node:crypto';
import { type KeySet, readKeySet, type VerificationKey } from '../model/key-set.ts';
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
}

const MOST_BYTES = 256 * 1024;
const TIMEOUT_MS = 5_000;
/** Between two tries, whoever asks: unknown kids are free for an attacker to make up. */
const COOLDOWN_MS = 30_000;
/** Past it the next use starts a refetch and goes on with what is there. */
const MAX_AGE_MS = 10 * 60_000;
/** Past it a set that cannot be refreshed is not used any more. */
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

  function usable(at: number): ReadonlyMap<string, VerificationKey> {
    const age = at - set.fetchedAt;
    if (age > MAX_AGE_MS) void refetch(at);
    return age > MAX_AGE_MS + MAX_STALE_MS ? NO_KEYS : set.keys;
  }

  return {
    revision: (at) => (usable(at) === NO_KEYS ? 0 : set.revision),
    find(kid, at) {
      const known = usable(at).get(kid);
      return known ?? refetch(at)?.then(() => usable(at).get(kid));
    },
    close: () => closing.abort(),
  };
}

/** @throws Error when the endpoint does not answer 200 with a body within bounds */
async function download({ url, fetch }: RemoteKeysOptions, closing: AbortSignal): Promise<Uint8Array> {
  const response = await fetch(url, {
    // A redirect would let whoever can plant one choose our keys.
    redirect: 'error',
    headers: { accept: 'application/jwk-set+json, application/json' },
    signal: AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`answered with status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop by a throw cancels the body.
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > MOST_BYTES) throw new Error(`answered with more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** J-24: a private key in a public place, or one meant for something else, is somebody's mistake. */
export function warnDropped(
  { issuer, log }: Pick<RemoteKeysOptions, 'issuer' | 'log'>,
  dropped: KeySet['dropped'],
): void {
  if (dropped.length > 0)
    log.warn({ issuer, dropped: dropped.slice(0, 10) }, 'keys of an issuer were left out');
}
