/**
 * Whose words values are. A value has the origin under which it was first seen, and only the user can make it theirs
 * later. Where somebody else may have said it before, and we cannot tell, it is unknown instead of trusted: after
 * something was forgotten, and as long as an output that may hold it was not reported.
 */
import type { Remembered, Seen } from '../model/session.ts';
import type { SessionBounds } from './bounds.ts';
import { type AskEntry, type ReportEntry, type SeenText, unpackSeen, unpackUnvouched } from './entry.ts';
import type { Fold } from './fold.ts';
import { isSilent } from './settle.ts';
import { deleteIn, setIn, type Undo } from './undo.ts';

/** Where in the log something is learned. */
export interface Place {
  readonly version: number;
  readonly bounds: SessionBounds;
  readonly undo: Undo;
}

/** Values of a mandate: the user's, whoever said them before. */
export function learnMandate(fold: Fold, seen: SeenText, place: Place): void {
  for (const value of unpackSeen(seen)) learn(fold, value, { ...place, since: place.version });
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
  fold.now.forgot = true;
  doubt(fold, at, undo);
}

/**
 * An effect was allowed with values in its arguments that nobody had vouched for: it may write them where a record
 * gives them back, so they stay unknown, but for the user's own word.
 */
export function learnArguments(fold: Fold, { unvouched }: AskEntry, place: Place): void {
  const hashes = unpackUnvouched(unvouched);
  // Whatever a record says from now on may be among them.
  if (hashes === 'all') fold.now.forgot = true;
  else
    for (const hash of hashes) {
      // A record that gives it back may have it from this very act, whatever it spelled before.
      const known = fold.origins.get(hash);
      if (known === undefined || known === 'spelled' || known === 'repeated')
        remember(fold, hash, 'unknown', place);
    }
}

/** An allow was reported: its output's values, and what their coming settles. */
export function learnReport(fold: Fold, entry: ReportEntry, place: Place): void {
  const { version, undo } = place;
  const awaited = fold.awaited.get(entry.decision);
  const since = awaited ?? version;
  if (isSilent(entry)) return;
  deleteIn(fold.awaited, entry.decision, undo);
  if (entry.lost) doubt(fold, since, undo);
  // What this very output says in a system's field is trusted, whatever else stood beside it.
  for (const value of unpackSeen(entry.seen)) learn(fold, value, { ...place, since });
  if (entry.lost) fold.now.forgot = true;
  if (awaited !== undefined) confirm(fold, awaited, undo);
}

/** Of an output that was told otherwise before, what can only take trust away: somebody else's words not yet known. */
export function newWords(fold: Fold, seen: readonly Seen[]): readonly Seen[] {
  const isNew = (hash: string): boolean =>
    ['unknown', 'spelled'].includes(fold.origins.get(hash) ?? 'unknown');
  return seen.filter(({ hash, origin }) => (origin === 'untrusted' || origin === 'repeated') && isNew(hash));
}

interface Learning extends Place {
  /** Values learned later than at this version may be this output's: it was not yet reported then. */
  readonly since: number;
}

function learn(fold: Fold, { hash, origin }: Seen, { version, bounds, undo, since }: Learning): void {
  const known = fold.origins.get(hash);
  if (known === 'user' || known === origin) return;
  const place = { bounds, undo };
  if (origin === 'user') {
    deleteIn(fold.tentative, hash, undo);
    remember(fold, hash, origin, place);
  } else if (known === undefined && origin !== 'untrusted') {
    if (!fold.now.forgot) {
      if (fold.awaited.size > 0) setIn(fold.tentative, hash, version, undo);
      remember(fold, hash, origin, place);
    } else if (origin === 'repeated') remember(fold, hash, 'untrusted', place);
  } else if (origin === 'trusted' || origin === 'spelled') {
    // What a record said in another spelling it may still say in this one, as long as nobody else did.
    if (known !== 'spelled' || fold.now.forgot) return;
    if (fold.awaited.size > 0) setIn(fold.tentative, hash, version, undo);
    remember(fold, hash, 'trusted', place);
  } else learnWords(fold, hash, { known, since, place });
}

/** Somebody else said it. What a record may have said after them is theirs; what it said before is not. */
function learnWords(
  fold: Fold,
  hash: string,
  { known, since, place }: { known: Remembered | undefined; since: number; place: Omit<Place, 'version'> },
): void {
  const before = (fold.tentative.get(hash) ?? 0) <= since;
  if (before && (known === 'trusted' || known === 'repeated')) return;
  if (before && known === 'spelled') {
    remember(fold, hash, 'repeated', place);
    return;
  }
  deleteIn(fold.tentative, hash, place.undo);
  remember(fold, hash, 'untrusted', place);
}

function remember(
  fold: Fold,
  hash: string,
  origin: Remembered,
  { bounds, undo }: Omit<Place, 'version'>,
): void {
  fold.origins.put(hash, origin, undo);
  if (fold.origins.size <= bounds.origins) return;
  const [dropped, whose] = fold.origins.oldest() ?? ['', undefined];
  if (whose === 'untrusted' || whose === 'unknown' || whose === 'repeated') fold.now.forgot = true;
  deleteIn(fold.tentative, dropped, undo);
  fold.origins.drop(undo);
}

/** Words that were allowed at this version are lost: what was learned since may have been among them, for good. */
function doubt(fold: Fold, since: number, undo: Undo): void {
  for (const [hash, version] of [...fold.tentative]) {
    if (version <= since) continue;
    fold.origins.put(hash, 'unknown', undo);
    deleteIn(fold.tentative, hash, undo);
  }
}

/** An output came that was awaited since this version: what waited for nothing older is trusted now. */
function confirm(fold: Fold, since: number, undo: Undo): void {
  if (fold.tentative.size === 0) return;
  const oldest = oldestAwaited(fold)?.[1] ?? Number.POSITIVE_INFINITY;
  if (oldest <= since) return;
  for (const [hash, version] of [...fold.tentative])
    if (version < oldest) deleteIn(fold.tentative, hash, undo);
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
