/** Allows on their way from permitted to known: what was told of each, and what became of their operation. */
import type { Outcome } from '../model/session.ts';
import type { ReportEntry } from './entry.ts';
import type { Fold, Permit, Told } from './fold.ts';
import { findPermit, hold, permitOf, release } from './permits.ts';
import { setIn, type Undo } from './undo.ts';

/** What became of an allow was reported: its operation comes to what was told of all its tries, in whatever order. */
export function settlePermit(fold: Fold, entry: ReportEntry, undo: Undo): void {
  const own = permitOf(fold, entry.decision);
  if (own === undefined) return;
  keep(fold, entry.decision, { ...own, told: toldAfter(toldOf(fold, entry.decision), own, entry) }, undo);
  settleOperation(fold, entry.decision, undo);
}

/** Brings the operation that this allow is a try of to what was told of its tries, and what it holds with it. */
export function settleOperation(fold: Fold, decision: string, undo: Undo): void {
  const [id, permit] = findPermit(fold, decision);
  if (permit === undefined) return;
  const state = stateOf(triesOf(fold, id).map((each) => toldOf(fold, each)));
  if (state === permit.state) return;
  if (state === 'failed') release(fold, permit, undo);
  // It was said to be impossible, and may have happened: what was given back is taken again, whatever has been spent since.
  if (permit.state === 'failed') hold(fold, permit, undo);
  keep(fold, id, { ...permit, state }, undo);
}

/**
 * What an operation amounts to. Any of its tries may be the one that takes effect: what it holds is free only when
 * each of them is known to have failed.
 */
export function stateOf(tries: readonly Told[]): Permit['state'] {
  if (tries.includes('executed')) return 'executed';
  if (tries.includes('unknown') || tries.includes('silence')) return 'unknown';
  return tries.includes('nothing') ? 'permitted' : 'failed';
}

/** The decision ids of all allows of one operation, by its latest: that one first. */
export function triesOf(fold: Fold, latest: string): readonly string[] {
  const tries: string[] = [];
  for (let id: string | undefined = latest; id !== undefined; id = permitOf(fold, id)?.renews) tries.push(id);
  return tries;
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
function toldAfter(before: Told, own: Permit, entry: ReportEntry): Told {
  if (before === 'executed') return before;
  return isSilent(entry) ? 'silence' : outcomeOf(own, entry.outcome, entry.proof);
}

/** Whoever does not know what became of an allow may yet learn it, output and all: until then that is awaited. */
export function isSilent({ outcome, seen, lost }: Pick<ReportEntry, 'outcome' | 'seen' | 'lost'>): boolean {
  return outcome === 'unknown' && !lost && Object.values(seen).every((hashes) => hashes === '');
}

/** What was reported of this very allow; in what an earlier build left, of its operation. */
export function toldOf(fold: Fold, decision: string): Told {
  const own = permitOf(fold, decision)?.told;
  if (own !== undefined) return own;
  const [id, permit] = findPermit(fold, decision);
  if (permit === undefined || permit.state === 'permitted') return 'nothing';
  return permit.state === 'unknown' && fold.awaited.has(id) ? 'silence' : permit.state;
}
