/** Which task is this, what has been done in it, and did nobody else act on it meanwhile? */
import type { Ask } from '../model/ask.ts';
import type { Caller } from '../model/caller.ts';
import type { Answer, Judged, Verdict } from '../model/decision.ts';
import type { Facts, Trail } from '../model/facts.ts';
import type { Mandate } from '../model/mandate.ts';
import { Fault, Refusal } from '../model/refusal.ts';
import type { Opening, ReadArguments, Seen, Session } from '../model/session.ts';
import type { SessionVerbs } from '../model/verbs.ts';
import { createOpenIfAbsent } from './absent.ts';
import { DEFAULT_BOUNDS, type SessionBounds } from './bounds.ts';
import { nameCause } from './cause.ts';
import { answerWithoutTrace, type Committing, commitVerdict } from './commit.ts';
import { type Entrant, enter } from './enter.ts';
import { answerKey, type Fold, type JudgedBy } from './fold.ts';
import { createSessionKeys } from './keys.ts';
import type { Lane } from './lane.ts';
import { createLanes, type Lanes } from './lanes.ts';
import { type OutcomeReport, reportOutcome } from './report.ts';
import { mintSessionId } from './session-id.ts';
import { answerWithoutStore, openingWithoutStore } from './stale.ts';
import type { SessionStore } from './store.ts';
import { createVerbs } from './verbs.ts';

export interface SessionRoomOptions {
  readonly store: SessionStore;
  /** At least 32 secret bytes, equal on all replicas and unknown to the store. */
  readonly fleetKey: Buffer;
  readonly keyId: string;
  /** Unix ms. */
  readonly now: () => number;
  /** The values of a mandate's purpose and declared values, hashed: they are the user's. */
  readonly readMandate: (tenant: string, mandate: Mandate) => readonly Seen[];
  /** What an action's arguments hold that nobody vouched for, hashed. */
  readonly readArguments: ReadArguments;
  /** Whether the catalog calls the action a public read, good without a session. */
  readonly isStateless: (action: string) => boolean;
  /** Another replica may have decided in the session by a newer policy than the one in force here. */
  readonly policy: {
    isOlderThan(judgedBy: JudgedBy): boolean;
    /** Follows the newest; never rejects, and does not wait for ever. */
    catchUp(): Promise<void>;
  };
  /** Something failed beside any ask. */
  readonly reportFault: (cause: unknown) => void;
  /** Folds held in memory. */
  readonly maxSessions?: number;
  /** Roughly; the sessions asked about longest ago are read again when they are needed. */
  readonly maxBytes?: number;
  readonly allowLifetimeMs?: number;
  readonly snapshotEvery?: number;
  readonly bounds?: SessionBounds;
}

export interface SessionRoom {
  /**
   * Loads (or opens) the session of an ask; undefined for a stateless one. A dry run opens none: where there is none
   * yet, it goes on with one that only it sees. While the store is gone, a public read goes on with the session as it
   * was last known here, or as a stateless ask. A policy older than the session's catches up here.
   * @throws Refusal `session.unknown`, `session.torn`, `session.expired` for a mandate that is over before there is a
   * session; Fault `SESSION_STORE_UNAVAILABLE`
   */
  findSession(ask: Ask, caller: Caller, at: number): Promise<Opening | undefined>;
  /**
   * The session as it is now; null for a stateless ask. Throws what `enter` throws, `session.required`, `session.torn`;
   * Fault `POLICY_BEHIND` for an ask to be judged by an older policy than one before it.
   */
  enterSession(entrant: Entrant, opening: Opening | undefined): Session | null;
  /** Appends the verdict; undefined when somebody else acted on the session meanwhile. See `commitVerdict`. */
  commit(facts: Facts, verdict: Verdict, judged: Judged | undefined): Promise<Answer | undefined>;
  /** The answer with a cause id, where it is no allow and its commit gave it none. See `nameCause`. */
  nameCause(trail: Trail, answer: Answer): Answer;
  /** What became of an allow; resolves with the number of values remembered. See `reportOutcome`. */
  report(report: OutcomeReport): Promise<number>;
  readonly verbs: SessionVerbs;
  close(): Promise<void>;
}

export const DEFAULT_MAX_SESSIONS = 10_000;
export const DEFAULT_MAX_BYTES: number = 256 * 1024 * 1024;
export const DEFAULT_ALLOW_LIFETIME_MS = 30_000;
export const DEFAULT_SNAPSHOT_EVERY = 64;

export function createSessionRoom(options: SessionRoomOptions): SessionRoom {
  const { store, now, policy, readMandate, readArguments, reportFault } = options;
  const keys = createSessionKeys(options.fleetKey, options.keyId);
  const bounds = options.bounds ?? DEFAULT_BOUNDS;
  const lanes = createLanes({
    store,
    keys,
    bounds,
    now,
    reportFault,
    maxSessions: options.maxSessions ?? DEFAULT_MAX_SESSIONS,
    maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
    snapshotEvery: options.snapshotEvery ?? DEFAULT_SNAPSHOT_EVERY,
  });
  const by: Committing = {
    keys,
    bounds,
    now,
    readArguments,
    allowLifetimeMs: options.allowLifetimeMs ?? DEFAULT_ALLOW_LIFETIME_MS,
  };
  const opener = { store, lanes, keys, readMandate, newId: mintSessionId };
  const absent = createOpenIfAbsent(opener, by);

  return {
    async findSession(ask, _caller, at) {
      const { pep, session } = ask;
      if (session.kind === 'none') return undefined;
      const found = session.kind === 'id' ? session.id : await absent.find(ask, session, at);
      if (typeof found !== 'string') return found;
      const key = { tenant: pep.tenant, session: found };
      try {
        const lane = await lanes.find(key);
        if (needsRefresh(ask, lane.fold, at)) await lane.refresh();
        if (policy.isOlderThan(lane.fold.now.judgedBy)) await policy.catchUp();
        return lane.fold.now.opening;
      } catch (cause) {
        const stateless = options.isStateless(ask.action);
        return openingWithoutStore(cause, { ask, stateless, lane: lanes.known(key) });
      }
    },

    enterSession(entrant, opening) {
      if (opening === undefined) {
        if (entrant.action.stateless) return null;
        throw new Refusal('session.required');
      }
      const entered = absent.draftOf(opening) ?? laneOf(lanes, opening, entrant.action);
      const session = enter(entered, entrant, by);
      // It did not catch up, or the session moved on since: an answer given before needs no policy.
      if (session.answered === undefined && policy.isOlderThan(entered.fold.now.judgedBy))
        throw new Fault('POLICY_BEHIND', 'another replica decided by a newer one');
      return session;
    },

    commit(facts, verdict, judged) {
      const { ask, session, action } = facts;
      if (session === null) {
        const answer = answerWithoutTrace(facts, verdict, by);
        return Promise.resolve(ask.session.kind === 'none' ? answer : { ...answer, stale: true });
      }
      if (ask.dryRun) {
        const lane = lanes.known({ tenant: ask.pep.tenant, session: session.id });
        const answer = answerWithoutTrace(facts, verdict, by);
        return Promise.resolve(lane?.stale === true ? { ...answer, stale: true } : answer);
      }
      const lane = laneOf(lanes, { tenant: ask.pep.tenant, id: session.id }, action);
      const committed = commitVerdict(lane, facts, { verdict, judged, by });
      if (!action.stateless) return committed;
      return committed.catch((cause: unknown) => answerWithoutStore(cause, { facts, verdict, lane, by }));
    },

    nameCause: (trail, answer) => nameCause(trail, answer, keys),
    report: (report) => reportOutcome(lanes, report),
    verbs: createVerbs({ ...opener, now, reportFault }),
    close: () => store.close(),
  };
}

/** Entering does not wait, so the session must have been found just before. */
function laneOf(
  lanes: Lanes,
  { tenant, id }: { readonly tenant: string; readonly id: string },
  { stateless }: { readonly stateless: boolean },
): Lane {
  const lane = lanes.known({ tenant, session: id });
  if (lane?.torn === true) throw new Refusal('session.torn');
  // Lost an answer since, or crowded out of memory: whoever asks again reads it anew.
  if (lane === undefined || (lane.stale && !stateless))
    throw new Fault('SESSION_STORE_UNAVAILABLE', 'the session must be read again');
  return lane;
}

/**
 * An ask that will append learns by its append what it missed. One that may be answered from memory, or refused
 * for a state that may have been lifted elsewhere, has to look first.
 */
function needsRefresh(ask: Ask, { now, answers, operations }: Fold, at: number): boolean {
  if (now.state === 'closed') return false;
  if (ask.dryRun || now.state === 'suspended' || at >= now.mandate.expiresAt) return true;
  if (answers.get(answerKey(ask.pep.id, ask.requestId)) !== undefined) return true;
  return ask.operationId !== undefined && operations.get(ask.operationId) !== undefined;
}
