/**
 * May this actor, for this subject, do this action on this resource, now, given what this session has done?
 * We verify the token, find the session, verify the delegation chain, read the action by the catalog; then
 * enter the session, trace where the arguments came from, ask the policy, hold the floors and commit; and seal
 * a record of whatever came out.
 */
import type { Ask } from './model/ask.ts';
import type { Authority } from './model/authority.ts';
import type { Caller } from './model/caller.ts';
import type { Action } from './model/catalog.ts';
import type { Answer, Decision, Judged, Verdict } from './model/decision.ts';
import type { Facts, Provenance, Trail } from './model/facts.ts';
import { reasonOf } from './model/reason.ts';
import { Fault, Refusal } from './model/refusal.ts';
import type { Opening, Session } from './model/session.ts';

/** What the walk needs of each room. */
export interface Rooms {
  now(): number;
  mintId(at: number): string;
  verifyToken(ask: Ask, at: number): Caller | Promise<Caller>;
  /** Loads (or opens) the session so that entering needs no waiting; undefined for a stateless ask. */
  findSession(ask: Ask, caller: Caller, at: number): Promise<Opening | undefined>;
  readAction(ask: Ask): Action;
  verifyDelegation(
    ask: Ask,
    caller: Caller,
    opening: Opening | undefined,
    at: number,
  ): Authority | Promise<Authority>;
  enterSession(trail: Entering, opening: Opening | undefined): Session | null;
  traceArguments(session: Session | null, action: Action, tenant: string): Provenance;
  evaluatePolicy(facts: Facts): Judged;
  /** The answers that no policy can loosen. */
  holdFloors(facts: Facts, verdict: Verdict): Verdict;
  /** Appends to the session's log; undefined when somebody else acted on the session meanwhile. */
  commit(facts: Facts, verdict: Verdict, judged: Judged | undefined): Promise<Answer | undefined>;
  /** The answer with a cause id, where it is no allow: equal for retries of one cause. */
  nameCause(trail: Trail, answer: Answer): Answer;
  /** After this resolves the answer's record is as durable as configured; where it throws, nothing is answered. */
  seal(trail: Trail, answer: Answer): Promise<Decision>;
  /** An unknown throw became a deny: the cause goes to the log, never to the wire. */
  reportFault(cause: unknown): void;
}

/** A trail as far as the session's door. */
export type Entering = Trail & Required<Pick<Trail, 'caller' | 'authority' | 'action'>>;

/** Races lost before the asker is told to come back later. */
const ATTEMPTS = 64;

export async function decide(ask: Ask, rooms: Rooms): Promise<Decision> {
  const at = rooms.now();
  const trail: Trail = { ask, at, id: rooms.mintId(at) };
  const answer = await walk(trail, rooms).catch((cause: unknown) => refuse(trail, rooms, cause));
  return rooms.seal(trail, rooms.nameCause(trail, answer));
}

async function walk(trail: Trail, rooms: Rooms): Promise<Answer> {
  const { ask, at } = trail;
  trail.caller = await rooms.verifyToken(ask, at);
  const opening = await rooms.findSession(ask, trail.caller, at);
  trail.authority = await rooms.verifyDelegation(ask, trail.caller, opening, at);
  trail.action = rooms.readAction(ask);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const answer = await judge(trail as Entering, opening, rooms);
    if (answer !== undefined) return answer;
    // Somebody else's entries came first: judge again by them. What was judged before must not stand in the record
    // of what comes out now.
    delete trail.judged;
    await rooms.findSession(ask, trail.caller, at);
  }
  throw new Refusal('session.contended', undefined, 'throttle');
}

/** Nothing here awaits before commit: the fold that policy judges is the fold that commit extends. */
function judge(trail: Entering, opening: Opening | undefined, rooms: Rooms): Promise<Answer | undefined> {
  const session = (trail.session = rooms.enterSession(trail, opening));
  if (session?.answered !== undefined) return Promise.resolve(session.answered);
  const provenance = (trail.provenance = rooms.traceArguments(session, trail.action, trail.ask.pep.tenant));
  const facts: Facts = { ...trail, session, provenance };
  try {
    const judged = (trail.judged = rooms.evaluatePolicy(facts));
    return rooms.commit(facts, rooms.holdFloors(facts, judged.verdict), judged);
  } catch (cause) {
    // The session was entered, so this refusal is one of its steps.
    return rooms.commit(facts, verdictOf(rooms, cause), undefined);
  }
}

/** Every way out that is not an answer: an asker's failure or an unknown throw is a deny, a fault of ours goes up. */
function refuse(trail: Trail, rooms: Rooms, cause: unknown): Answer {
  return { id: trail.id, ...verdictOf(rooms, cause) };
}

function verdictOf(rooms: Rooms, cause: unknown): Verdict {
  if (cause instanceof Fault) throw cause;
  if (cause instanceof Refusal)
    return { effect: cause.effect, reasons: [cause.reason], obligations: [], consume: [] };
  rooms.reportFault(cause);
  return { effect: 'deny', reasons: [reasonOf('fault.internal')], obligations: [], consume: [] };
}
