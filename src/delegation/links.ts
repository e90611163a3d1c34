import type { OwnCode } from '../model/reason.ts';
import { Refusal } from '../model/refusal.ts';
import type { Hop } from './hop.ts';
import type { Registry } from './registry.ts';

/**
 * Whether the hops are one chain, root first: each names the one before it by its hash and is signed over by
 * the one it was given to, nobody hands on to themselves, and nobody comes back.
 * @throws Refusal `delegation.reordered`, `.parent_missing`, `.spliced`, `.self_issued` or `.looped`
 */
export function checkLinks(hops: readonly Hop[], registry: Registry): void {
  const digests = new Set(hops.map(({ digest }) => digest));
  const passed = new Set<string>();
  for (const [index, hop] of hops.entries()) {
    const before = hops[index - 1];
    const broken =
      before === undefined ? rootFault(hop, digests) : linkFault(hop, before, { digests, registry });
    if (broken !== undefined) throw new Refusal(broken, { hop: index });
    const [from, to] = [registry.agentKey(hop.delegator), registry.agentKey(hop.delegate)];
    if (from === to) throw new Refusal('delegation.self_issued', { hop: index });
    passed.add(from);
    if (passed.has(to)) throw new Refusal('delegation.looped', { hop: index });
  }
}

function rootFault({ parent }: Hop, digests: ReadonlySet<string>): OwnCode | undefined {
  if (parent === undefined) return undefined;
  return digests.has(parent) ? 'delegation.reordered' : 'delegation.parent_missing';
}

function linkFault(
  hop: Hop,
  before: Hop,
  { digests, registry }: { readonly digests: ReadonlySet<string>; readonly registry: Registry },
): OwnCode | undefined {
  const continues = registry.agentKey(hop.delegator) === registry.agentKey(before.delegate);
  // The right parent with somebody else's signature, or a second root: a piece of another chain.
  if (hop.parent === before.digest) return continues ? undefined : 'delegation.spliced';
  if (hop.parent === undefined) return 'delegation.spliced';
  if (digests.has(hop.parent)) return 'delegation.reordered';
  // The right agent under another parent was moved here; the wrong agent lost the hop that led to it.
  return continues ? 'delegation.spliced' : 'delegation.parent_missing';
}
