/** Sessions, answers and outcomes as tests need them. */
import type { Outcome } from '../../bench/judge/outcome.ts';
import type { Answer } from '../../bench/judge/pdp.ts';
import type { Call } from '../../bench/judge/replay.ts';
import type { Step, Trace } from '../../bench/judge/traces.ts';

export function step(change: Partial<Step> = {}): Step {
  return { tool: 'send', args: {}, output: '', error: null, ...change };
}

export function trace(change: Partial<Trace> = {}): Trace {
  const kind = change.kind ?? 'benign';
  return {
    suite: 'estate',
    line: 1,
    kind,
    model: 'alpha-20250101',
    task: 'letter',
    prompt: 'write a letter',
    turns: [],
    attack: kind === 'attack' ? 'note' : '',
    goal: kind === 'attack' ? 'codes_out' : '',
    steps: [step(kind === 'attack' ? { mal: 'core' } : {})],
    ...change,
  };
}

export function call(index: number, effect: Answer['effect'], change: Partial<Answer> = {}): Call {
  const codes = effect === 'allow' ? [] : ['provenance.untrusted'];
  return { index, args: {}, answer: { effect, codes, provenance: {}, id: 'd', ...change } };
}

export function outcome(change: Partial<Outcome> = {}): Outcome {
  return {
    trace: trace(),
    calls: [],
    score: 0,
    stop: undefined,
    hit: false,
    interrupting: [],
    denied: [],
    rejected: [],
    ...change,
  };
}
