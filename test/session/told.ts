/** A session's fold, told entry by entry: asks that were allowed, and reports of their outputs. */
import type { Origin } from '../../src/model/catalog.ts';
import { applyEntry, beginFold } from '../../src/session/apply.ts';
import { DEFAULT_BOUNDS } from '../../src/session/bounds.ts';
import type { AskEntry, LaterEntry, OpenEntry } from '../../src/session/entry.ts';
import type { Fold } from '../../src/session/fold.ts';
import { NO_UNDO } from '../../src/session/undo.ts';
import { viewSession } from '../../src/session/view.ts';
import { ANA, BOT, MANDATE, NOW, requestId } from './world.ts';

export const BOUNDS = { ...DEFAULT_BOUNDS, reads: 4 };

export function begin(): Fold {
  const seen = { user: '', trusted: '', untrusted: '' };
  const opening: OpenEntry = {
    kind: 'open',
    at: NOW,
    pep: 'p',
    id: 'A'.repeat(22),
    tenant: 'acme',
    mandate: MANDATE,
    seen,
  };
  return beginFold(opening, { version: 1, digest: 'x'.repeat(16), payload: '' }, BOUNDS);
}

export function apply(fold: Fold, entry: LaterEntry): void {
  const stored = { version: fold.now.head.version + 1, digest: 'x'.repeat(16), payload: '{}' };
  applyEntry(fold, entry, { stored, bounds: BOUNDS, undo: NO_UNDO });
}

export function askAt(version: number, more: Partial<AskEntry> = {}): LaterEntry {
  return {
    kind: 'ask',
    at: NOW,
    pep: 'p',
    request: requestId(NOW),
    content: 'c',
    action: 'invoice.read',
    class: 'read',
    effectful: true,
    foreign: true,
    subject: ANA,
    actor: BOT,
    owner: BOT,
    hops: [],
    answer: { id: `d${version}`, effect: 'allow', reasons: [], obligations: [], consume: [] },
    ...more,
  };
}

export interface Told {
  readonly trusted?: string;
  readonly untrusted?: string;
  readonly lost?: boolean;
}

export function reportOf(asked: number, { trusted = '', untrusted = '', lost = false }: Told): LaterEntry {
  const seen = { user: '', trusted, untrusted };
  return {
    kind: 'report',
    at: NOW,
    pep: 'p',
    decision: `d${asked}`,
    outcome: 'executed',
    proof: '',
    seen,
    lost,
  };
}

export function originOf(fold: Fold, hash: string, readings: readonly string[] = []): Origin {
  const authority = {
    permits: true,
    depth: 0,
    actors: [],
    limits: {},
    root: undefined,
    hops: [],
    hopLimits: {},
    expiresAt: Number.POSITIVE_INFINITY,
  };
  const viewing = {
    action: 'payment.send',
    effectful: true,
    at: NOW,
    authority,
    identity: undefined,
    earlier: undefined,
    answered: undefined,
  };
  return viewSession(fold, viewing, BOUNDS).originOf(hash, () => readings);
}
