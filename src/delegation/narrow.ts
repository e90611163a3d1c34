import { compareDecimal, type Decimal, formatDecimal, parseDecimal } from '../model/decimal.ts';
import { sameIdentity } from '../model/identity.ts';
import type { Mandate } from '../model/mandate.ts';
import { narrows } from '../model/pattern.ts';
import { Refusal } from '../model/refusal.ts';
import type { Hop } from './hop.ts';
import type { Registry } from './registry.ts';

/**
 * Holds each hop against what its delegator had: the root against the opening mandate, the others against their
 * parent, and all against what the delegator is registered for. A hop that does not name a budget leaves it as
 * its parent had it; one that the parent did not have cannot be named.
 * @returns what the hops together leave of each budget that they name, as decimal strings
 * @throws Refusal `delegation.widened`
 */
export function narrowAuthority(
  hops: readonly Hop[],
  mandate: Mandate,
  registry: Registry,
): Readonly<Record<string, string>> {
  checkRoot(hops, mandate, registry);
  let actions = mandate.actions;
  const held = new Map(Object.entries(mandate.limits).map(([budget, text]) => [budget, parseDecimal(text)]));
  const left: Record<string, string> = {};
  for (const [index, hop] of hops.entries()) {
    const registered = registry.find(hop.delegator)?.actions ?? [];
    if (!narrows(hop.actions, actions)) throw widened(index, 'actions of the parent');
    if (!narrows(hop.actions, registered)) throw widened(index, 'registered actions');
    actions = hop.actions;
    for (const [budget, amount] of hop.limits) {
      if (!within(amount, held.get(budget))) throw widened(index, 'limits of the parent');
      held.set(budget, amount);
      left[budget] = formatDecimal(amount);
    }
  }
  return left;
}

/** A mandate that names its actor gave nothing to anybody else. */
function checkRoot([root]: readonly Hop[], { actor }: Mandate, registry: Registry): void {
  if (root === undefined || actor === undefined || sameIdentity(root.delegator, actor)) return;
  if (registry.agentKey(root.delegator) !== registry.agentKey(actor))
    throw widened(0, 'actor of the mandate');
}

function within(amount: Decimal, most: Decimal | undefined): boolean {
  return most !== undefined && compareDecimal(amount, most) <= 0;
}

function widened(hop: number, past: string): Refusal {
  return new Refusal('delegation.widened', { hop, past });
}
