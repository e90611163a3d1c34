/**
 * Whose words values are, as entries tell it. What the user said is the user's, whoever said it before. A record's is
 * what a record said before anybody else may have; of everybody else's words it is kept since when they may have been
 * said, so that any spelling of a value can be held against them (`sayings.ts`).
 */
import type { Seen } from '../model/session.ts';
import type { SessionBounds } from './bounds.ts';
import { type AskEntry, type ReportEntry, type SeenText, unpackSeen, unpackUnvouched } from './entry.ts';
import type { Fold } from './fold.ts';
import { type Heard, type Known, mayPrecede, NEVER, saidAlso } from './sayings.ts';
import { isSilent } from './settle.ts';
import { deleteIn, setIn, type Undo } from './undo.ts';

/** Where in the log something is learned. */
export interface Place {
  readonly version: number;
  readonly bounds: SessionBounds;
  readonly undo: Undo;
}

const USERS: Known = Object.freeze({ origin: 'user' });

/** Values of a mandate: the user's, whoever said them before. */
export function learnMandate(fold: Fold, seen: SeenText, place: Place): void {
  for (const { hash } of unpackSeen(seen)) remember(fold, hash, USERS, place);
}

/**
 * An ask was allowed: until it is reported, whatever is learned may come from its output. Each try of an operation is
 * awaited by itself, since its tool may run beside those of the others; a later one from when the first was, whose
 * output it may bring. To be called before its permit takes the place of an older one.
 */
export function awaitReport(fold: Fold, entry: AskEntry, { version, bounds, undo }: Place): void {
  const operation = entry.operation === undefined ? undefined : fold.operations.get(entry.operation);
  const earlier = operation?.act === entry.act ? operation?.decision : undefined;
  const since = earlier === undefined ? undefined : fold.awaited.get(earlier);
  if (since === undefined && entry.foreign !== true) return;
  setIn(fold.awaited, entry.answer.id, since ?? version, undo);
  if (fold.awaited.size <= bounds.reads) return;
  const [oldest, at] = oldestAwaited(fold) ?? ['', 0];
  deleteIn(fold.awaited, oldest, undo);
  lose(fold, at);
}

/**
 * An effect was allowed with values in its arguments that nobody had vouched for: it may write them where a record
 * gives them back, so no record that says them later makes them its own.
 */
export function learnArguments(fold: Fold, { unvouched }: AskEntry, place: Place): void {
  const hashes = unpackUnvouched(unvouched);
  const { version } = place;
  // Whatever a record says from now on may be among them.
  if (hashes === 'all') {
    lose(fold, version);
    return;
  }
  const said: Known = { origin: 'unknown', since: version, report: 0, other: NEVER };
  for (const hash of hashes) if (fold.origins.get(hash) === undefined) remember(fold, hash, said, place);
}

/** An allow was reported: its output's values, and what their coming settles. */
export function learnReport(fold: Fold, entry: ReportEntry, place: Place): void {
  const { version, undo } = place;
  if (isSilent(entry)) return;
  const since = fold.awaited.get(entry.decision) ?? version;
  deleteIn(fold.awaited, entry.decision, undo);
  if (entry.lost) lose(fold, since, version);
  const record: Known = { origin: 'trusted', first: version, last: version };
  const words = { origin: 'untrusted', since, report: version, other: NEVER } as const;
  for (const { hash, origin } of unpackSeen(entry.seen)) {
    const before = fold.origins.get(hash);
    const known = origin === 'trusted' ? afterRecord(before, record) : afterWords(before, words);
    if (known !== before) remember(fold, hash, known, place);
  }
}

/** What a record says stays somebody else's where it is known as theirs: they were first. */
function afterRecord(known: Known | undefined, record: Known & { readonly origin: 'trusted' }): Known {
  if (known === undefined) return record;
  return known.origin === 'trusted' ? { ...known, last: record.last } : known;
}

function afterWords(known: Known | undefined, words: Known & { readonly origin: 'untrusted' }): Known {
  if (known === undefined) return words;
  if (known.origin === 'user') return known;
  // One output brings a value once: these are another's words than the record's.
  if (known.origin === 'trusted') return words.since < known.first ? words : known;
  const said = saidAlso(known, words.since, words.report);
  return said === known && known.origin === 'untrusted' ? known : { ...said, origin: 'untrusted' };
}

/** Of an output that was told otherwise before, what can only take trust away: somebody else's words not yet known. */
export function newWords(fold: Fold, seen: readonly Seen[]): readonly Seen[] {
  const isNew = (hash: string): boolean => (fold.origins.get(hash)?.origin ?? 'unknown') === 'unknown';
  return seen.filter(({ hash, origin }) => origin === 'untrusted' && isNew(hash));
}

/** Whether it is known whose words a value is, so that an allowed ask with it adds nothing to them. */
export function isVouched(fold: Fold, hash: string): boolean {
  const known = fold.origins.get(hash);
  if (known === undefined || known.origin === 'unknown') return false;
  return known.origin !== 'trusted' || !mayPrecede(fold.now.lost, known.first);
}

/** What the origins of arguments are told by, as of now. */
export function heardBy(fold: Fold): Heard {
  return {
    known: (hash) => fold.origins.get(hash),
    lost: fold.now.lost,
    awaited: oldestAwaited(fold)?.[1] ?? NEVER,
  };
}

/** Words that may have been said since then can no longer be looked up. `report`: that they came with. */
function lose(fold: Fold, since: number, report = 0): void {
  fold.now.lost = saidAlso(fold.now.lost, since, report);
}

/** Whether any of somebody else's words are lost. */
export function hasLost(fold: Fold): boolean {
  return fold.now.lost.since < NEVER;
}

function remember(fold: Fold, hash: string, known: Known, { bounds, undo }: Place): void {
  fold.origins.put(hash, known, undo);
  if (fold.origins.size <= bounds.origins) return;
  const [, whose] = fold.origins.oldest() ?? [];
  if (whose?.origin === 'untrusted' || whose?.origin === 'unknown') lose(fold, whose.since);
  fold.origins.drop(undo);
}

/** Of tries of one operation the one with the least id, in whatever order they came to memory. */
function oldestAwaited(fold: Fold): readonly [string, number] | undefined {
  let oldest: readonly [string, number] | undefined;
  for (const [id, since] of fold.awaited) {
    const older = oldest === undefined || since < oldest[1] || (since === oldest[1] && id < oldest[0]);
    if (older) oldest = [id, since];
  }
  return oldest;
}
