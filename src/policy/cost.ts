/** What each rule costs: evaluated alone, in the compiled module, on the inputs that the tests asked with. */
import { canonicalJson } from '../model/json.ts';
import type { Probe, Probed } from './compile.ts';
import { ENTRYPOINT } from './names.ts';
import { buildImage, createEvaluator, type Evaluator, type PolicyImage } from './opa.ts';
import { compileModule } from './start.ts';

/** Microseconds of one evaluation. */
export interface Cost {
  /** Over all inputs. */
  readonly mean_us: number;
  /** For the input it is dearest with. */
  readonly most_us: number;
}

/** One rule, from where it begins; what it calls counts in. */
export interface RuleCost extends Cost, Omit<Probe, 'entrypoint'> {}

export interface Costs {
  /** How many inputs were measured with; 0: nothing was, because no test asks with an input. */
  readonly inputs: number;
  /** Reading the input and starting an evaluation, which every ask pays once. Not in the figures of rules. */
  readonly input: Cost;
  /** The whole evaluation, input included. Less than the sum: rules share what they call. */
  readonly verdict: Cost;
  /** Dearest first. */
  readonly rules: readonly RuleCost[];
}

const PAGES = 4096;
/** Evaluations of each entry point before any is timed: the code of all of them is optimised by then. */
const WARMING = 600;
/** Evaluations timed one by one, before the batches. */
const SINGLES = 3;
/** Evaluations in a batch, so that the clock's own cost vanishes; the fastest batch counts, the others were disturbed. */
const BATCH = 10;
/** Batches of all inputs together, at least, and of each input. */
const [BATCHES, BATCHES_EACH] = [128, 4];
/** Milliseconds; an evaluation beyond is neither repeated for warmth nor timed in batches. */
const LONG = 2;

/**
 * Blocks this thread for some ten milliseconds a rule: not for a process that decides.
 * @param now a clock in milliseconds with a fraction
 */
export async function measureCosts(
  { wasm, probes, data, inputs }: Probed,
  now: () => number,
): Promise<Costs> {
  if (inputs.length === 0) return { inputs: 0, input: costOf([]), verdict: costOf([]), rules: [] };
  const module = await compileModule(Uint8Array.from(wasm));
  const image = buildImage(module, new TextEncoder().encode(canonicalJson(data)), PAGES);
  const batches = Math.max(BATCHES_EACH, Math.ceil(BATCHES / inputs.length));
  const open = (entrypoint: string) => createEvaluator(module, imageAt(image, entrypoint), PAGES);
  const time = async (entrypoint: string): Promise<readonly number[]> => {
    const evaluator = await open(entrypoint);
    return inputs.map((input) => fastest(timerOf(evaluator, input, now), batches));
  };
  for (const entrypoint of [ENTRYPOINT, ...probes.map((probe) => probe.entrypoint)])
    warm(await open(entrypoint), inputs, now);
  const idle = probes.find(({ file }) => file === '');
  if (idle === undefined) throw new Error('the toolchain gave no probe to compare with');
  const verdict = await time(ENTRYPOINT);
  const input = await time(idle.entrypoint);
  const rules: RuleCost[] = [];
  for (const { entrypoint, ...rule } of probes.filter(({ file }) => file !== '')) {
    const took = await time(entrypoint);
    rules.push({ ...rule, ...costOf(took.map((ms, i) => Math.max(0, ms - (input[i] ?? 0)))) });
  }
  rules.sort((a, b) => b.most_us - a.most_us || b.mean_us - a.mean_us);
  return { inputs: inputs.length, input: costOf(input), verdict: costOf(verdict), rules };
}

/** Milliseconds of one evaluation, as the mean of so many. */
type Timer = (evaluations: number) => number;

function timerOf(evaluator: Evaluator, input: string, now: () => number): Timer {
  return (evaluations) => {
    const started = now();
    for (let n = 0; n < evaluations; n += 1) evaluator.evaluate(input);
    return (now() - started) / evaluations;
  };
}

function warm(evaluator: Evaluator, inputs: readonly string[], now: () => number): void {
  for (const input of inputs) {
    const timer = timerOf(evaluator, input, now);
    if (timer(1) < LONG) timer(Math.ceil(WARMING / inputs.length));
  }
}

function fastest(timer: Timer, batches: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < SINGLES; i += 1) best = Math.min(best, timer(1));
  for (let i = 0; i < batches && best < LONG; i += 1) best = Math.min(best, timer(BATCH));
  return best;
}

function imageAt(image: PolicyImage, name: string): PolicyImage {
  const entrypoint = image.entrypoints.get(name);
  if (entrypoint === undefined) throw new Error(`the module has no entry point \`${name}\``);
  return { ...image, entrypoint };
}

function costOf(times: readonly number[]): Cost {
  const sum = times.reduce((total, time) => total + time, 0);
  return {
    mean_us: microseconds(sum / Math.max(1, times.length)),
    most_us: microseconds(Math.max(0, ...times)),
  };
}

/** With one decimal: finer is noise. */
function microseconds(ms: number): number {
  return Math.round(ms * 10_000) / 10;
}
