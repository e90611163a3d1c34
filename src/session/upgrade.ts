/** What the snapshots of earlier builds leave out, made again from what they have. */
import { addDecimal, ZERO } from '../model/decimal.ts';
import type { Fold, Permit } from './fold.ts';
import { amountOf, OPENING } from './permits.ts';
import { settleOperation } from './settle.ts';
import { NO_UNDO } from './undo.ts';

/** Changes nothing in a fold of this build. */
export function upgradeFold(fold: Fold): void {
  // First, because what is held again below is debited to the opening mandate as well.
  sumOpening(fold);
  linkTries(fold);
}

/** What chains together spent of the opening mandate was not counted: what their permits hold is. */
function sumOpening(fold: Fold): void {
  const counted = new Set(fold.hopSums.keys());
  for (const [, permit] of [...fold.permits, ...fold.reads.entries()]) {
    if (!isHeld(permit) || permit.hops.length === 0) continue;
    for (const budget of new Set(permit.consume.map((consumption) => consumption.budget))) {
      const name = `${OPENING} ${budget}`;
      if (counted.has(name)) continue;
      fold.hopSums.set(name, addDecimal(fold.hopSums.get(name) ?? ZERO, amountOf(permit.consume, budget)));
    }
  }
}

function isHeld({ state, renewedBy }: Permit): boolean {
  return state !== 'failed' && renewedBy === undefined;
}

/** Tries named only the one after them, and the failure of one freed what the others may still spend. */
function linkTries(fold: Fold): void {
  const linked: string[] = [];
  for (const [id, { renewedBy }] of fold.permits) {
    const later = renewedBy === undefined ? undefined : fold.permits.get(renewedBy);
    if (renewedBy === undefined || later === undefined || later.renews !== undefined) continue;
    fold.permits.set(renewedBy, { ...later, renews: id });
    linked.push(renewedBy);
  }
  for (const id of linked) settleOperation(fold, id, NO_UNDO);
}
