/** A fold, as one ask sees it. */
import type { Authority } from '../model/authority.ts';
import {
  addDecimal,
  compareDecimal,
  type Decimal,
  formatDecimal,
  parseDecimal,
  subtractDecimal,
  ZERO,
} from '../model/decimal.ts';
import type { Answer, Consumption } from '../model/decision.ts';
import type { Mandate } from '../model/mandate.ts';
import type { Session } from '../model/session.ts';
import type { SessionView } from '../model/verbs.ts';
import type { SessionBounds } from './bounds.ts';
import { countedAs, type Fold, NONE, of, type Permit, type Table } from './fold.ts';
import { heardBy } from './origins.ts';
import { amountOf, debited, isOpen, OPENING } from './permits.ts';
import { NEVER, readRate } from './rate.ts';
import { type Heard, originIn } from './sayings.ts';

const RECENT_FOR_POLICY = 8;

/** What one ask brings to its view of the session. */
export interface Viewing {
  readonly action: string;
  readonly effectful: boolean;
  readonly at: number;
  readonly authority: Authority;
  readonly identity: string | undefined;
  /** The permit that this ask's operation already has. */
  readonly earlier: Permit | undefined;
  readonly answered: Answer | undefined;
}

export function viewSession(fold: Fold, viewing: Viewing, bounds: SessionBounds): Session {
  const { now } = fold;
  const { action, at, earlier, identity } = viewing;
  const open = earlier !== undefined && isOpen(earlier) ? earlier : undefined;
  const done = viewing.effectful && earlier?.state === 'executed';
  // An effect that took place is not spent again either: its operation is refused for that, and for nothing else.
  const held = done ? earlier : open;
  const own = identity !== undefined && identity === open?.identity ? 1 : 0;
  let heard: Heard | undefined;
  const rate = readRate(of(now.rates, countedAs(now.rates, action, bounds.actions)) ?? NEVER, at);
  return {
    id: now.opening.id,
    state: now.state,
    subject: now.subject,
    actor: now.actor,
    age: Math.max(0, Math.floor((at - now.opening.openedAt) / 1000)),
    steps: now.steps,
    denials: now.denials,
    recent: now.recent.slice(0, RECENT_FOR_POLICY),
    duplicate: done || (identity !== undefined && (fold.acts.get(identity) ?? 0) > own),
    operation: open === undefined ? 'none' : open.state === 'unknown' ? 'unknown' : 'same',
    counts: countsFor(now.counts, { action, held: held === undefined ? 0 : 1 }, bounds),
    rate: {
      action_per_second: rate.perSecond,
      action_per_minute: rate.perMinute,
      session_per_minute: readRate(now.rate, at).perMinute,
    },
    throttles: of(now.throttles, countedAs(now.throttles, action, bounds.actions)) ?? NONE,
    sums: textOf(netSums(fold, held)),
    remaining: textOf(remainingOf(fold, viewing.authority, held)),
    task: {
      type: now.mandate.taskType,
      purpose: now.mandate.purpose,
      state: now.state,
      declared: now.mandate.declared,
    },
    mandatePermits: namesAction(now.mandate, action),
    head: now.head,
    answered: viewing.answered,
    originOf: (hash, readings) => originIn((heard ??= heardBy(fold)), hash, readings),
  };
}

/** Spent by budget, without what this ask's own operation took: asked again, it is spent once. */
function netSums({ now }: Fold, held: Permit | undefined): Table<Decimal> {
  if (held === undefined || held.consume.length === 0) return now.sums;
  const net: Record<string, Decimal> = { ...now.sums };
  for (const budget of Object.keys(net))
    net[budget] = subtractDecimal(net[budget] ?? ZERO, amountOf(held.consume, budget));
  return net;
}

/**
 * What is left of each budget of the mandate, for this chain: the least of what the mandate, the opening mandate and
 * each hop's own limit have left. Spending is debited to every hop of the chain it was made by, so delegates in
 * parallel share exactly what their common ancestors have; the opening mandate is an ancestor of all.
 */
export function remainingOf(
  fold: Fold,
  authority: Authority | undefined,
  held: Permit | undefined,
): Table<Decimal> {
  const sums = netSums(fold, held);
  const left: Record<string, Decimal> = {};
  for (const [budget, limit] of Object.entries(fold.now.mandate.limits)) {
    const ofMandate = subtractDecimal(parseDecimal(limit) ?? ZERO, of(sums, budget) ?? ZERO);
    const ofChain = authority === undefined ? undefined : remainingOfChain(fold, authority, held, budget);
    left[budget] = ofChain !== undefined && compareDecimal(ofChain, ofMandate) < 0 ? ofChain : ofMandate;
  }
  return left;
}

/** Undefined without a chain. */
function remainingOfChain(
  fold: Fold,
  authority: Authority,
  held: Permit | undefined,
  budget: string,
): Decimal | undefined {
  let least: Decimal | undefined;
  const spentBy = debited(held?.hops ?? []);
  for (const hop of debited(authority.hops)) {
    const limit =
      hop === OPENING ? openingLimit(fold, budget) : of(of(authority.hopLimits, hop) ?? NONE, budget);
    if (limit === undefined) continue;
    const own = held !== undefined && spentBy.includes(hop) ? amountOf(held.consume, budget) : ZERO;
    const spent = subtractDecimal(fold.hopSums.get(`${hop} ${budget}`) ?? ZERO, own);
    const left = subtractDecimal(limit, spent);
    if (least === undefined || compareDecimal(left, least) < 0) least = left;
  }
  return least;
}

/** What an amendment adds is for asks without a chain: hops were signed over the mandate as it was opened. */
function openingLimit({ now }: Fold, budget: string): Decimal {
  return parseDecimal(of(now.opening.mandate.limits, budget) ?? '') ?? ZERO;
}

/** True when every budget is named and covers all that is taken from it. */
export function covers(remaining: Table<Decimal>, consume: readonly Consumption[]): boolean {
  const taken: Record<string, Decimal> = {};
  for (const { budget, amount } of consume) {
    const value = parseDecimal(amount);
    const left = of(remaining, budget);
    if (value === undefined || value.units < 0n || left === undefined) return false;
    const total = addDecimal(of(taken, budget) ?? ZERO, value);
    if (compareDecimal(total, left) > 0) return false;
    taken[budget] = total;
  }
  return true;
}

function textOf(table: Table<Decimal>): Table<string> {
  const texts: Record<string, string> = {};
  for (const name of Object.keys(table)) texts[name] = formatDecimal(table[name] ?? ZERO);
  return texts;
}

/**
 * Without what this ask's own operation was counted. Past the bound an action has the count of all others, which is
 * never too small.
 */
function countsFor(
  counts: Table<number>,
  { action, held }: { action: string; held: number },
  bounds: SessionBounds,
): Table<number> {
  const name = countedAs(counts, action, bounds.actions);
  if (name === action && held === 0) return counts;
  return { ...counts, [action]: (of(counts, name) ?? 0) - held };
}

/** Exact names, `prefix.*`, or `*`. */
export function namesAction(mandate: Mandate, action: string): boolean {
  return mandate.actions.some((pattern) =>
    pattern === '*'
      ? true
      : pattern.endsWith('.*')
        ? action.startsWith(pattern.slice(0, -1))
        : pattern === action,
  );
}

/** As people look at it. */
export function describeSession(fold: Fold): SessionView {
  const { now } = fold;
  return {
    id: now.opening.id,
    state: now.state,
    mandate: now.mandate,
    mandateDigest: now.opening.mandateDigest,
    subject: now.subject,
    actor: now.actor,
    openedAt: now.opening.openedAt,
    steps: now.steps,
    denials: now.denials,
    spent: textOf(now.sums),
    remaining: textOf(remainingOf(fold, undefined, undefined)),
    recent: now.recent,
    head: now.head,
  };
}
