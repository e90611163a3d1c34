/** The session's door: who may come in, and who already has an answer. */

import type { Ask } from '../model/ask.ts';
import type { Authority } from '../model/authority.ts';
import type { Caller } from '../model/caller.ts';
import type { Action } from '../model/catalog.ts';
import type { Answer } from '../model/decision.ts';
import { canonicalJson } from '../model/json.ts';
import type { Identity } from '../model/mandate.ts';
import { Refusal } from '../model/refusal.ts';
import { mintedAt } from '../model/request-id.ts';
import type { Session } from '../model/session.ts';
import type { SessionBounds } from './bounds.ts';
import { type AskEntry, decodeEntry } from './entry.ts';
import { answerKey, type Fold, type Kept, of, type Permit } from './fold.ts';
import type { SessionKeys } from './keys.ts';
import type { Lane } from './lane.ts';
import { findPermit } from './permits.ts';
import { toldOf } from './settle.ts';
import { namesAction, viewSession } from './view.ts';

/** An ask as far as the session's door. */
export interface Entrant {
  readonly ask: Ask;
  readonly at: number;
  readonly caller: Caller;
  readonly authority: Authority;
  readonly action: Action;
}

/** What entering looks at. */
export type Entered = Pick<Lane, 'key' | 'log' | 'fold' | 'isCommitted'>;

/** Between the clock that minted an id and ours. */
const CLOCK_SKEW_MS = 60_000;

export interface Door {
  readonly keys: SessionKeys;
  readonly bounds: SessionBounds;
}

/** Fingerprints of one ask, bound to its session. */
export interface Prints {
  /** Of the business act; only effectful actions that name one. */
  readonly identity: string | undefined;
  /** Of action, resource and arguments, and of who asks where for whom; only asks with an operation id. */
  readonly act: string | undefined;
}

/**
 * The session as this ask sees it.
 * @throws Refusal `session.task_closed`, `.suspended`, `.expired`, `.not_yours`, `.operation_changed`, `.contended`;
 * for a request id that was here before also `request.changed`, `request.too_old`, `token.binding`,
 * `authority.exceeded`, `session.duplicate`, `session.operation_unknown`
 */
export function enter(lane: Entered, entrant: Entrant, door: Door): Session {
  const { fold } = lane;
  const { ask, at, authority, action } = entrant;
  admit(fold, entrant);
  const prints = fingerprint(lane, entrant, door.keys);
  const answered = ask.dryRun ? undefined : answerOfRequest(lane, entrant, door);
  const earlier = answered === undefined ? permitOfOperation(fold, ask, prints) : undefined;
  const { name, effectful } = action;
  const { identity } = prints;
  const viewing = { action: name, effectful, at, authority, identity, earlier, answered };
  return viewSession(fold, viewing, door.bounds);
}

function admit(fold: Fold, { at, caller, authority }: Entrant): void {
  const { state, mandate, subject, actor } = fold.now;
  if (state === 'closed') throw new Refusal('session.task_closed');
  if (state === 'suspended') throw new Refusal('session.suspended');
  if (at >= mandate.expiresAt) throw new Refusal('session.expired');
  if (subject !== undefined && !same(subject, caller.subject)) throw new Refusal('session.not_yours');
  // A delegate acts in the session of the agent that its chain starts at.
  const mine = actor === undefined || same(actor, caller.actor) || same(actor, authority.root?.by);
  if (!mine) throw new Refusal('session.not_yours');
}

export function same(a: Identity, b: Identity | undefined): boolean {
  return b !== undefined && a.id === b.id && a.iss === b.iss;
}

/** Both the door and the commit need the prints of an ask: hashed once, they are kept as long as the ask is. */
const printed = new WeakMap<Ask, Prints & { readonly log: string; readonly keys: SessionKeys }>();

export function fingerprint(
  { log }: Pick<Lane, 'log'>,
  { ask, action, caller }: Entrant,
  keys: SessionKeys,
): Prints {
  const before = printed.get(ask);
  if (before?.log === log && before.keys === keys) return before;
  const { identity, effectful, name, resource, policyArgs } = action;
  const named = effectful && identity !== undefined;
  const { subject, actor } = caller;
  const what = (): string =>
    canonicalJson([
      ...[ask.pep.id, subject.iss, subject.id, actor.iss, actor.id],
      ...[name, identity ?? '', resource.type, resource.id, resource.properties],
    ]);
  const prints = {
    log,
    keys,
    identity: named ? keys.fingerprint(log, `identity\n${identity}`) : undefined,
    act: ask.operationId === undefined ? undefined : keys.fingerprint(log, `act\n${what()}\n${policyArgs}`),
  };
  printed.set(ask, prints);
  return prints;
}

/**
 * The permit that this ask's operation has; undefined when it has none, or one that failed.
 * @throws Refusal `session.operation_changed`: the permit is for another act, or somebody else's. Were it given up
 * for the new ask, what it holds would be free while it can still be used.
 */
export function permitOfOperation(fold: Fold, ask: Ask, prints: Prints): Permit | undefined {
  const operation = ask.operationId === undefined ? undefined : fold.operations.get(ask.operationId);
  if (operation === undefined) return undefined;
  const permit = fold.permits.get(operation.decision);
  if (permit?.state === 'failed') return undefined;
  if (operation.act !== prints.act) throw new Refusal('session.operation_changed');
  return permit;
}

/** A retry gets its answer again, or is told why not; an ask that is new gets undefined. */
function answerOfRequest(lane: Entered, entrant: Entrant, door: Door): Answer | undefined {
  const { ask } = entrant;
  const { fold } = lane;
  // By the id alone, so that no retry is answered or not by what else this session happened to keep.
  const minted = mintedAt(ask.requestId);
  if (minted < entrant.at - door.bounds.answerWindowMs - CLOCK_SKEW_MS) throw new Refusal('request.too_old');
  const key = answerKey(ask.pep.id, ask.requestId);
  const kept = fold.answers.get(key);
  if (kept === undefined) {
    const floor = of(fold.now.floors, ask.pep.id);
    // Up to the floor even the ids were forgotten: whether this one was among them can no longer be told.
    const old = floor !== undefined && minted <= floor;
    if (old || fold.spentIds.get(key) !== undefined) throw new Refusal('request.too_old');
    return undefined;
  }
  const entry = readKept(lane, kept, door.keys);
  if (entry.content !== ask.digest) throw new Refusal('request.changed');
  if (!sameCaller(entry, entrant.caller)) throw new Refusal('session.not_yours');
  if (entry.binding !== entrant.caller.binding)
    throw new Refusal('token.binding', {
      problem: 'the first of these asks was bound to another key or certificate',
      ...(entrant.caller.auth.method === 'certificate' ? { bound_to: 'certificate' } : {}),
    });
  if (entry.answer.effect === 'allow') refuseVoid(fold, entry, entrant);
  return replay(lane, kept, entry);
}

/** An allow is given again only while it may be used: within its time and the authority of now, its outcome open. */
function refuseVoid(fold: Fold, { answer, effectful, operation }: AskEntry, entrant: Entrant): void {
  const { authority, action, at } = entrant;
  if (!authority.permits || !namesAction(fold.now.mandate, action.name))
    throw new Refusal('authority.exceeded');
  const [, permit] = findPermit(fold, answer.id);
  if (permit?.state === 'executed' && effectful) throw new Refusal('session.duplicate');
  if (permit?.state === 'unknown' && (effectful || operation !== undefined))
    throw new Refusal('session.operation_unknown', undefined, 'escalate');
  const inTime = answer.expiresAt !== undefined && at < answer.expiresAt;
  // What failed (be it this try alone), what was read, and what was crowded out: whoever still wants it asks anew.
  const isOut = permit?.state === 'permitted' && toldOf(fold, answer.id) === 'nothing';
  if (!isOut || !inTime) throw new Refusal('request.too_old');
}

function readKept(lane: Entered, kept: Kept, keys: SessionKeys): AskEntry {
  // Its own append is under way: what it will answer is not certain yet.
  if (!lane.isCommitted(kept.stored.version)) throw new Refusal('session.contended', undefined, 'throttle');
  const entry = decodeEntry(kept.stored.payload, keys.id);
  if (entry?.kind !== 'ask') throw new TypeError('a kept answer is not an ask');
  return entry;
}

function sameCaller(entry: AskEntry, caller: Caller): boolean {
  return same(entry.subject, caller.subject) && same(entry.actor, caller.actor);
}

function replay(lane: Entered, { stored }: Kept, { answer }: AskEntry): Answer {
  return { ...answer, replayed: true, committed: { session: lane.key.session, ...stored } };
}
