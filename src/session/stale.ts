/** A public read in a session whose store is gone: decided by what this replica remembers, and no step of the session. */
import type { Ask } from '../model/ask.ts';
import type { Answer, Verdict } from '../model/decision.ts';
import type { Facts } from '../model/facts.ts';
import { Fault } from '../model/refusal.ts';
import type { Opening } from '../model/session.ts';
import { answerWithoutTrace, type Committing } from './commit.ts';
import type { Lane } from './lane.ts';

/**
 * The opening to go on with where the store failed to say how the session stands: what is remembered of it, or
 * undefined, as for an ask without a session.
 * @throws what the store failed with, where the action is not a public read, or the session is not known here and
 * something hangs on it: a chain, or its being opened
 */
export function openingWithoutStore(
  cause: unknown,
  { ask, stateless, lane }: { ask: Ask; stateless: boolean; lane: Lane | undefined },
): Opening | undefined {
  if (!stateless || !isOfStore(cause)) throw cause;
  if (lane !== undefined) return lane.fold.now.opening;
  if (ask.session.kind !== 'id' || ask.chain.length > 0) throw cause;
  return undefined;
}

/**
 * The answer to a public read that could not be appended. The append may have been applied all the same: then the
 * session holds this very answer.
 * @throws what the store failed with, where the verdict spends something; Fault `DEADLINE_PASSED`
 */
export function answerWithoutStore(
  cause: unknown,
  { facts, verdict, lane, by }: { facts: Facts; verdict: Verdict; lane: Lane; by: Committing },
): Answer {
  if (!isOfStore(cause) || verdict.consume.length > 0) throw cause;
  const { expiresAt, ...answer } = answerWithoutTrace(facts, verdict, by);
  if (expiresAt === undefined) return { ...answer, stale: true };
  return { ...answer, expiresAt: Math.min(expiresAt, lane.fold.now.mandate.expiresAt), stale: true };
}

function isOfStore(cause: unknown): boolean {
  return cause instanceof Fault && cause.reason === 'SESSION_STORE_UNAVAILABLE';
}
