/**
 * Whose words a value is, by when it was said: a record's, where nobody else may have said it, or what can be read out
 * of it, before the record did. Versions of the log are the clock. What an output brought may have been said since its
 * allow; that a record said it is known from its report on. In the output that names it, a record comes first.
 */
import type { Origin } from '../model/catalog.ts';

/** When somebody else may have said it. All that can matter of any number of outputs. */
export interface Sayings {
  /** The least version since which one of the outputs may have held it. */
  readonly since: number;
  /** The version of that output's report; 0 where there is none. */
  readonly report: number;
  /** The least version since which any other output may have held it. */
  readonly other: number;
}

/** What a session knows of a value. Shared by all values that an entry brings: never changed in place. */
export type Known =
  | { readonly origin: 'user' }
  /** Versions of the first and the latest report in which a record said it. */
  | { readonly origin: 'trusted'; readonly first: number; readonly last: number }
  | ({ readonly origin: 'untrusted' | 'unknown' } & Sayings);

/** Later than anything. */
export const NEVER = Number.MAX_SAFE_INTEGER;

export const UNSAID: Sayings = Object.freeze({ since: NEVER, report: 0, other: NEVER });

/** One more output that may have held it. */
export function saidAlso(before: Sayings, since: number, report: number): Sayings {
  if (report === before.report) return since < before.since ? { ...before, since } : before;
  if (since < before.since) return { since, report, other: before.since };
  // It matters only against the record of the report that is named.
  return since < Math.min(before.other, before.report) ? { ...before, other: since } : before;
}

/** Whether somebody else may have said it before the record did that was reported at this version. */
export function mayPrecede({ since, report, other }: Sayings, version: number): boolean {
  return (report === version ? other : since) < version;
}

/** What a session has heard, and waits for. */
export interface Heard {
  readonly known: (hash: string) => Known | undefined;
  /** Words that nobody can look up: any value may be among them. */
  readonly lost: Sayings;
  /** The version of the oldest allow whose output is still awaited; NEVER: none is. */
  readonly awaited: number;
}

/**
 * The origin of a value for an argument that holds it.
 * @param readings hashes of what somebody else may have said and meant this value; looked up only for a record's
 */
export function originIn(heard: Heard, hash: string, readings: () => readonly string[]): Origin {
  const known = heard.known(hash);
  if (known === undefined) return 'unknown';
  if (known.origin !== 'trusted') return known.origin;
  const others = readings().map(heard.known);
  let origin: Origin = 'unknown';
  for (const version of new Set([known.first, known.last])) {
    if (heard.awaited < version || mayPrecede(heard.lost, version)) continue;
    const doubt = others.find((other) => isSaid(other) && mayPrecede(other, version));
    if (doubt === undefined) return 'trusted';
    if (doubt.origin === 'untrusted') origin = 'untrusted';
  }
  return origin;
}

function isSaid(known: Known | undefined): known is Known & Sayings {
  return known?.origin === 'untrusted' || known?.origin === 'unknown';
}
