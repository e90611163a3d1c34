/** A session's fold, told entry by entry: asks that were allowed, and reports of their outputs. */
import type { Remembered } from '../../src/model/session.ts';
import { applyEntry, beginFold } from '../../src/session/apply.ts';
import { DEFAULT_BOUNDS } from '../../src/session/bounds.ts';
import type { AskEntry, LaterEntry, OpenEntry, SeenText } from '../../src/session/entry.ts';
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

export interface Told extends Partial<Omit<SeenText, 'user'>> {
  readonly lost?: boolean;
}

export function reportOf(asked: number, { lost = false, ...told }: Told): LaterEntry {
  const seen = { user: '', trusted: '', untrusted: '', ...told };
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

export function originOf(fold: Fold, hash: string, readings: readonly string[] = []): Remembered {
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
