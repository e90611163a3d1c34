/** Whose words values are, as a snapshot has it. */
import { type Known, type Sayings, UNSAID } from './sayings.ts';

/** The origin and its versions, as `Known` and `Sayings` have them; of a build before these, the origin alone. */
export type Written = readonly [string, ...(readonly number[])];

/** Builds before `lost` kept only whether anything was. */
export interface Lost {
  readonly lost?: Sayings;
  readonly forgot?: boolean;
}

/** Said before anything. */
const LONG_AGO: Sayings = Object.freeze({ since: 0, report: 0, other: 0 });

export function writeKnown(known: Known): Written {
  if (known.origin === 'user') return [known.origin];
  if (known.origin === 'trusted') return [known.origin, known.first, known.last];
  return [known.origin, known.since, known.report, known.other];
}

/**
 * What was written, as values that an entry brought share it. Without versions, a record's words count as learned at the
 * snapshot's and anybody else's as said long ago, so that these are held against those.
 */
export function knownReader(version: number): (written: Written) => Known | undefined {
  const shared = new Map<string, Known | undefined>();
  return (written) => {
    const name = written.join();
    if (!shared.has(name)) shared.set(name, readKnown(written, version));
    return shared.get(name);
  };
}

function readKnown([origin, ...versions]: Written, version: number): Known | undefined {
  const [first, second, third] = versions;
  switch (origin) {
    case 'user':
      return { origin };
    case 'trusted':
      return { origin, first: first ?? version, last: second ?? version };
    case 'spelled':
      // What only vouched for nothing.
      return undefined;
    default: {
      const { since, report, other } = LONG_AGO;
      const said = { since: first ?? since, report: second ?? report, other: third ?? other };
      return { origin: origin === 'unknown' ? 'unknown' : 'untrusted', ...said };
    }
  }
}

export function readLost({ lost, forgot = false }: Lost): Sayings {
  return lost ?? (forgot ? LONG_AGO : UNSAID);
}
