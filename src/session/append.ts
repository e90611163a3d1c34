import { Refusal } from '../model/refusal.ts';
import type { LaterEntry } from './entry.ts';
import type { Fold } from './fold.ts';
import type { Lane } from './lane.ts';

/** Races lost before giving up for now. */
const ATTEMPTS = 64;

/**
 * Appends what `make` says of the fold as it is, again for each race that is lost; undefined from `make`: nothing to do.
 * @throws Refusal `session.contended` after too many races, and whatever `make` and the lane throw
 */
export async function appendUntilDone(
  lane: Lane,
  make: (fold: Fold) => LaterEntry | undefined,
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const entry = make(lane.fold);
    if (entry === undefined) return;
    const stored = await lane.append(entry, Number.POSITIVE_INFINITY);
    if (stored !== undefined) return;
  }
  throw new Refusal('session.contended', undefined, 'throttle');
}
