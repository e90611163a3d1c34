/** What a session's log amounts to. `applyEntry` is the only way a fold changes. */
import { addDecimal, type Decimal, parseDecimal, subtractDecimal, ZERO } from '../model/decimal.ts';
import type { Consumption } from '../model/decision.ts';
import type { Identity, Mandate } from '../model/mandate.ts';
import type { Head, Opening, Outcome, Seen, SessionState } from '../model/session.ts';
import type { SessionStep } from '../model/verbs.ts';
import type { SessionBounds } from './bounds.ts';
import { type AskEntry, type LaterEntry, type OpenEntry, type ReportEntry, unpackSeen } from './entry.ts';
import { openingOf } from './opening.ts';
import { bumpRate, NEVER, type Rate } from './rate.ts';
import type { StoredEntry } from './store.ts';
import { deleteIn, NO_UNDO, Queue, setIn, type Undo } from './undo.ts';

/** An allow whose effect is somewhere between permitted and known. */
export interface Permit {
  readonly pep: string;
  readonly action: string;
  readonly external: boolean;
  readonly identity: string | undefined;
  readonly operation: string | undefined;
  /** Key of the answer among the answers kept for retries. */
  readonly answer: string;
  readonly consume: readonly Consumption[];
  readonly hops: readonly string[];
  readonly state: 'permitted' | Outcome;
  /** A later permit of the same operation took over: its decision id. */
  readonly renewedBy?: string;
}

export interface Operation {
  /** Fingerprint of the business act, or of the whole act where the action names none. */
  readonly identity: string;
  /** Fingerprint of action, resource and arguments. */
  readonly act: string;
  readonly decision: string;
}

/** An ask and its answer, as they stand in the log. */
export interface Kept {
  readonly stored: StoredEntry;
  readonly pep: string;
  /** Unix ms out of the UUIDv7 request id. */
  readonly minted: number;
  readonly at: number;
}

/** An ask whose answer was forgotten. */
export type Spent = Pick<Kept, 'pep' | 'minted' | 'at'>;

export type Table<V> = Readonly<Record<string, V>>;

/** The part of a fold that is replaced as a whole by every entry. */
export interface Standing {
  readonly head: Head;
  /** First characters of the digests of the latest entries, run together: tells a fork from a lag. */
  readonly trail: string;
  readonly opening: Opening;
  readonly state: SessionState;
  readonly mandate: Mandate;
  readonly subject: Identity | undefined;
  readonly actor: Identity | undefined;
  readonly steps: number;
  readonly denials: number;
  /** Newest first. */
  readonly recent: readonly SessionStep[];
  readonly counts: Table<number>;
  /** Spent by budget. */
  readonly sums: Table<Decimal>;
  readonly rates: Table<Rate>;
  readonly rate: Rate;
  /** Throttles since the last allow, by action and code. */
  readonly throttles: Table<Table<number>>;
  /** By enforcement point: request ids as old as this are past the window. */
  readonly floors: Table<number>;
  readonly answerChars: number;
  /** An untrusted value was forgotten: what is seen from now on may be the same value laundered. */
  readonly forgot: boolean;
}

export interface Fold {
  /** Copied once an entry, then filled in place: whoever took the one before keeps it as it was. */
  now: { -readonly [Name in keyof Standing]: Standing[Name] };
  /** Effectful permits, and any with an operation id, by decision id. */
  readonly permits: Map<string, Permit>;
  readonly reads: Queue<Permit>;
  /** Permits standing for a business identity. */
  readonly acts: Map<string, number>;
  /** Spent by hop and budget: `<hop> <budget>`. */
  readonly hopSums: Map<string, Decimal>;
  readonly operations: Map<string, Operation>;
  readonly answers: Queue<Kept>;
  readonly spentIds: Queue<Spent>;
  readonly origins: Queue<Seen['origin']>;
}

/** A table without names. */
export const NONE: Table<never> = Object.freeze({});

export const RECENT = 32;
/** Characters of each digest in the trail, and for how many entries. */
export const TRAIL_STEP = 6;
export const TRAIL_ENTRIES = 512;
/** Actions past the bound share this name; it is no action name, because those hold no blank. */
export const OTHERS = 'all others';

/** What the table holds for this name as its own: never what an object inherits. */
export function of<V>(table: Table<V>, name: string): V | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The name an action is counted under. */
export function countedAs(table: Table<unknown>, action: string, bound: number): string {
  return Object.hasOwn(table, action) || Object.keys(table).length < bound ? action : OTHERS;
}

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
    forgot: false,
  };
  const fold = emptyFold(now);
  remember(fold, unpackSeen(entry.seen), bounds, NO_UNDO);
  return fold;
}

export function emptyFold(now: Standing): Fold {
  return {
    now,
    permits: new Map(),
    reads: new Queue(),
    acts: new Map(),
    hopSums: new Map(),
    operations: new Map(),
    answers: new Queue(),
    spentIds: new Queue(),
    origins: new Queue(),
  };
}

/** Carries the fold one entry further. Deterministic: equal logs and bounds make equal folds. */
export function applyEntry(
  fold: Fold,
  entry: LaterEntry,
  stored: StoredEntry,
  bounds: SessionBounds,
  undo: Undo,
): void {
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
      applyAsk(fold, entry, stored, bounds, undo);
      return;
    case 'report':
      applyReport(fold, entry, bounds, undo);
      return;
    case 'amend':
      fold.now.mandate = entry.mandate;
      remember(fold, unpackSeen(entry.seen), bounds, undo);
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

function applyAsk(fold: Fold, entry: AskEntry, stored: StoredEntry, bounds: SessionBounds, undo: Undo): void {
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
  if (effect === 'allow') permit(fold, entry, bounds, undo);
  keepAnswer(fold, entry, stored, bounds, undo);
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

function permit(fold: Fold, entry: AskEntry, bounds: SessionBounds, undo: Undo): void {
  const { id, consume } = entry.answer;
  const { operation, identity, act, pep, hops } = entry;
  // Members in the order of their names: snapshots write them so, and need not sort.
  const granted: Permit = {
    action: entry.action,
    answer: answerKey(pep, entry.request),
    consume,
    external: entry.class === 'external',
    hops,
    identity,
    operation,
    pep,
    state: 'permitted',
  };
  const earlier = operation === undefined ? undefined : fold.operations.get(operation);
  if (earlier !== undefined) renew(fold, earlier.decision, id, undo);
  const name = countedAs(fold.now.counts, entry.action, bounds.actions);
  fold.now.counts = { ...fold.now.counts, [name]: (of(fold.now.counts, name) ?? 0) + 1 };
  spend(fold, granted, addDecimal, undo);
  if (identity !== undefined) setIn(fold.acts, identity, (fold.acts.get(identity) ?? 0) + 1, undo);
  if (operation !== undefined && act !== undefined)
    setIn(fold.operations, operation, { act, decision: id, identity: identity ?? act }, undo);
  if (entry.effectful || operation !== undefined) setIn(fold.permits, id, granted, undo);
  else {
    fold.reads.put(id, granted, undo);
    if (fold.reads.size > bounds.reads) fold.reads.drop(undo);
  }
}

/** A new permit of one operation takes the place of the old: the effect happens once, so it is spent once. */
function renew(fold: Fold, old: string, by: string, undo: Undo): void {
  const permit = fold.permits.get(old);
  if (permit === undefined) return;
  if (permit.state === 'permitted' || permit.state === 'unknown') release(fold, permit, undo);
  setIn(fold.permits, old, { ...permit, renewedBy: by }, undo);
}

function release(fold: Fold, permit: Permit, undo: Undo): void {
  spend(fold, permit, subtractDecimal, undo);
  if (permit.identity === undefined) return;
  const left = (fold.acts.get(permit.identity) ?? 0) - 1;
  if (left > 0) setIn(fold.acts, permit.identity, left, undo);
  else deleteIn(fold.acts, permit.identity, undo);
}

type Change = (before: Decimal, amount: Decimal) => Decimal;

function spend(fold: Fold, permit: Permit, change: Change, undo: Undo): void {
  if (permit.consume.length === 0) return;
  const sums: Record<string, Decimal> = { ...fold.now.sums };
  for (const { budget, amount } of permit.consume) {
    const value = parseDecimal(amount) ?? ZERO;
    sums[budget] = change(of(sums, budget) ?? ZERO, value);
    for (const hop of permit.hops) {
      const name = `${hop} ${budget}`;
      setIn(fold.hopSums, name, change(fold.hopSums.get(name) ?? ZERO, value), undo);
    }
  }
  fold.now.sums = sums;
}

function keepAnswer(
  fold: Fold,
  entry: AskEntry,
  stored: StoredEntry,
  bounds: SessionBounds,
  undo: Undo,
): void {
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

function applyReport(fold: Fold, entry: ReportEntry, bounds: SessionBounds, undo: Undo): void {
  const [id, permit] = findPermit(fold, entry.decision);
  if (permit !== undefined) settle(fold, id, permit, entry, undo);
  remember(fold, unpackSeen(entry.seen), bounds, undo);
}

function settle(fold: Fold, id: string, permit: Permit, entry: ReportEntry, undo: Undo): void {
  if (permit.state === 'executed' || permit.state === 'failed') return;
  // Money that left the house comes back into a budget only on the far side's word.
  const unproven = entry.outcome === 'failed' && permit.external && entry.proof === '';
  const state = unproven ? 'unknown' : entry.outcome;
  if (state === 'failed') release(fold, permit, undo);
  if (fold.permits.has(id)) setIn(fold.permits, id, { ...permit, state }, undo);
  else fold.reads.put(id, { ...permit, state }, undo);
}

/** The permit that a decision id leads to, by way of its renewals. */
export function findPermit(fold: Fold, decision: string): readonly [string, Permit | undefined] {
  let id = decision;
  let permit = fold.permits.get(id) ?? fold.reads.get(id);
  while (permit?.renewedBy !== undefined) {
    id = permit.renewedBy;
    permit = fold.permits.get(id);
  }
  return [id, permit];
}

function remember(fold: Fold, seen: Iterable<Seen>, bounds: SessionBounds, undo: Undo): void {
  let { forgot } = fold.now;
  for (const { hash, origin } of seen) {
    const known = fold.origins.get(hash);
    // Whose words a value is was settled when it was first seen; only the user can make it theirs.
    if (known !== undefined && (known === 'user' || origin !== 'user')) continue;
    if (forgot && origin === 'trusted') continue;
    fold.origins.put(hash, origin, undo);
    if (fold.origins.size <= bounds.origins) continue;
    if (fold.origins.oldest()?.[1] === 'untrusted') forgot = true;
    fold.origins.drop(undo);
  }
  fold.now.forgot = forgot;
}

export function answerKey(pep: string, request: string): string {
  return `${pep}\n${request}`;
}

/** Unix ms of a UUIDv7 (RFC 9562 §5.7: its first 48 bits); 0 for anything else, which is older than any floor. */
export function mintedAt(request: string): number {
  const ms = Number.parseInt(request.slice(0, 8) + request.slice(9, 13), 16);
  return Number.isFinite(ms) ? ms : 0;
}
