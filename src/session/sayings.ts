/**
 * Whose words a value is, by when it was said: a record's, where nobody else may have said it, or what can be read out
 * of it, before the record did. Versions of the log are the clock. What an output brought may have been said since its
 * allow; that a record said it is known from its report on. Of what one allow brings, a record comes first.
 */
import type { Remembered, Worth } from '../model/session.ts';

/** When others may have said it: all that can matter of any number of allows. */
export interface Sayings {
  /** The least version since which one of them may have. */
  readonly since: number;
  /** The version of that one's ask; 0 where no output brought it. */
  readonly by: number;
  /** The least version since which any other may have. */
  readonly other: number;
}

/** That a record said it. */
export interface Naming {
  /** The version of the report. */
  readonly at: number;
  /** The version of the ask whose output it was. */
  readonly by: number;
}

/** That somebody else said it where it is worth more than any text of theirs, before anybody's text had it. */
export interface Claim extends Naming {
  readonly as: Worth;
}

/** What a session knows of a value. Shared by all values that an entry brings: never changed in place. */
export interface Known {
  readonly user: boolean;
  /** The first few. */
  readonly records: readonly Naming[];
  readonly said: Sayings;
  /** By somebody else, and not only by the agent in what it wrote. */
  readonly foreign: boolean;
  readonly claim?: Claim;
  /** A text that tells its reader what to do names it. */
  readonly urged?: true;
}

/** Somebody else's words in the output of one allow. */
export interface Words {
  /** The version since which they may have been said, that of the report, and that of the ask. */
  readonly since: number;
  readonly at: number;
  readonly by: number;
  readonly as: Worth | 'untrusted' | 'urged';
}

/** Later than anything. */
export const NEVER = Number.MAX_SAFE_INTEGER;

export const UNSAID: Sayings = Object.freeze({ since: NEVER, by: 0, other: NEVER });
export const UNKNOWN: Known = Object.freeze({ user: false, records: [], said: UNSAID, foreign: false });

/**
 * Records of one value that are kept. Whatever may precede an earlier one may precede a later one, but for what the
 * later one's own allow brought beside it.
 */
const MOST_RECORDS = 4;

/** One more allow that may have brought it. */
export function saidAlso(before: Sayings, since: number, by: number): Sayings {
  if (by === before.by) return since < before.since ? { ...before, since } : before;
  if (since < before.since) return { since, by, other: before.since };
  return since < before.other ? { ...before, other: since } : before;
}

/** The same value where nothing is new. */
export function withWords(known: Known, words: Words): Known {
  const said = saidAlso(known.said, words.since, words.by);
  const claim = claimAfter(known, words);
  const urged = known.urged === true || words.as === 'urged';
  if (said === known.said && known.foreign && claim === known.claim && urged === (known.urged ?? false))
    return known;
  const { user, records } = known;
  return {
    user,
    records,
    said,
    foreign: true,
    ...(claim === undefined ? {} : { claim }),
    ...(urged ? { urged } : {}),
  };
}

const RANK: Readonly<Record<Words['as'], number>> = {
  counterparty: 3,
  referenced: 2,
  listed: 1,
  untrusted: 0,
  urged: 0,
};

/** A claim is the first words' alone; lesser words that may have come before it bring it down. */
function claimAfter({ claim, said, urged }: Known, { since, at, by, as }: Words): Claim | undefined {
  if (urged === true || as === 'urged') return undefined;
  if (claim === undefined) return as === 'untrusted' || said.since < NEVER ? undefined : { as, at, by };
  if (RANK[as] >= RANK[claim.as] || by === claim.by || since >= claim.at) return claim;
  return as === 'untrusted' ? undefined : { ...claim, as };
}

/** As the agent wrote it into an effect that was allowed at this version. */
export function withWritten(known: Known, version: number): Known {
  const said = saidAlso(known.said, version, 0);
  // What the agent itself wrote after a claim takes nothing from it.
  return said === known.said ? known : { ...known, said };
}

export function withRecord(known: Known, record: Naming): Known {
  if (known.records.length >= MOST_RECORDS || known.records.some(({ by }) => by === record.by)) return known;
  return { ...known, records: [...known.records, record] };
}

/** Whether others may have said it before the record did. */
function mayPrecede({ since, by, other }: Sayings, record: Naming): boolean {
  return (by === record.by ? other : since) < record.at;
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
export function originIn(heard: Heard, hash: string, readings: () => readonly string[]): Remembered {
  const known = heard.known(hash) ?? UNKNOWN;
  if (known.user) return 'user';
  let origin: Remembered = known.foreign ? 'untrusted' : 'unknown';
  const { claim } = known;
  if (known.records.length === 0 && claim === undefined) return origin;
  const others = readings().flatMap((reading) => othersWords(heard, reading));
  for (const record of known.records) {
    if (!stands(heard, known, record)) continue;
    const doubts = others.filter(({ said }) => mayPrecede(said, record));
    if (doubts.length === 0) return 'trusted';
    if (doubts.some(({ foreign }) => foreign)) origin = 'untrusted';
  }
  return claim !== undefined && isUndisputed(heard, claim, others) ? claim.as : origin;
}

/** Whether nobody may have said it, or anything that means it, where it is worth less before the claim was heard. */
function isUndisputed(heard: Heard, claim: Claim, others: readonly Known[]): boolean {
  return (
    heard.awaited >= claim.at &&
    !mayPrecede(heard.lost, claim) &&
    !others.some(({ said }) => mayPrecede(said, claim))
  );
}

/** Whether a record said the value itself before anybody else may have. */
export function isRecords(heard: Heard, known: Known): boolean {
  return known.records.some((record) => stands(heard, known, record));
}

function stands(heard: Heard, known: Known, record: Naming): boolean {
  return heard.awaited >= record.at && !mayPrecede(heard.lost, record) && !mayPrecede(known.said, record);
}

/** What others said and meant by this reading, unless it is the user's word, or a record's own. */
function othersWords(heard: Heard, reading: string): readonly Known[] {
  const known = heard.known(reading);
  return known === undefined || known.user || isRecords(heard, known) ? [] : [known];
}
