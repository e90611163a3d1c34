/** What became of an allow, and whose words its output brought. */
import type { Pep } from '../model/ask.ts';
import { Malformed, Refusal } from '../model/refusal.ts';
import type { Harvested, Outcome, Unvouched } from '../model/session.ts';
import { appendUntilDone } from './append.ts';
import { packSeen, unpackUnvouched } from './entry.ts';
import type { Fold, Permit } from './fold.ts';
import type { Lanes } from './lanes.ts';
import { findPermit } from './permits.ts';

export interface OutcomeReport {
  readonly pep: Pep;
  readonly sessionId: string;
  readonly decisionId: string;
  readonly outcome: Outcome;
  /** The values of the output, hashed; called once, with the action that the decision allowed and what it asked with. */
  readonly harvest: (action: string, unvouched: Unvouched) => Harvested;
  /** The far side's proof that nothing happened; empty: none. */
  readonly failureProof: string;
  /** Unix ms. */
  readonly at: number;
}

/**
 * Enters an outcome into the session, once; the same report again changes nothing. An outcome reported as unknown may
 * be settled by a later report, and one reported as failed that took effect after all counts as executed. Resolves with the number of values whose origin is
 * remembered: none for a report that changed nothing.
 * @throws Refusal `session.unknown`, `.torn`, `.task_closed`, and `.not_yours` for a decision somebody else asked for
 * @throws Malformed for a decision that is no allow of this session, and for an outcome that contradicts an earlier one
 */
export async function reportOutcome(lanes: Lanes, report: OutcomeReport): Promise<number> {
  const { pep, decisionId, outcome, failureProof, at } = report;
  const lane = await lanes.find({ tenant: pep.tenant, session: report.sessionId });
  if (findPermit(lane.fold, decisionId)[1] === undefined) await lane.refresh();
  const permit = permitOf(lane.fold, report);
  const { seen, lost } = report.harvest(permit.action, unpackUnvouched(permit.unvouched));
  let entered = false;
  await appendUntilDone(lane, (fold) => {
    entered = awaits(fold, report, seen.length > 0 || lost);
    if (!entered) return undefined;
    return {
      kind: 'report',
      at,
      pep: pep.id,
      decision: decisionId,
      outcome,
      proof: failureProof,
      seen: packSeen(seen),
      lost,
    };
  });
  return entered ? new Set(seen.map(({ hash }) => hash)).size : 0;
}

function permitOf(fold: Fold, { pep, decisionId }: OutcomeReport): Permit {
  if (fold.now.state === 'closed') throw new Refusal('session.task_closed');
  const [, permit] = findPermit(fold, decisionId);
  if (permit === undefined) throw new Malformed('decision_id', 'is not an allow of this session');
  if (permit.pep !== pep.id) throw new Refusal('session.not_yours');
  return permit;
}

/** False when this very report was made before; `brings`: it has an output, which may have been missing then. */
function awaits(fold: Fold, report: OutcomeReport, brings: boolean): boolean {
  const permit = permitOf(fold, report);
  if (permit.state === 'permitted') return true;
  if (permit.state === stateAfter(permit, report.outcome, report.failureProof))
    return brings && fold.awaited.has(findPermit(fold, report.decisionId)[0]);
  if (permit.state === 'unknown') return true;
  // The truth may come after somebody said that it could not: money that was spent must count.
  if (permit.state === 'failed' && report.outcome === 'executed') return true;
  throw new Malformed('outcome', 'was reported otherwise before');
}

function stateAfter({ external }: Permit, outcome: Outcome, proof: string): Outcome {
  return outcome === 'failed' && external && proof === '' ? 'unknown' : outcome;
}
