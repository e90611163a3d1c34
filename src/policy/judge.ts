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
 * What the policy says of these facts. An evaluation that aborts is a deny `policy.undefined`: the record holds
 * the input that did it, the log the cause.
 * @throws Refusal when the facts cannot be written as an input (see composeInput)
 */
export function judge({ activation, data, loaded, evaluator }: Judge, facts: Facts, log: PolicyLog): Judged {
  const input = composeInput(facts);
  const { number, revision } = activation;
  let verdict: Verdict;
  try {
    verdict = readVerdict(evaluator.evaluate(input), loaded.manifest.codes);
  } catch (cause) {
    log.error({ cause, revision, decision: facts.id }, 'policy evaluation failed');
    verdict = undefinedVerdict('the evaluation failed');
  }
  return { verdict, revision, activation: number, dataVersion: data.version, input };
}
