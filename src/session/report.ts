/** What became of an allow, and whose words its output brought. */
import type { Pep } from '../model/ask.ts';
import { Malformed, Refusal } from '../model/refusal.ts';
import type { Allowed, Harvested, Outcome } from '../model/session.ts';
import { appendUntilDone } from './append.ts';
import { packSeen, type ReportEntry, unpackUnvouched } from './entry.ts';
import type { Fold, Permit, Told } from './fold.ts';
import type { Lanes } from './lanes.ts';
import { isLossNew, newWords } from './origins.ts';
import { permitOf } from './permits.ts';
import { isSilent, outcomeOf, toldOf } from './settle.ts';

export interface OutcomeReport {
  readonly pep: Pep;
  readonly sessionId: string;
  readonly decisionId: string;
  readonly outcome: Outcome;
  /** The values of the output, hashed; called once, with what was allowed. */
  readonly harvest: (allowed: Allowed) => Harvested;
  /** The far side's proof that nothing happened; empty: none. */
  readonly failureProof: string;
  /** Unix ms. */
  readonly at: number;
}

/**
 * Enters an outcome and what came with it; the same report again changes nothing. An outcome reported as unknown may
 * be settled by a later report, and one reported as failed that took effect after all counts as executed. Each try of
 * an operation is reported by itself. Of a second output of one allow only somebody else's words are taken, as they may
 * have been read all the same. Resolves with the number of values whose origin is remembered.
 * @throws Refusal `session.unknown`, `.torn`, `.task_closed`, and `.not_yours` for a decision somebody else asked for
 * @throws Malformed for a decision that is no allow of this session, and for an outcome that contradicts what was
 * reported of the same decision
 */
export async function reportOutcome(lanes: Lanes, report: OutcomeReport): Promise<number> {
  const { pep, sessionId, decisionId } = report;
  const lane = await lanes.find({ tenant: pep.tenant, session: sessionId });
  if (permitOf(lane.fold, decisionId) === undefined) await lane.refresh();
  const permit = reportable(lane.fold, report);
  const harvested = report.harvest({
    action: permit.action,
    unvouched: unpackUnvouched(permit.unvouched),
    open: permit.open ?? '',
  });
  let remembered = 0;
  await appendUntilDone(lane, (fold) => {
    const brought = newsOf(fold, report, harvested);
    remembered = new Set(brought?.seen.map(({ hash }) => hash)).size;
    return brought && entryOf(report, brought);
  });
  return remembered;
}

function reportable(fold: Fold, { pep, decisionId }: OutcomeReport): Permit {
  if (fold.now.state === 'closed') throw new Refusal('session.task_closed');
  const permit = permitOf(fold, decisionId);
  if (permit === undefined) throw new Malformed('decision_id', 'is not an allow of this session');
  if (permit.pep !== pep.id) throw new Refusal('session.not_yours');
  return permit;
}

/** What of the report is to be entered; undefined when there is nothing new in it. */
function newsOf(fold: Fold, report: OutcomeReport, harvested: Harvested): Harvested | undefined {
  const { decisionId, outcome } = report;
  const reported = outcomeOf(reportable(fold, report), outcome, report.failureProof);
  const told = toldOf(fold, decisionId);
  if (contradicts(told, reported)) throw new Malformed('outcome', 'was reported otherwise before');
  if (told === 'nothing') return harvested;
  if (told === 'silence') return isSilent(entryOf(report, harvested)) ? undefined : harvested;
  const seen = newWords(fold, decisionId, harvested.seen);
  const isNews = told !== reported || seen.length > 0 || (harvested.lost && isLossNew(fold, decisionId));
  return isNews ? { seen, lost: harvested.lost } : undefined;
}

/** The truth may come after somebody said that it could not: money that was spent must count. */
function contradicts(told: Told, reported: Outcome): boolean {
  return (told === 'executed' && reported !== 'executed') || (told === 'failed' && reported === 'unknown');
}

function entryOf({ at, pep, ...report }: OutcomeReport, { seen, lost }: Harvested): ReportEntry {
  return {
    kind: 'report',
    at,
    pep: pep.id,
    decision: report.decisionId,
    outcome: report.outcome,
    proof: report.failureProof,
    seen: packSeen(seen),
    lost,
  };
}
