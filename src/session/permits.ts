/** Allows on their way from permitted to known: what they spent, whom they stand for, what became of them. */
import { addDecimal, type Decimal, parseDecimal, subtractDecimal, ZERO } from '../model/decimal.ts';
import type { SessionBounds } from './bounds.ts';
import type { AskEntry, ReportEntry } from './entry.ts';
import { answerKey, countedAs, type Fold, of, type Permit } from './fold.ts';
import { deleteIn, setIn, type Undo } from './undo.ts';

/** An ask was allowed. */
export function grantPermit(fold: Fold, entry: AskEntry, bounds: SessionBounds, undo: Undo): void {
  const { id, consume } = entry.answer;
  const { operation, identity, act, pep, hops } = entry;
  // Members in the order of their names: snapshots write them so, and need not sort.
  const granted: Permit = {
    action: entry.action,
    answer: answerKey(pep, entry.request),
    consume,
    external: entry.class === 'external',
    hops,
    identity,
    operation,
    pep,
    state: 'permitted',
  };
  const earlier = operation === undefined ? undefined : fold.operations.get(operation);
  if (earlier !== undefined) renew(fold, earlier.decision, id, undo);
  const name = countedAs(fold.now.counts, entry.action, bounds.actions);
  fold.now.counts = { ...fold.now.counts, [name]: (of(fold.now.counts, name) ?? 0) + 1 };
  spend(fold, granted, addDecimal, undo);
  if (identity !== undefined) setIn(fold.acts, identity, (fold.acts.get(identity) ?? 0) + 1, undo);
  if (operation !== undefined && act !== undefined)
    setIn(fold.operations, operation, { act, decision: id, identity: identity ?? act }, undo);
  if (entry.effectful || operation !== undefined) setIn(fold.permits, id, granted, undo);
  else {
    fold.reads.put(id, granted, undo);
    if (fold.reads.size > bounds.reads) fold.reads.drop(undo);
  }
}

/** A new permit of one operation takes the place of the old: the effect happens once, so it is spent once. */
function renew(fold: Fold, old: string, by: string, undo: Undo): void {
  const permit = fold.permits.get(old);
  if (permit === undefined) return;
  if (permit.state === 'permitted' || permit.state === 'unknown') release(fold, permit, undo);
  setIn(fold.permits, old, { ...permit, renewedBy: by }, undo);
}

function release(fold: Fold, permit: Permit, undo: Undo): void {
  spend(fold, permit, subtractDecimal, undo);
  if (permit.identity === undefined) return;
  const left = (fold.acts.get(permit.identity) ?? 0) - 1;
  if (left > 0) setIn(fold.acts, permit.identity, left, undo);
  else deleteIn(fold.acts, permit.identity, undo);
}

type Change = (before: Decimal, amount: Decimal) => Decimal;

function spend(fold: Fold, permit: Permit, change: Change, undo: Undo): void {
  if (permit.consume.length === 0) return;
  const sums: Record<string, Decimal> = { ...fold.now.sums };
  for (const { budget, amount } of permit.consume) {
    const value = parseDecimal(amount) ?? ZERO;
    sums[budget] = change(of(sums, budget) ?? ZERO, value);
    for (const hop of permit.hops) {
      const name = `${hop} ${budget}`;
      setIn(fold.hopSums, name, change(fold.hopSums.get(name) ?? ZERO, value), undo);
    }
  }
  fold.now.sums = sums;
}

/** What became of an allow was reported; nothing changes when that was settled before. */
export function settlePermit(fold: Fold, entry: ReportEntry, undo: Undo): void {
  const [id, permit] = findPermit(fold, entry.decision);
  if (permit !== undefined) settle(fold, id, permit, entry, undo);
}

function settle(fold: Fold, id: string, permit: Permit, entry: ReportEntry, undo: Undo): void {
  if (permit.state === 'executed' || permit.state === 'failed') return;
  // Money that left the house comes back into a budget only on the far side's word.
  const unproven = entry.outcome === 'failed' && permit.external && entry.proof === '';
  const state = unproven ? 'unknown' : entry.outcome;
  if (state === 'failed') release(fold, permit, undo);
  if (fold.permits.has(id)) setIn(fold.permits, id, { ...permit, state }, undo);
  else fold.reads.put(id, { ...permit, state }, undo);
}

/** The permit that a decision id leads to, by way of its renewals. */
export function findPermit(fold: Fold, decision: string): readonly [string, Permit | undefined] {
  let id = decision;
  let permit = fold.permits.get(id) ?? fold.reads.get(id);
  while (permit?.renewedBy !== undefined) {
    id = permit.renewedBy;
    permit = fold.permits.get(id);
  }
  return [id, permit];
}
