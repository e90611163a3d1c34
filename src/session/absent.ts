/** Open if absent: the session that a key holds, opened where it has none; for a dry run, one that only it sees. */
import { LRUCache } from 'lru-cache';
import type { Ask, Pep, SessionRef } from '../model/ask.ts';
import { Refusal } from '../model/refusal.ts';
import type { Opening } from '../model/session.ts';
import { beginFold } from './apply.ts';
import type { Door, Entered } from './enter.ts';
import { entryOf } from './opening.ts';
import { notDashed } from './session-id.ts';
import { GENESIS, logName } from './store.ts';
import { type Opener, openNameOf, openSession } from './verbs.ts';

export type OpenRef = Extract<SessionRef, { kind: 'open' }>;

export interface OpenIfAbsent {
  /**
   * The id of the session, or the opening of a draft: nothing of a draft is stored or listed, its key stays free, and
   * it ends with its opening.
   * @throws Refusal `session.unknown` without the role to open, `session.expired` for a mandate that is over before
   * there is a session, `session.torn` for a key whose name was led elsewhere; Fault `SESSION_STORE_UNAVAILABLE`
   */
  find(ask: Ask, ref: OpenRef, at: number): Promise<string | Opening>;
  /** The draft that was begun with this very opening. */
  draftOf(opening: Opening): Entered | undefined;
}

const KEYS_REMEMBERED = 10_000;
/** Characters of a session id, base64url. */
const ID_LENGTH = 22;

export function createOpenIfAbsent(opener: Opener, { keys, bounds }: Door): OpenIfAbsent {
  const { store, readMandate } = opener;
  const opened = new LRUCache<string, string>({ max: KEYS_REMEMBERED });
  const drafts = new WeakMap<Opening, Entered>();

  /** Its head is the one before any entry. */
  function draft(pep: Pep, { key: openKey, mandate }: OpenRef, at: number): Opening {
    const { tenant } = pep;
    // The same for every dry run of the key, so that retries of one cause have one cause id.
    const print = keys.fingerprint('draft', `${tenant}\n${pep.id}\n${openKey}`);
    const id = notDashed(print.slice(0, ID_LENGTH));
    const key = { tenant, session: id };
    const entry = entryOf({ pep, mandate, at, id, seen: readMandate(tenant, mandate) });
    const fold = beginFold(entry, { ...GENESIS, payload: '' }, bounds);
    drafts.set(fold.now.opening, { key, log: logName(key), fold, isCommitted: () => false });
    return fold.now.opening;
  }

  return {
    async find({ pep, dryRun }, ref, at) {
      const { key: openKey, mandate } = ref;
      const name = `${pep.tenant}\n${pep.id}\n${openKey}`;
      const known = opened.get(name);
      if (known !== undefined) return known;
      if (!pep.roles.has('opener')) throw new Refusal('session.unknown');
      const over = at >= mandate.expiresAt;
      // Neither a dry run nor a mandate that is over may take the key; whose it is already, they may ask.
      const id =
        dryRun || over
          ? await store.find(pep.tenant, openNameOf(keys, pep, openKey))
          : await openSession(opener, { pep, mandate, openKey, at });
      if (id !== undefined) opened.set(name, id);
      else if (over) throw new Refusal('session.expired');
      return id ?? draft(pep, ref, at);
    },
    draftOf: (opening) => drafts.get(opening),
  };
}
