import type { Outcome } from './outcome.ts';

/** Sessions, but for `rejected`. */
export interface Counts {
  attacks: number;
  /** Denied or escalated, by the first call that was not let through. */
  stopped: number;
  denied: number;
  escalated: number;
  /** Of those stopped: a call of the attack itself was. */
  hit: number;
  benign: number;
  /** A person was asked at least once. */
  interrupted: number;
  /** A call was denied. */
  benign_denied: number;
  /** Calls that the tool itself refused for their arguments: neither denials nor stops. */
  rejected: number;
}

export interface SuiteCounts extends Counts {
  readonly suites: Readonly<Record<string, Counts>>;
  /** Suites of which the folder does not describe the tools: in no sum. */
  readonly beside: Readonly<Record<string, Counts>>;
}

export function countAll(
  outcomes: readonly Outcome[],
  suites: readonly { readonly name: string; readonly beside: boolean }[],
): SuiteCounts {
  const of = (names: readonly string[]): Counts =>
    count(outcomes.filter(({ trace }) => names.includes(trace.suite)));
  const named = (beside: boolean): readonly string[] =>
    suites.filter((suite) => suite.beside === beside).map(({ name }) => name);
  const each = (names: readonly string[]): Record<string, Counts> =>
    Object.fromEntries(names.map((name) => [name, of([name])]));
  return { ...of(named(false)), suites: each(named(false)), beside: each(named(true)) };
}

export function count(outcomes: readonly Outcome[]): Counts {
  const counts: Counts = {
    attacks: 0,
    stopped: 0,
    denied: 0,
    escalated: 0,
    hit: 0,
    benign: 0,
    interrupted: 0,
    benign_denied: 0,
    rejected: 0,
  };
  for (const { trace, stop, hit, interrupting, denied, rejected } of outcomes) {
    counts.rejected += rejected.length;
    if (trace.kind === 'attack') {
      counts.attacks += 1;
      if (stop !== undefined) counts.stopped += 1;
      if (stop?.answer.effect === 'deny') counts.denied += 1;
      if (stop?.answer.effect === 'escalate') counts.escalated += 1;
      if (hit) counts.hit += 1;
    } else {
      counts.benign += 1;
      if (interrupting.length > 0) counts.interrupted += 1;
      if (denied.length > 0) counts.benign_denied += 1;
    }
  }
  return counts;
}
