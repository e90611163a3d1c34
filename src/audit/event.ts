import type { Pep } from '../model/ask.ts';
import { canonicalJson, type JsonObject } from '../model/json.ts';
import type { BuildRecord } from './log.ts';

/** Something that was done besides deciding: a session opened or closed, an outcome reported, a policy activated. */
export interface SealedEvent {
  /** `report`, `session.open`, `policy.push` and so on. */
  readonly kind: string;
  readonly pep: Pep;
  /** Unix ms. */
  readonly at: number;
  /** Ids, numbers and codes: neither arguments nor outputs. */
  readonly facts: JsonObject;
}

/** The record of an event: canonical JSON, in the same log and numbering as decisions. */
export function eventRecord({ kind, pep, at, facts }: SealedEvent, dev: boolean): BuildRecord {
  return (index, previous) => ({
    text: canonicalJson({
      facts,
      index,
      kind,
      pep: pep.id,
      previous,
      tenant: pep.tenant,
      ts: at,
      v: 1,
      ...(dev ? { dev } : {}),
    }),
    openings: [],
  });
}
