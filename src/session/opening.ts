/** How a session begins: the first entry of its log, and what chains anchor in. */
import { hash } from 'node:crypto';
import type { Pep } from '../model/ask.ts';
import { canonicalJson, type JsonValue } from '../model/json.ts';
import type { Mandate } from '../model/mandate.ts';
import type { Opening, Seen } from '../model/session.ts';
import { type OpenEntry, packSeen } from './entry.ts';

export interface Beginning {
  readonly pep: Pep;
  readonly mandate: Mandate;
  /** Unix ms. */
  readonly at: number;
  readonly id: string;
  /** The values of the mandate. */
  readonly seen: readonly Seen[];
}

export function entryOf({ pep, mandate, at, id, seen }: Beginning): OpenEntry {
  return { kind: 'open', at, pep: pep.id, id, tenant: pep.tenant, mandate, seen: packSeen(seen) };
}

/** What the first entry of a log opened: the anchor of chains. */
export function openingOf(entry: OpenEntry): Opening {
  const { id, tenant, at, pep, mandate } = entry;
  const anchor = canonicalJson({ mandate, session: id } as unknown as JsonValue);
  return { id, tenant, openedAt: at, pep, mandate, mandateDigest: hash('sha256', anchor, 'base64url') };
}
