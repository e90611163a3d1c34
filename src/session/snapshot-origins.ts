/** Whose words values are, as a snapshot has it. */
import type { Worth } from '../model/session.ts';
import { type Known, NEVER, type Sayings, UNKNOWN, UNSAID } from './sayings.ts';

/**
 * Whose, the three numbers of `Sayings` (-1 for never), two of a claim where there is one, and two of each `Naming`. Of
 * a build before these, whose alone.
 */
export type Written = readonly [string, ...(readonly number[])];

/** Builds before `lost` kept only whether anything was. */
export interface Lost {
  readonly lost?: Sayings;
  readonly forgot?: boolean;
}

/** Said before anything. */
const LONG_AGO: Sayings = Object.freeze({ since: 0, by: 0, other: 0 });
const NONE = -1;

export function writeKnown({ user, records, said, foreign, claim, urged }: Known): Written {
  if (user) return ['user'];
  const { since, by, other } = said;
  const versions = [since, by, other].map((version) => (version === NEVER ? NONE : version));
  const named = records.flatMap((record) => [record.at, record.by]);
  if (claim !== undefined) return [claim.as, ...versions, claim.at, claim.by, ...named];
  return [urged === true ? 'urged' : foreign ? 'untrusted' : 'unknown', ...versions, ...named];
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
  const namings = named.flatMap((at, i) => (i % 2 === 0 ? [{ at, by: named[i + 1] ?? at }] : []));
  const as = CLAIMS.find((claim) => claim === whose);
  const claimed = as === undefined ? undefined : namings[0];
  const records = claimed === undefined ? namings : namings.slice(1);
  return {
    user: false,
    records,
    said: { since, by, other },
    foreign: foreign || as !== undefined || whose === 'urged',
    ...(as === undefined || claimed === undefined ? {} : { claim: { ...claimed, as } }),
    ...(whose === 'urged' ? { urged: true } : {}),
  };
}

const CLAIMS: readonly Worth[] = ['counterparty', 'referenced', 'listed'];

export function readLost({ lost, forgot = false }: Lost): Sayings {
  return lost ?? (forgot ? LONG_AGO : UNSAID);
}
