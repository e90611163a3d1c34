/**
 * Reads what the policy said. Anything but a well-formed verdict is a deny `policy.undefined`: nothing said,
 * a scalar, an effect or a reason code that nobody declared, an amount that cannot be counted exactly.
 */

import { addDecimal, type Decimal, formatDecimal, parseDecimal, ZERO } from '../model/decimal.ts';
import type { Consumption, Obligation, Verdict } from '../model/decision.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../model/json.ts';
import {
  combineReasons,
  type Effect,
  isOwnCode,
  type OwnCode,
  REASONS,
  type Reason,
  type Remedy,
  reasonOf,
  STRICTNESS,
} from '../model/reason.ts';
import { type CodeEntry, type Codes, remedyOf } from './codes.ts';

/** Codes of ours that rules may use: what the default library says, no room's own finding. */
const BORROWED: ReadonlySet<OwnCode> = new Set([
  'authority.exceeded',
  'provenance.untrusted',
  'session.budget',
  'session.duplicate',
  'session.operation_unknown',
  'session.rate',
  'session.required',
  'session.task_closed',
  'policy.unspoken',
]);

/** Nobody is told to come back later than in a day. */
const MAX_DELAY_MS = 86_400_000;
const MAX_ITEMS = 64;
const MAX_WORDS = 512;
const MAX_NAME = 256;
const MAX_DEPTH = 16;

/** Why a result is no verdict; caught here and nowhere else. */
class NoVerdict extends Error {}

/**
 * The verdict in an evaluation's result, JSON text `[{"result": {effect, reasons, oblige, consume}}]`.
 * `reasons[]{code, words?, remedy?, reviewers?, retry_delay_ms?, …details}`, `oblige[]{name, parameters?}`,
 * `consume[]{budget, amount}`; reasons of one code are combined, amounts of one budget are added up. Obligations and consumption belong to an
 * allow and are dropped from every other effect. Never throws for what the text holds.
 */
export function readVerdict(text: string, codes: Codes): Verdict {
  try {
    return verdictOf(resultOf(text), codes);
  } catch (cause) {
    // JsonError says where the text is not strict JSON; NoVerdict says what is missing. Both are denies.
    return undefinedVerdict(cause instanceof Error ? cause.message : 'is no verdict');
  }
}

/** The deny for a policy that gave no verdict; `problem` goes to the record, never to the agent. */
export function undefinedVerdict(problem: string): Verdict {
  const details = { problem: problem.slice(0, MAX_NAME) };
  return { effect: 'deny', reasons: [reasonOf('policy.undefined', details)], obligations: [], consume: [] };
}

function resultOf(text: string): JsonObject {
  const sets = parseJson(text, { maxDepth: MAX_DEPTH });
  if (!Array.isArray(sets) || sets.length !== 1) throw new NoVerdict('the verdict is undefined');
  const [set] = sets as readonly JsonValue[];
  const result = isJsonObject(set) ? set['result'] : undefined;
  if (!isJsonObject(result)) throw new NoVerdict('the verdict is not an object');
  return result;
}

function verdictOf(result: JsonObject, codes: Codes): Verdict {
  const effect = effectOf(result['effect']);
  const said = itemsOf(result, 'reasons');
  const reasons = combineReasons(said.map((item) => readReason(item, codes)));
  const obligations = itemsOf(result, 'oblige').map(readObligation);
  const consume = readConsumption(itemsOf(result, 'consume'));
  if (effect === 'allow') return { effect, reasons, obligations, consume };
  if (reasons.length === 0) throw new NoVerdict(`the effect \`${effect}\` has no reason`);
  const verdict = { effect, reasons, obligations: [], consume: [] };
  const delay = effect === 'throttle' ? Math.max(...said.map(delayOf)) : 0;
  return delay > 0 ? { ...verdict, retryDelayMs: delay } : verdict;
}

function effectOf(value: JsonValue | undefined): Effect {
  const effect = STRICTNESS.find((known) => known === value);
  if (effect === undefined) throw new NoVerdict('the effect is unknown');
  return effect;
}

function itemsOf(result: JsonObject, name: string): readonly JsonObject[] {
  const items = result[name];
  if (items === undefined) return [];
  if (!Array.isArray(items) || items.length > MAX_ITEMS || !items.every(isJsonObject))
    throw new NoVerdict(`\`${name}\` is not a list of at most ${MAX_ITEMS} objects`);
  return items;
}

function readReason(item: JsonObject, codes: Codes): Reason {
  const { code, words, remedy, reviewers, retry_delay_ms: _delay, ...details } = item;
  if (typeof code !== 'string') throw new NoVerdict('a reason has no code');
  const entry = entryOf(code, codes);
  return {
    code: code as Reason['code'],
    words: words === undefined ? entry.words : textOf(words, 'words', MAX_WORDS),
    remedy: remedy === undefined ? entry.remedy : knownRemedy(remedy),
    ...(reviewers === undefined ? {} : { reviewers: namesOf(reviewers) }),
    ...(Object.keys(details).length === 0 ? {} : { details: details as JsonObject }),
  };
}

function entryOf(code: string, codes: Codes): CodeEntry {
  const declared = codes.get(code);
  if (declared !== undefined) return declared;
  if (isOwnCode(code) && BORROWED.has(code)) return REASONS[code];
  throw new NoVerdict(`the code \`${code.slice(0, MAX_NAME)}\` is not declared`);
}

function knownRemedy(value: JsonValue): Remedy {
  const remedy = remedyOf(value);
  if (remedy === undefined) throw new NoVerdict('a remedy is unknown');
  return remedy;
}

function textOf(value: JsonValue | undefined, name: string, maximum: number): string {
  if (typeof value !== 'string' || value === '' || value.length > maximum)
    throw new NoVerdict(`\`${name}\` is not a text of at most ${maximum} characters`);
  return value;
}

function namesOf(value: JsonValue): readonly string[] {
  if (!Array.isArray(value) || value.length > MAX_ITEMS)
    throw new NoVerdict('`reviewers` is not a list of names');
  return value.map((name: JsonValue) => textOf(name, 'reviewers', MAX_NAME));
}

function delayOf(item: JsonObject): number {
  const delay = item['retry_delay_ms'] ?? 0;
  if (typeof delay !== 'number' || !(delay >= 0)) throw new NoVerdict('`retry_delay_ms` is not a duration');
  return Math.min(Math.ceil(delay), MAX_DELAY_MS);
}

function readObligation(item: JsonObject): Obligation {
  const { name, parameters = {} } = item;
  if (!isJsonObject(parameters)) throw new NoVerdict('the parameters of an obligation are not an object');
  return { name: textOf(name, 'oblige', MAX_NAME), parameters };
}

/** One entry per budget, as decimal strings: the numbers are exact, because the strict parser kept them so. */
function readConsumption(items: readonly JsonObject[]): readonly Consumption[] {
  const totals = new Map<string, Decimal>();
  for (const item of items) {
    const { amount } = item;
    const budget = textOf(item['budget'], 'budget', MAX_NAME);
    // A number in exponent form (1e21) is no amount of anything that we count.
    const exact = typeof amount === 'number' ? parseDecimal(String(amount)) : undefined;
    if (exact === undefined || exact.units < 0n) throw new NoVerdict('an amount cannot be counted exactly');
    totals.set(budget, addDecimal(totals.get(budget) ?? ZERO, exact));
  }
  return Array.from(totals, ([budget, total]) => ({ budget, amount: formatDecimal(total) }));
}
