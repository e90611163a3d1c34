/**
 * Whose words values are, as entries tell it. What the user said is the user's, whoever said it before. A record's is
 * what a record said before anybody else may have; of everybody else's words it is kept since when they may have been
 * said, so that any spelling of a value can be held against them (`sayings.ts`).
 */
import type { Seen } from '../model/session.ts';
import type { SessionBounds } from './bounds.ts';
import { type AskEntry, type ReportEntry, type SeenText, unpackSeen, unpackUnvouched } from './entry.ts';
import type { Fold } from './fold.ts';
import { permitOf } from './permits.ts';
import {
  type Heard,
  isRecords,
  type Known,
  NEVER,
  saidAlso,
  UNKNOWN,
  type Words,
  withRecord,
  withWords,
  withWritten,
} from './sayings.ts';
import { isSilent, triesOf } from './settle.ts';
import { deleteIn, setIn, type Undo } from './undo.ts';

/** Where in the log something is learned. */
export interface Place {
  readonly version: number;
  readonly bounds: SessionBounds;
  readonly undo: Undo;
}

const USERS: Known = Object.freeze({ ...UNKNOWN, user: true });

/** Values of a mandate: the user's, whoever said them before. */
export function learnMandate(fold: Fold, seen: SeenText, place: Place): void {
  for (const { hash } of unpackSeen(seen)) remember(fold, hash, USERS, place);
}

/**
 * An ask was allowed: until it is reported, whatever is learned may come from its output. Each try of an operation is
 * awaited by itself, since its tool may run beside those of the others; a later one from when the first was that is
 * awaited still, whose output it may bring, as long as the operation is open. To be called before its permit takes the
 * place of an older one.
 */
export function awaitReport(fold: Fold, entry: AskEntry, { version, bounds, undo }: Place): void {
  const operation = entry.operation === undefined ? undefined : fold.operations.get(entry.operation);
  const earlier = operation?.act === entry.act ? operation?.decision : undefined;
  const tries = earlier === undefined ? [] : triesOf(fold, earlier);
  const since = Math.min(NEVER, ...tries.map((id) => fold.awaited.get(id) ?? NEVER));
  if (since === NEVER && entry.foreign !== true) return;
  setIn(fold.awaited, entry.answer.id, Math.min(since, version), undo);
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
  const first = withWritten(UNKNOWN, version);
  for (const hash of hashes)
    learn(fold, hash, { first, learned: (known) => withWritten(known, version) }, place);
}

/** An allow was reported: its output's values, and what their coming settles. */
export function learnReport(fold: Fold, entry: ReportEntry, place: Place): void {
  const { version, undo } = place;
  if (isSilent(entry)) return;
  const { since, by } = whenceOf(fold, entry.decision, version);
  deleteIn(fold.awaited, entry.decision, undo);
  if (entry.lost) lose(fold, since, by);
  const record = { at: version, by };
  const fromRecord = {
    first: withRecord(UNKNOWN, record),
    learned: (known: Known) => withRecord(known, record),
  };
  const fromOthers = new Map<string, Lesson>();
  for (const { hash, origin } of unpackSeen(entry.seen)) {
    let lesson = origin === 'trusted' ? fromRecord : fromOthers.get(origin);
    if (lesson === undefined) {
      const words: Words = {
        since,
        by,
        at: version,
        as: origin === 'user' || origin === 'trusted' ? 'untrusted' : origin,
      };
      lesson = { first: withWords(UNKNOWN, words), learned: (known) => withWords(known, words) };
      fromOthers.set(origin, lesson);
    }
    learn(fold, hash, lesson, place);
  }
}

/** Since when what an allow brings may have been said, and the version of its ask; as of now where no build kept it. */
function whenceOf(fold: Fold, decision: string, version: number): { since: number; by: number } {
  const { asked = version, since = asked } = permitOf(fold, decision) ?? {};
  return { since: fold.awaited.get(decision) ?? since, by: asked };
}

/** Of an output that was told otherwise before, what can only take trust away: somebody else's words not yet known. */
export function newWords(fold: Fold, decision: string, seen: readonly Seen[]): readonly Seen[] {
  const words = { ...whenceOf(fold, decision, fold.now.head.version + 1), at: NEVER };
  return seen.flatMap(({ hash, origin }) => {
    const known = fold.origins.get(hash) ?? UNKNOWN;
    if (origin === 'user' || origin === 'trusted' || known.user) return [];
    const as = origin === 'urged' ? 'urged' : 'untrusted';
    return withWords(known, { ...words, as }) === known ? [] : [{ hash, origin: as }];
  });
}

/** Whether words of this allow that nobody can look up are news. */
export function isLossNew(fold: Fold, decision: string): boolean {
  const { since, by } = whenceOf(fold, decision, fold.now.head.version + 1);
  return saidAlso(fold.now.lost, since, by) !== fold.now.lost;
}

/**
 * Whether it is known whose words a value is, so that an allowed ask with it adds nothing to them. What a record said is
 * not, as long as somebody else may have said it before.
 */
export function isVouched(heard: Heard, hash: string): boolean {
  const known = heard.known(hash);
  if (known === undefined) return false;
  return known.user || known.foreign || isRecords(heard, known);
}

/** What the origins of arguments are told by, as of now. */
export function heardBy(fold: Fold): Heard {
  return {
    known: (hash) => fold.origins.get(hash),
    lost: fold.now.lost,
    awaited: oldestAwaited(fold)?.[1] ?? NEVER,
  };
}

/** Words that may have been said since then can no longer be looked up. `by`: the version of the ask that brought them. */
function lose(fold: Fold, since: number, by = 0): void {
  fold.now.lost = saidAlso(fold.now.lost, since, by);
}

/** What an entry tells of a value. */
interface Lesson {
  /** Of one that was not known: the same for all of them. */
  readonly first: Known;
  readonly learned: (known: Known) => Known;
}

function learn(fold: Fold, hash: string, { first, learned }: Lesson, place: Place): void {
  const before = fold.origins.get(hash);
  if (before?.user === true) return;
  const known = before === undefined ? first : learned(before);
  if (known !== before) remember(fold, hash, known, place);
}

function remember(fold: Fold, hash: string, known: Known, { bounds, undo }: Place): void {
  fold.origins.put(hash, known, undo);
  if (fold.origins.size <= bounds.origins) return;
  const [, dropped] = fold.origins.oldest() ?? [];
  if (dropped !== undefined && dropped.said.since < NEVER) lose(fold, dropped.said.since);
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
