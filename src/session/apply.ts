/** How a fold changes: by entries, one after the other, and by nothing else. */
import { mintedAt } from '../model/request-id.ts';
import type { SessionBounds } from './bounds.ts';
import type { AskEntry, LaterEntry, OpenEntry } from './entry.ts';
import {
  answerKey,
  countedAs,
  emptyFold,
  type Fold,
  type JudgedBy,
  type Kept,
  OTHERS,
  of,
  type Standing,
} from './fold.ts';
import { openingOf } from './opening.ts';
import { awaitReport, learnArguments, learnMandate, learnReport } from './origins.ts';
import { grantPermit } from './permits.ts';
import { bumpRate, NEVER } from './rate.ts';
import { UNSAID } from './sayings.ts';
import { settlePermit } from './settle.ts';
import type { StoredEntry } from './store.ts';
import { NO_UNDO, type Undo } from './undo.ts';

const RECENT = 32;
/** Characters of each digest in the trail, and for how many entries. */
export const TRAIL_STEP = 6;
const TRAIL_ENTRIES = 512;

/** The fold of a log's first entry. */
export function beginFold(entry: OpenEntry, stored: StoredEntry, bounds: SessionBounds): Fold {
  const { mandate } = entry;
  const now: Standing = {
    head: { version: stored.version, digest: stored.digest },
    trail: stored.digest.slice(0, TRAIL_STEP),
    opening: openingOf(entry),
    state: 'open',
    mandate,
    subject: mandate.subject,
    actor: mandate.actor,
    steps: 0,
    denials: 0,
    recent: [],
    counts: {},
    sums: {},
    rates: {},
    rate: NEVER,
    throttles: {},
    floors: {},
    answerChars: 0,
    lost: UNSAID,
    judgedBy: { activation: 0, dataVersion: 0 },
  };
  const fold = emptyFold(now);
  learnMandate(fold, entry.seen, { version: stored.version, bounds, undo: NO_UNDO });
  return fold;
}

/** How an entry is applied. */
export interface Applying {
  readonly stored: StoredEntry;
  readonly bounds: SessionBounds;
  readonly undo: Undo;
}

/** Carries the fold one entry further. Deterministic: equal logs and bounds make equal folds. */
export function applyEntry(fold: Fold, entry: LaterEntry, by: Applying): void {
  const { stored, bounds, undo } = by;
  const before = fold.now;
  undo.add(() => {
    fold.now = before;
  });
  const step = before.trail + stored.digest.slice(0, TRAIL_STEP);
  // Cut rarely: at twice its length.
  const trail = step.length > 2 * TRAIL_ENTRIES * TRAIL_STEP ? step.slice(-TRAIL_ENTRIES * TRAIL_STEP) : step;
  fold.now = { ...before, head: { version: stored.version, digest: stored.digest }, trail };
  switch (entry.kind) {
    case 'ask':
      applyAsk(fold, entry, by);
      return;
    case 'report':
      settlePermit(fold, entry, undo);
      learnReport(fold, entry, { version: stored.version, bounds, undo });
      return;
    case 'amend':
      fold.now.mandate = entry.mandate;
      learnMandate(fold, entry.seen, { version: stored.version, bounds, undo });
      return;
    case 'close':
      fold.now.state = 'closed';
      return;
    case 'suspend':
      fold.now.state = 'suspended';
      return;
    case 'resume':
      fold.now.state = 'open';
      return;
    default:
      entry satisfies never;
  }
}

function applyAsk(fold: Fold, entry: AskEntry, by: Applying): void {
  const { stored, bounds, undo } = by;
  const { now } = fold;
  const { effect, reasons } = entry.answer;
  const code = reasons[0]?.code ?? '';
  const newest = { action: entry.action, effect, code, at: entry.at };
  const counted = effect === 'allow' || effect === 'escalate';
  now.subject ??= entry.subject;
  now.actor ??= entry.owner;
  now.steps += 1;
  if (effect === 'deny') now.denials += 1;
  now.recent = [newest, ...now.recent.slice(0, RECENT - 1)];
  if (counted) {
    const name = countedAs(now.rates, entry.action, bounds.actions);
    now.rates = { ...now.rates, [name]: bumpRate(of(now.rates, name) ?? NEVER, entry.at) };
    now.rate = bumpRate(now.rate, entry.at);
  }
  now.throttles = throttlesAfter(now.throttles, entry, bounds);
  now.judgedBy = newestOf(now.judgedBy, entry);
  if (effect === 'allow') {
    const place = { version: stored.version, bounds, undo };
    awaitReport(fold, entry, place);
    if (entry.effectful) learnArguments(fold, entry, place);
    grantPermit(fold, entry, place);
  }
  keepAnswer(fold, entry, by);
}

/** A lagging replica may have judged after a newer one; an ask that was refused unjudged names neither. */
function newestOf(known: JudgedBy, { activation = 0, data = 0 }: AskEntry): JudgedBy {
  if (activation <= known.activation && data <= known.dataVersion) return known;
  return {
    activation: Math.max(activation, known.activation),
    dataVersion: Math.max(data, known.dataVersion),
  };
}

function throttlesAfter(
  throttles: Standing['throttles'],
  entry: AskEntry,
  bounds: SessionBounds,
): Standing['throttles'] {
  const name = countedAs(throttles, entry.action, bounds.actions);
  const { effect, reasons } = entry.answer;
  // Others share a count that no single allow may clear.
  if (effect === 'allow' && name !== OTHERS && of(throttles, name) !== undefined)
    return { ...throttles, [name]: {} };
  const code = reasons[0]?.code;
  if (effect !== 'throttle' || code === undefined) return throttles;
  const counts = of(throttles, name) ?? {};
  return { ...throttles, [name]: { ...counts, [code]: (of(counts, code) ?? 0) + 1 } };
}

function keepAnswer(fold: Fold, entry: AskEntry, { stored, bounds, undo }: Applying): void {
  const { answers, spentIds } = fold;
  const kept: Kept = { stored, pep: entry.pep, minted: mintedAt(entry.request), at: entry.at };
  answers.put(answerKey(entry.pep, entry.request), kept, undo);
  const oldestKept = entry.at - bounds.answerWindowMs;
  let chars = fold.now.answerChars + stored.payload.length;
  for (let first = answers.oldest(); first !== undefined && answers.size > 1; first = answers.oldest()) {
    const [key, { stored: old, pep, minted, at }] = first;
    if (answers.size <= bounds.answers && chars <= bounds.answerChars && at >= oldestKept) break;
    answers.drop(undo);
    chars -= old.payload.length;
    spentIds.put(key, { pep, minted, at }, undo);
  }
  let { floors } = fold.now;
  for (let first = spentIds.oldest(); first !== undefined; first = spentIds.oldest()) {
    const [, { pep, minted, at }] = first;
    if (spentIds.size <= bounds.spentIds && at >= oldestKept) break;
    spentIds.drop(undo);
    floors = { ...floors, [pep]: Math.max(of(floors, pep) ?? 0, minted) };
  }
  fold.now.answerChars = chars;
  fold.now.floors = floors;
}
