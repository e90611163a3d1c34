/** Sessions opened, changed, ended and looked at. Roles are checked before. */
import type { Pep } from '../model/ask.ts';
import type { Mandate } from '../model/mandate.ts';
import { Malformed, Refusal } from '../model/refusal.ts';
import type { Seen } from '../model/session.ts';
import type { SessionVerbs, SessionView } from '../model/verbs.ts';
import { appendUntilDone } from './append.ts';
import { encodeEntry } from './encode.ts';
import { same } from './enter.ts';
import { type LaterEntry, packSeen } from './entry.ts';
import type { Fold } from './fold.ts';
import type { SessionKeys } from './keys.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import { entryOf } from './opening.ts';
import { GENESIS, logName, type OpenName, type SessionStore } from './store.ts';
import { describeSession } from './view.ts';

export interface Opener {
  readonly store: SessionStore;
  readonly lanes: Lanes;
  readonly keys: SessionKeys;
  readonly readMandate: (tenant: string, mandate: Mandate) => readonly Seen[];
  /** See `mintSessionId`. */
  readonly newId: () => string;
}

export interface VerbsOptions extends Opener {
  /** Unix ms. */
  readonly now: () => number;
  readonly reportFault: (cause: unknown) => void;
}

/**
 * Opens a session, or finds the one that its open key already holds; resolves with the id.
 * @throws Refusal `session.torn` for a key whose name was led elsewhere; Fault `SESSION_STORE_UNAVAILABLE`
 */
export function openSession(
  { store, keys, readMandate, newId }: Opener,
  { pep, mandate, openKey, at }: { pep: Pep; mandate: Mandate; openKey: string | undefined; at: number },
): Promise<string> {
  const key = { tenant: pep.tenant, session: newId() };
  const entry = entryOf({ pep, mandate, at, id: key.session, seen: readMandate(pep.tenant, mandate) });
  const payload = encodeEntry(entry, keys.id);
  const digest = keys.sealEntry(logName(key), GENESIS, payload);
  const birth = { key, openedAt: at, entry: { version: 1, digest, payload } };
  return store.open(birth, openKey === undefined ? undefined : openNameOf(keys, pep, openKey));
}

/** The name of an open key, as stores know it. */
export function openNameOf(keys: SessionKeys, { tenant, id }: Pep, openKey: string): OpenName {
  return { pep: id, openKey, seal: (text) => keys.sealName([tenant, id, openKey], text) };
}

export function createVerbs(options: VerbsOptions): SessionVerbs {
  const { store, lanes, readMandate, now, reportFault } = options;

  async function fresh(pep: Pep, id: string): Promise<Lane> {
    const lane = await lanes.find({ tenant: pep.tenant, session: id });
    await lane.refresh();
    return lane;
  }

  async function change(
    pep: Pep,
    id: string,
    make: (fold: Fold) => LaterEntry | undefined,
  ): Promise<SessionView> {
    const lane = await fresh(pep, id);
    await appendUntilDone(lane, make);
    return describeSession(lane.fold);
  }

  return {
    async open(pep, mandate, openKey) {
      const id = await openSession(options, { pep, mandate, openKey, at: now() });
      return describeSession((await fresh(pep, id)).fold);
    },

    async get(pep, id) {
      return describeSession((await fresh(pep, id)).fold);
    },

    async list(pep, page) {
      const after = page.token === '' ? undefined : cursorOf(page.token);
      const listed = await store.list(pep.tenant, page.size, after);
      const views = await Promise.all(
        listed.sessions.map((id) =>
          fresh(pep, id).then(
            (lane) => describeSession(lane.fold),
            (cause: unknown) => {
              // One torn session must not hide the others; a store that fails fails the page.
              if (!(cause instanceof Refusal)) throw cause;
              reportFault(cause);
              return undefined;
            },
          ),
        ),
      );
      const sessions = views.filter((view) => view !== undefined);
      return {
        sessions,
        nextToken: listed.next === undefined ? '' : Buffer.from(listed.next).toString('base64url'),
      };
    },

    amend: (pep, id, mandate) =>
      change(pep, id, (fold) => {
        refuseClosed(fold);
        refuseOtherOwner(fold, mandate);
        const { subject, actor } = fold.now.opening.mandate;
        const amended = { ...mandate, ...(subject && { subject }), ...(actor && { actor }) };
        return {
          kind: 'amend',
          at: now(),
          pep: pep.id,
          mandate: amended,
          seen: packSeen(readMandate(pep.tenant, mandate)),
        };
      }),

    close: (pep, id) =>
      change(pep, id, ({ now: { state, head } }) =>
        state === 'closed'
          ? undefined
          : { kind: 'close', at: now(), pep: pep.id, count: head.version, last: head.digest },
      ),

    suspend: (pep, id, cause) =>
      change(pep, id, (fold) => {
        refuseClosed(fold);
        return fold.now.state === 'suspended'
          ? undefined
          : { kind: 'suspend', at: now(), pep: pep.id, cause };
      }),

    resume: (pep, id) =>
      change(pep, id, (fold) => {
        refuseClosed(fold);
        return fold.now.state === 'open' ? undefined : { kind: 'resume', at: now(), pep: pep.id };
      }),
  };
}

function refuseClosed(fold: Fold): void {
  if (fold.now.state === 'closed') throw new Refusal('session.task_closed');
}

/** Amending never hands a session to somebody else. */
function refuseOtherOwner({ now }: Fold, { subject, actor }: Mandate): void {
  if (subject !== undefined && !same(subject, now.subject)) throw new Refusal('session.not_yours');
  if (actor !== undefined && !same(actor, now.actor)) throw new Refusal('session.not_yours');
}

const CURSOR = /^[0-9]{15}:[A-Za-z0-9_-]{22}$/;

function cursorOf(token: string): string {
  const cursor = Buffer.from(token, 'base64url').toString('latin1');
  if (!CURSOR.test(cursor)) throw new Malformed('page_token', 'is not from an earlier page');
  return cursor;
}
