import { hash } from 'node:crypto';
import { canonicalJson, type JsonValue } from '../model/json.ts';
import type { Opening } from '../model/session.ts';
import type { OpenEntry } from './entry.ts';

/** What the first entry of a log opened: the anchor of chains. */
export function openingOf(entry: OpenEntry): Opening {
  const { id, tenant, at, pep, mandate } = entry;
  const anchor = canonicalJson({ mandate, session: id } as unknown as JsonValue);
  return { id, tenant, openedAt: at, pep, mandate, mandateDigest: hash('sha256', anchor, 'base64url') };
}
