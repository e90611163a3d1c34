/** Allows: what they spend, whom they stand for, and how one takes the place of another. */
import {
  addDecimal,
  compareDecimal,
  type Decimal,
  formatDecimal,
  parseDecimal,
  subtractDecimal,
  ZERO,
} from '../model/decimal.ts';
import type { Consumption } from '../model/decision.ts';
import type { SessionBounds } from './bounds.ts';
import type { AskEntry } from './entry.ts';
import { countedAs, type Fold, of, type Permit } from './fold.ts';
import { deleteIn, setIn, type Undo } from './undo.ts';

interface Granting {
  readonly version: number;
  readonly bounds: SessionBounds;
  readonly undo: Undo;
}

/** An ask was allowed. */
export function grantPermit(fold: Fold, entry: AskEntry, { version, bounds, undo }: Granting): void {
  const { id } = entry.answer;
  const { operation, identity, act, pep } = entry;
  const earlier = earlierOf(fold, entry);
  // Members in the order of their names: snapshots write them so, and need not sort.
  const granted: Permit = {
    action: entry.action,
    asked: version,
    consume: earlier === undefined ? entry.answer.consume : larger(earlier.permit, entry.answer.consume),
    external: entry.class === 'external',
    hops: [...new Set([...(earlier?.permit.hops ?? []), ...entry.hops])],
    identity,
    ...(entry.open === undefined ? {} : { open: entry.open }),
    pep,
    ...(earlier === undefined ? {} : { renews: earlier.id }),
    since: fold.awaited.get(id) ?? version,
    state: earlier?.permit.state ?? 'permitted',
    told: 'nothing',
    ...(entry.unvouched === undefined ? {} : { unvouched: entry.unvouched }),
  };
  if (earlier === undefined) count(fold, entry.action, bounds);
  else {
    release(fold, earlier.permit, undo);
    setIn(fold.permits, earlier.id, { ...earlier.permit, renewedBy: id }, undo);
  }
  hold(fold, granted, undo);
  if (operation !== undefined && act !== undefined)
    setIn(fold.operations, operation, { act, decision: id }, undo);
  if (entry.effectful || operation !== undefined) setIn(fold.permits, id, granted, undo);
  else {
    fold.reads.put(id, granted, undo);
    if (fold.reads.size > bounds.reads) fold.reads.drop(undo);
  }
}

/**
 * The permit whose place a new one takes: the effect of one operation happens once, so it is spent and counted once.
 * Of another act there is none, whatever its operation is called: that one may still take effect by itself.
 */
function earlierOf(fold: Fold, { operation, act }: AskEntry): { id: string; permit: Permit } | undefined {
  const known = operation === undefined ? undefined : fold.operations.get(operation);
  if (known === undefined || known.act !== act) return undefined;
  const permit = fold.permits.get(known.decision);
  return permit !== undefined && isOpen(permit) ? { id: known.decision, permit } : undefined;
}

/** An allow whose effect may yet happen, or may have happened. */
export function isOpen({ state }: Permit): boolean {
  return state === 'permitted' || state === 'unknown';
}

/** Either allow may be the one that takes effect: of each budget, the larger amount is held. */
function larger(earlier: Permit, consume: readonly Consumption[]): readonly Consumption[] {
  const budgets = new Set([...earlier.consume, ...consume].map(({ budget }) => budget));
  return [...budgets].map((budget) => {
    const before = amountOf(earlier.consume, budget);
    const after = amountOf(consume, budget);
    return { budget, amount: formatDecimal(compareDecimal(before, after) > 0 ? before : after) };
  });
}

/** All that is taken from one budget. */
export function amountOf(consume: readonly Consumption[], budget: string): Decimal {
  return consume
    .filter((consumption) => consumption.budget === budget)
    .reduce((sum, { amount }) => addDecimal(sum, parseDecimal(amount) ?? ZERO), ZERO);
}

function count(fold: Fold, action: string, bounds: SessionBounds): void {
  const { counts } = fold.now;
  const name = countedAs(counts, action, bounds.actions);
  fold.now.counts = { ...counts, [name]: (of(counts, name) ?? 0) + 1 };
}

/** Its amounts count as spent, and its business act as done. */
export function hold(fold: Fold, permit: Permit, undo: Undo): void {
  spend(fold, permit, addDecimal, undo);
  const { identity } = permit;
  if (identity !== undefined) setIn(fold.acts, identity, (fold.acts.get(identity) ?? 0) + 1, undo);
}

/** What `hold` did, taken back. */
export function release(fold: Fold, permit: Permit, undo: Undo): void {
  spend(fold, permit, subtractDecimal, undo);
  if (permit.identity === undefined) return;
  const left = (fold.acts.get(permit.identity) ?? 0) - 1;
  if (left > 0) setIn(fold.acts, permit.identity, left, undo);
  else deleteIn(fold.acts, permit.identity, undo);
}

/** What chains together spent of the opening mandate is counted under this name; it is no hop's, which are hashes. */
export const OPENING = 'opening';

/** Whom spending is debited to: every hop of the chain, and what the opening mandate gave to all chains. */
export function debited(hops: readonly string[]): readonly string[] {
  return hops.length === 0 ? hops : [OPENING, ...hops];
}

type Change = (before: Decimal, amount: Decimal) => Decimal;

function spend(fold: Fold, permit: Permit, change: Change, undo: Undo): void {
  if (permit.consume.length === 0) return;
  const sums: Record<string, Decimal> = { ...fold.now.sums };
  for (const { budget, amount } of permit.consume) {
    const value = parseDecimal(amount) ?? ZERO;
    sums[budget] = change(of(sums, budget) ?? ZERO, value);
    for (const hop of debited(permit.hops)) {
      const name = `${hop} ${budget}`;
      setIn(fold.hopSums, name, change(fold.hopSums.get(name) ?? ZERO, value), undo);
    }
  }
  fold.now.sums = sums;
}

/** The permit that was given with this very decision. */
export function permitOf(fold: Fold, decision: string): Permit | undefined {
  return fold.permits.get(decision) ?? fold.reads.get(decision);
}

/** The permit that a decision id leads to, by way of its renewals. */
export function findPermit(fold: Fold, decision: string): readonly [string, Permit | undefined] {
  let id = decision;
  let permit = permitOf(fold, id);
  while (permit?.renewedBy !== undefined) {
    id = permit.renewedBy;
    permit = fold.permits.get(id);
  }
  return [id, permit];
}
