/**
 * The answers that no policy can loosen. Pure: facts and a verdict in, a verdict at least as strict out.
 * Token, chain, tenant and the session's door refused before policy was asked; what is left is held here.
 */
import { addDecimal, compareDecimal, type Decimal, parseDecimal, ZERO } from '../model/decimal.ts';
import type { Verdict } from '../model/decision.ts';
import type { Facts } from '../model/facts.ts';
import type { JsonObject } from '../model/json.ts';
import {
  combineReasons,
  type Effect,
  type OwnCode,
  type Reason,
  reasonOf,
  STRICTNESS,
} from '../model/reason.ts';
import { permits } from './input.ts';

interface Floor {
  readonly effect: Exclude<Effect, 'allow'>;
  readonly reason: Reason;
}

/**
 * The verdict, or a stricter one: the strictest effect among the policy's and the floors' wins, with the
 * reasons of whoever said it, one a code. An escalate that both ask for keeps the policy's reviewers.
 */
export function holdFloors(facts: Facts, verdict: Verdict): Verdict {
  const floors = floorsOf(facts, verdict);
  if (floors.length === 0) return verdict;
  const effect = strictest([verdict.effect, ...floors.map((floor) => floor.effect)]);
  const added = floors.filter((floor) => floor.effect === effect).map((floor) => floor.reason);
  if (effect !== verdict.effect) return { effect, reasons: added, obligations: [], consume: [] };
  return { ...verdict, reasons: combineReasons([...verdict.reasons, ...added]) };
}

function strictest(effects: readonly Effect[]): Effect {
  return STRICTNESS.find((effect) => effects.includes(effect)) ?? 'deny';
}

function floorsOf(facts: Facts, verdict: Verdict): readonly Floor[] {
  const { session, action } = facts;
  const floors: Floor[] = [];
  const hold = (effect: Floor['effect'], code: OwnCode, details?: JsonObject): void => {
    floors.push({ effect, reason: reasonOf(code, details) });
  };
  if (!permits(facts)) hold('deny', 'authority.exceeded');
  if (session === null && (!action.stateless || verdict.consume.length > 0)) hold('deny', 'session.required');
  if (session?.state === 'closed') hold('deny', 'session.task_closed');
  if (session?.state === 'suspended') hold('deny', 'session.suspended');
  if (session?.operation === 'unknown') hold('escalate', 'session.operation_unknown');
  if (session !== null && verdict.effect === 'allow') {
    const budget = uncovered(facts, verdict);
    if (budget !== undefined) hold('deny', 'session.budget', { budget });
  }
  const doubtful = doubtfulArguments(facts);
  if (doubtful.length > 0) hold('escalate', 'provenance.untrusted', { arguments: doubtful });
  return floors;
}

/** Paths of what decides where something goes or how much of it, and is neither the user's, a trusted record's nor what the catalog accepts. */
function doubtfulArguments({ action, provenance }: Facts): readonly string[] {
  if (!action.effectful) return [];
  const paths: string[] = [];
  for (const { path } of action.weighty) {
    const origin = Object.hasOwn(provenance, path) ? provenance[path] : 'unknown';
    if (origin === 'user' || origin === 'trusted') continue;
    const accepts: readonly string[] = action.entry.arguments.get(argumentOf(path))?.accepts ?? [];
    if (origin === undefined || !accepts.includes(origin)) paths.push(path);
  }
  return paths;
}

/** Of `to[0]`, `to.iban` and `to.iban#name` alike. */
function argumentOf(path: string): string {
  return /^[^.[#]*/.exec(path)?.[0] ?? '';
}

/** The first budget that mandate or chain do not cover; one that the mandate does not name covers nothing. */
function uncovered({ session, authority }: Facts, verdict: Verdict): string | undefined {
  const totals = new Map<string, Decimal>();
  for (const { budget, amount } of verdict.consume) {
    const exact = parseDecimal(amount);
    if (exact === undefined || exact.units < 0n) return budget;
    totals.set(budget, addDecimal(totals.get(budget) ?? ZERO, exact));
  }
  for (const [budget, total] of totals) {
    if (!covers(session?.remaining ?? {}, budget, total)) return budget;
    // The chain names only the budgets that a hop narrowed; the mandate covers the rest.
    if (Object.hasOwn(authority.limits, budget) && !covers(authority.limits, budget, total)) return budget;
  }
  return undefined;
}

function covers(limits: Readonly<Record<string, string>>, budget: string, total: Decimal): boolean {
  const left = Object.hasOwn(limits, budget) ? parseDecimal(limits[budget] ?? '') : undefined;
  return left !== undefined && compareDecimal(total, left) <= 0;
}
