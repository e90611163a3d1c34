/** A verdict becomes a step of the session: drafted, checked once more against what is left, appended. */
import { type CatalogEntry, isForeign } from '../model/catalog.ts';
import type { Answer, Judged, Verdict } from '../model/decision.ts';
import type { Facts } from '../model/facts.ts';
import { Fault, Refusal } from '../model/refusal.ts';
import type { ReadArguments } from '../model/session.ts';
import { type Door, fingerprint, type Prints, permitOfOperation } from './enter.ts';
import { type AskEntry, packUnvouched } from './entry.ts';
import type { Fold } from './fold.ts';
import type { SessionKeys } from './keys.ts';
import type { Lane } from './lane.ts';
import { heardBy, isVouched } from './origins.ts';
import { debited, isOpen } from './permits.ts';
import { originIn } from './sayings.ts';
import { covers, remainingOf } from './view.ts';

export interface Committing extends Door {
  /** Unix ms. */
  readonly now: () => number;
  readonly allowLifetimeMs: number;
  /** What an action's arguments hold that nobody vouched for, hashed. */
  readonly readArguments: ReadArguments;
}

/**
 * The answer to an ask that leaves nothing behind: stateless, or a dry run. A dry run's allow is no permit, so it
 * has neither expiry nor execution key.
 */
export function answerWithoutTrace(facts: Facts, verdict: Verdict, by: Committing): Answer {
  const { ask, id } = facts;
  if (verdict.effect !== 'allow' || ask.dryRun) return { ...verdict, id };
  refuseLate(ask.deadline, by);
  return { ...verdict, id, expiresAt: endOf(facts, by) };
}

/** An allow outlives neither its own time, nor the token, nor any hop of the chain. */
function endOf({ at, caller, authority }: Facts, { allowLifetimeMs }: Committing): number {
  return Math.min(at + allowLifetimeMs, caller.expiresAt, authority.expiresAt);
}

/**
 * Appends the verdict to the session that `facts` was taken from. Resolves with undefined when the session moved
 * on in between: judge again.
 * @throws Fault `DEADLINE_PASSED` for an allow that comes too late
 * @throws Refusal `session.duplicate`, `.operation_unknown`, `.budget` or `.full` for an allow that the session
 * cannot carry; to be committed
 */
export function commitVerdict(
  lane: Lane,
  facts: Facts,
  { verdict, judged, by }: { verdict: Verdict; judged: Judged | undefined; by: Committing },
): Promise<Answer | undefined> {
  const { fold, key } = lane;
  // INVARIANT: the fold that was judged is the fold that is extended.
  if (facts.session?.head.digest !== fold.now.head.digest) return Promise.resolve(undefined);
  const allow = verdict.effect === 'allow';
  const prints = fingerprint(lane, facts, by.keys);
  if (allow) {
    refuseLate(facts.ask.deadline, by);
    refuseUncarried(fold, facts, { verdict, prints, by });
  }
  const answer = draft(lane, facts, verdict, by);
  const entry = entryOf(facts, answer, { fold, judged, prints, by });
  const appended = lane.append(entry, allow ? facts.ask.deadline : Number.POSITIVE_INFINITY);
  return appended.then((stored) =>
    stored === undefined ? undefined : { ...answer, committed: { session: key.session, ...stored } },
  );
}

function refuseLate(deadline: number, { now }: Committing): void {
  if (now() > deadline) throw new Fault('DEADLINE_PASSED');
}

/** What no policy can overdraw or do twice, whatever it forgot to ask. */
function refuseUncarried(
  fold: Fold,
  { ask, action, authority }: Facts,
  { verdict, prints, by: { bounds } }: { verdict: Verdict; prints: Prints; by: Committing },
): void {
  const earlier = permitOfOperation(fold, ask, prints);
  if (earlier?.state === 'executed' && action.effectful) throw new Refusal('session.duplicate');
  if (earlier?.state === 'unknown') throw new Refusal('session.operation_unknown', undefined, 'escalate');
  const open = earlier !== undefined && isOpen(earlier) ? earlier : undefined;
  if (verdict.consume.length > 0 && !covers(remainingOf(fold, authority, open), verdict.consume))
    throw new Refusal('session.budget');
  if (fold.hopSums.size + verdict.consume.length * debited(authority.hops).length > bounds.hopSums)
    throw new Refusal('session.full');
  const lasting = action.effectful || ask.operationId !== undefined;
  if (lasting && fold.permits.size >= bounds.permits) throw new Refusal('session.full');
}

function draft({ fold, log }: Lane, facts: Facts, verdict: Verdict, by: Committing): Answer {
  const { ask, id, action } = facts;
  if (verdict.effect !== 'allow')
    return { ...verdict, id, causeId: by.keys.causeId(log, action.name, verdict.reasons[0]?.code ?? '') };
  const expiresAt = Math.min(fold.now.mandate.expiresAt, endOf(facts, by));
  if (!action.effectful) return { ...verdict, id, expiresAt };
  // An operation keeps its key whoever retries it; without one the request is the effect.
  const effect =
    ask.operationId === undefined
      ? `request\n${ask.pep.id}\n${ask.requestId}`
      : `operation\n${ask.operationId}`;
  return { ...verdict, id, expiresAt, executionKey: by.keys.executionKey(log, effect) };
}

function entryOf(
  facts: Facts,
  answer: Answer,
  { fold, judged, prints, by }: { fold: Fold; judged: Judged | undefined; prints: Prints; by: Committing },
): AskEntry {
  const { ask, at, caller, action, authority } = facts;
  return {
    kind: 'ask',
    at,
    pep: ask.pep.id,
    request: ask.requestId,
    content: ask.digest,
    action: action.name,
    class: action.class,
    effectful: action.effectful,
    subject: caller.subject,
    actor: caller.actor,
    owner: authority.root?.by ?? caller.actor,
    hops: authority.hops,
    answer,
    ...(answer.effect === 'allow' ? ofAllow(fold, facts, by) : {}),
    ...(caller.binding === undefined ? {} : { binding: caller.binding }),
    ...(ask.operationId === undefined ? {} : { operation: ask.operationId }),
    ...(prints.identity === undefined ? {} : { identity: prints.identity }),
    ...(prints.act === undefined ? {} : { act: prints.act }),
    ...(judged === undefined ? {} : judgedBy(judged, by.keys)),
  };
}

/** Whose words an allow may bring back. */
function ofAllow(
  fold: Fold,
  { ask, action }: Facts,
  by: Committing,
): Pick<AskEntry, 'foreign' | 'open' | 'unvouched'> {
  const heard = heardBy(fold);
  const argued = by.readArguments(ask.pep.tenant, action, {
    isVouched: (hash) => isVouched(heard, hash),
    originOf: (hash) => originIn(heard, hash, () => []),
    mandate: fold.now.mandate,
  });
  const unvouched = packUnvouched(argued);
  return {
    ...(bringsForeign(action.entry) ? { foreign: true as const } : {}),
    ...(argued.open === '' ? {} : { open: argued.open }),
    ...(unvouched === undefined ? {} : { unvouched }),
  };
}

function bringsForeign({ output }: CatalogEntry): boolean {
  return isForeign(output.default) || [...output.fields.values()].some(isForeign);
}

function judgedBy(
  judged: Judged,
  keys: SessionKeys,
): Pick<AskEntry, 'input' | 'revision' | 'activation' | 'data'> & object {
  return {
    input: keys.digestInput(judged.input),
    revision: judged.revision,
    activation: judged.activation,
    data: judged.dataVersion,
  };
}
