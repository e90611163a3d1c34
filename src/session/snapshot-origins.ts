/** Whose words values are, as a snapshot has it. */
import { type Known, NEVER, type Sayings, UNKNOWN, UNSAID } from './sayings.ts';

/** Whose, the three numbers of `Sayings` (-1 for never), and two of each `Naming`. Of a build before these, whose alone. */
export type Written = readonly [string, ...(readonly number[])];

/** Builds before `lost` kept only whether anything was. */
export interface Lost {
  readonly lost?: Sayings;
  readonly forgot?: boolean;
}

/** Said before anything. */
const LONG_AGO: Sayings = Object.freeze({ since: 0, by: 0, other: 0 });
const NONE = -1;

export function writeKnown({ user, records, said, foreign }: Known): Written {
  if (user) return ['user'];
  const { since, by, other } = said;
  const versions = [since, by, other].map((version) => (version === NEVER ? NONE : version));
  const named = records.flatMap((record) => [record.at, record.by]);
  return [foreign ? 'untrusted' : 'unknown', ...versions, ...named];
}

/**
 * What was written, as values that an entry brought share it. Without versions, a record's words count as learned at the
 * snapshot's and anybody else's as said long ago, so that these are held against those.
 */
export function knownReader(version: number): (written: Written) => Known {
  const shared = new Map<string, Known>();
  return (written) => {
    const name = written.join();
    const known = shared.get(name) ?? readKnown(written, version);
    shared.set(name, known);
    return known;
  };
}

function readKnown([whose, ...versions]: Written, version: number): Known {
  if (whose === 'user') return { ...UNKNOWN, user: true };
  const foreign = whose === 'untrusted' || whose === 'repeated';
  const [since, by, other, ...named] = versions.map((one) => (one === NONE ? NEVER : one));
  if (since === undefined || by === undefined || other === undefined) {
    const records = whose === 'trusted' ? [{ at: version, by: version }] : [];
    const said = foreign || whose === 'unknown' ? LONG_AGO : UNSAID;
    return { user: false, records, said, foreign };
  }
  const records = named.flatMap((at, i) => (i % 2 === 0 ? [{ at, by: named[i + 1] ?? at }] : []));
  return { user: false, records, said: { since, by, other }, foreign };
}

export function readLost({ lost, forgot = false }: Lost): Sayings {
  return lost ?? (forgot ? LONG_AGO : UNSAID);
}
