import { LRUCache } from 'lru-cache';
import type { Judged, Verdict } from '../model/decision.ts';
import type { Facts } from '../model/facts.ts';
import { composeInput } from './input.ts';
import type { Loaded } from './load.ts';
import type { Evaluator } from './opa.ts';
import type { PolicyLog } from './room.ts';
import type { StoredActivation, StoredData } from './store.ts';
import { readVerdict, undefinedVerdict } from './verdict.ts';

/** What judges at one moment. */
export interface Judge {
  readonly activation: StoredActivation;
  readonly data: Pick<StoredData, 'version'>;
  readonly loaded: Pick<Loaded, 'manifest'>;
  readonly evaluator: Evaluator;
}

/**
 * Verdicts by the text that policy gave, for each active policy: the same few texts come again and again, and
 * reading one strictly takes 3 to 6 µs. Verdicts are immutable, and a text has one reading.
 */
const readings = new WeakMap<Evaluator, LRUCache<string, Verdict>>();
const MOST_READINGS = 1024;
/** A longer text is not worth its room. */
const LONGEST_READING = 2048;

function reading(text: string, { evaluator, loaded }: Judge): Verdict {
  if (text.length > LONGEST_READING) return readVerdict(text, loaded.manifest.codes);
  let known = readings.get(evaluator);
  if (known === undefined) readings.set(evaluator, (known = new LRUCache({ max: MOST_READINGS })));
  let verdict = known.get(text);
  if (verdict === undefined) known.set(text, (verdict = readVerdict(text, loaded.manifest.codes)));
  return verdict;
}

/**
 * What the policy says of these facts. An evaluation that aborts is a deny `policy.undefined`: the record holds
 * the input that did it, the log the cause.
 * @throws Refusal when the facts cannot be written as an input (see composeInput)
 */
export function judge(by: Judge, facts: Facts, log: PolicyLog): Judged {
  const { activation, data, evaluator } = by;
  const input = composeInput(facts);
  const { number, revision } = activation;
  let verdict: Verdict;
  try {
    verdict = reading(evaluator.evaluate(input), by);
  } catch (cause) {
    log.error({ cause, revision, decision: facts.id }, 'policy evaluation failed');
    verdict = undefinedVerdict('the evaluation failed');
  }
  return { verdict, revision, activation: number, dataVersion: data.version, input };
}
