import type { Call } from './replay.ts';

/** The first difference between two replays of one session, in words; undefined where the answers are identical. */
export function differenceOf(one: readonly Call[], other: readonly Call[]): string | undefined {
  if (one.length !== other.length) return `${one.length} calls became ${other.length}`;
  for (const [at, call] of one.entries()) {
    const said = wordsOf(call);
    const also = other[at] === undefined ? '' : wordsOf(other[at]);
    if (said !== also) return `step ${call.index}: ${said} became ${also}`;
  }
  return undefined;
}

function wordsOf({ answer: { effect, codes, provenance } }: Call): string {
  const origins = Object.entries(provenance).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([effect, codes, origins]);
}
