import type { PlayedAsk } from './played.ts';
import type { Expectation } from './scenario.ts';

/** What of the expectation the answers do not meet, in words; none: it came out as named. */
export function unmet(expect: Expectation, asks: readonly PlayedAsk[]): readonly string[] {
  const problems: string[] = [];
  const { effect, codes = [], run, one_cause: oneCause, replayed } = expect;
  // A step that says neither would be met by anything.
  if (effect === undefined && run === undefined) problems.push('the scenario does not say what is expected');
  if (effect !== undefined && asks.some((ask) => ask.effect !== effect))
    problems.push(`expected ${effect}, got ${told(asks.find((ask) => ask.effect !== effect))}`);
  const effects = asks.map((ask) => ask.effect).filter((one, i, all) => one !== all[i - 1]);
  if (run !== undefined && effects.join() !== run.join())
    problems.push(`expected ${run.join(', then ')}; got ${effects.join(', then ')}`);
  const noes = asks.filter((ask) => ask.effect !== 'allow');
  for (const code of codes) {
    const without = noes.length === 0 ? asks[0] : noes.find((ask) => !ask.codes.includes(code));
    if (without !== undefined) problems.push(`expected the reason ${code}, got ${told(without)}`);
  }
  const causes = new Set(noes.map((ask) => ask.cause_id));
  if (oneCause === true && (causes.size !== 1 || causes.has('')))
    problems.push(`expected one cause id, got ${causes.size}`);
  if (replayed !== undefined && asks.some((ask) => ask.replayed !== replayed))
    problems.push(replayed ? 'expected an earlier answer again' : 'expected a new answer');
  return problems;
}

function told(ask: PlayedAsk | undefined): string {
  return ask === undefined ? 'nothing' : [ask.effect, ...ask.codes].join(' ');
}
