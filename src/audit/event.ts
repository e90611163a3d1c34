import type { Pep } from '../model/ask.ts';
import { canonicalJson, type JsonObject, quoteJson } from '../model/json.ts';
import { commitTo } from './commitment.ts';
import type { BuildRecord, CommitmentOpening } from './log.ts';

/** Something that was done besides deciding: a session opened or closed, an outcome reported, a policy activated. */
export interface SealedEvent {
  /** `report`, `session.open`, `policy.push` and so on. */
  readonly kind: string;
  readonly pep: Pep;
  /** Unix ms. */
  readonly at: number;
  /** Ids, numbers and codes: neither arguments nor outputs. */
  readonly facts: JsonObject;
  /** More facts, that give away what somebody wrote: each stands as a commitment, unless it is empty. */
  readonly hidden?: Readonly<Record<string, string>>;
}

/** The record of an event: canonical JSON, in the same log and numbering as decisions. */
export function eventRecord({ kind, pep, at, facts, hidden = {} }: SealedEvent, dev: boolean): BuildRecord {
  const openings: CommitmentOpening[] = [];
  const shown = Object.entries(hidden).map(([name, value]) => [name, hide(value, openings)] as const);
  return (index, previous) => ({
    text: canonicalJson({
      facts: { ...facts, ...Object.fromEntries(shown) },
      index,
      kind,
      pep: pep.id,
      previous,
      tenant: pep.tenant,
      ts: at,
      v: 1,
      ...(dev ? { dev } : {}),
    }),
    openings,
  });
}

function hide(value: string, openings: CommitmentOpening[]): string | { readonly commitment: string } {
  if (value === '') return value;
  const opening = commitTo(quoteJson(value));
  openings.push(opening);
  return { commitment: opening.commitment };
}
