/** Allows on their way from permitted to known: what was told of each, and what became of their operation. */
import type { Outcome } from '../model/session.ts';
import type { ReportEntry } from './entry.ts';
import type { Fold, Permit, Told } from './fold.ts';
import { findPermit, hold, permitOf, release } from './permits.ts';
import { setIn, type Undo } from './undo.ts';

/**
 * What became of an allow was reported: its operation is settled, unless this very allow said the same before. What
 * was executed stays executed, whatever another try of the operation came to.
 */
export function settlePermit(fold: Fold, entry: ReportEntry, undo: Undo): void {
  const own = permitOf(fold, entry.decision);
  const [, permit] = findPermit(fold, entry.decision);
  if (own === undefined || permit === undefined) return;
  const told = toldOf(fold, entry.decision);
  const reported = outcomeOf(permit, entry.outcome, entry.proof);
  const tells = isSilent(entry) ? 'silence' : outcomeAfter(told, reported);
  keep(fold, entry.decision, { ...own, told: tells }, undo);
  // An output that comes late says nothing new of an outcome that nobody knows.
  if (reported !== (told === 'silence' ? 'unknown' : told)) settle(fold, entry.decision, { reported, undo });
}

function settle(fold: Fold, decision: string, { reported, undo }: { reported: Outcome; undo: Undo }): void {
  const [id, permit] = findPermit(fold, decision);
  if (permit === undefined) return;
  const state = outcomeAfter(permit.state, reported);
  if (state === permit.state) return;
  if (state === 'failed') release(fold, permit, undo);
  // It was said to be impossible, and may have happened: what was given back is taken again, whatever has been spent since.
  if (permit.state === 'failed') hold(fold, permit, undo);
  keep(fold, id, { ...permit, state }, undo);
}

function keep(fold: Fold, id: string, permit: Permit, undo: Undo): void {
  if (fold.permits.has(id)) setIn(fold.permits, id, permit, undo);
  else fold.reads.put(id, permit, undo);
}

/** Money that left the house comes back into a budget only on the far side's word. */
export function outcomeOf({ external }: Permit, outcome: Outcome, proof: string): Outcome {
  return outcome === 'failed' && external && proof === '' ? 'unknown' : outcome;
}

/** Nothing takes back that an effect took place. */
function outcomeAfter(before: Permit['state'] | Told, reported: Outcome): Outcome {
  return before === 'executed' ? 'executed' : reported;
}

/** Whoever does not know what became of an allow may yet learn it, output and all: until then that is awaited. */
export function isSilent({ outcome, seen, lost }: Pick<ReportEntry, 'outcome' | 'seen' | 'lost'>): boolean {
  return outcome === 'unknown' && !lost && seen.user === '' && seen.trusted === '' && seen.untrusted === '';
}

/** What was reported of this very allow; in what an earlier build left, of its operation. */
export function toldOf(fold: Fold, decision: string): Told {
  const own = permitOf(fold, decision)?.told;
  if (own !== undefined) return own;
  const [id, permit] = findPermit(fold, decision);
  if (permit === undefined || permit.state === 'permitted') return 'nothing';
  return permit.state === 'unknown' && fold.awaited.has(id) ? 'silence' : permit.state;
}
