/** The sessions that this replica knows. */
import { LRUCache } from 'lru-cache';
import { Refusal } from '../model/refusal.ts';
import type { SessionBounds } from './bounds.ts';
import type { Fold } from './fold.ts';
import type { SessionKeys } from './keys.ts';
import { Lane } from './lane.ts';
import { logName, type SessionKey, type SessionStore } from './store.ts';
import { unfold } from './unfold.ts';

export interface LanesOptions {
  readonly store: SessionStore;
  readonly keys: SessionKeys;
  readonly bounds: SessionBounds;
  readonly now: () => number;
  readonly reportFault: (cause: unknown) => void;
  readonly maxSessions: number;
  readonly maxBytes: number;
  readonly snapshotEvery: number;
}

export interface Lanes {
  /**
   * The session, from memory or from the store, in order and not stale.
   * @throws Refusal `session.unknown`, `session.torn`; Fault `SESSION_STORE_UNAVAILABLE`
   */
  find(key: SessionKey): Promise<Lane>;
  /** The session, if it is in memory. */
  known(key: SessionKey): Lane | undefined;
}

/** Base64url, minted before with a leading `-` too. Anything else is no id of ours, and names no key. */
const SESSION_ID = /^[A-Za-z0-9_-]{22}$/;

/** Torn sessions remembered after they left memory, so that a shortened log is not believed the second time. */
const TORN_REMEMBERED = 65_536;

/** A session is weighed again when it has grown by a quarter. */
const GROWTH = 1.25;

export function createLanes(options: LanesOptions): Lanes {
  const { store, keys, bounds } = options;
  const lanes = new LRUCache<string, Lane>({
    max: options.maxSessions,
    maxSize: options.maxBytes,
    sizeCalculation: weigh,
    dispose: (lane, name) => {
      if (lane.torn) torn.set(name, true);
    },
  });
  /** What each session was last counted with. */
  const weighed = new WeakMap<Lane, number>();
  const torn = new LRUCache<string, true>({ max: TORN_REMEMBERED });
  const loading = new Map<string, Promise<Lane>>();

  function weigh(lane: Lane): number {
    const weight = Math.ceil(lane.weight);
    weighed.set(lane, weight);
    return weight;
  }

  async function load(key: SessionKey, name: string): Promise<Lane> {
    const stored = await store.load(key);
    if (stored === undefined) throw new Refusal('session.unknown');
    const reading = { log: logName(key), keys, bounds };
    const fold: Fold | undefined = unfold(stored, reading);
    if (fold === undefined) throw new Refusal('session.torn');
    const lane = new Lane(key, fold, { ...options, reading });
    lanes.set(name, lane);
    return lane;
  }

  return {
    known: (key) => lanes.get(nameOf(key)),

    async find(key) {
      if (!SESSION_ID.test(key.session)) throw new Refusal('session.unknown');
      const name = nameOf(key);
      const lane = lanes.get(name);
      if (lane !== undefined) {
        if (lane.torn) throw new Refusal('session.torn');
        if (lane.weight > GROWTH * (weighed.get(lane) ?? 0)) {
          // The cache weighs what is new to it only.
          lanes.delete(name);
          lanes.set(name, lane);
        }
        if (lane.stale) await lane.refresh();
        return lane;
      }
      if (torn.has(name)) throw new Refusal('session.torn');
      // One read for all who ask at once; each of them sees its failure.
      let under = loading.get(name);
      if (under === undefined) {
        under = load(key, name).finally(() => loading.delete(name));
        loading.set(name, under);
      }
      return under;
    },
  };
}

/** Ids hold no slash, so no two keys have one name; cheaper than the log's name, which is escaped. */
function nameOf({ tenant, session }: SessionKey): string {
  return `${session}/${tenant}`;
}
