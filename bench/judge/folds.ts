/** Who learns from whom: folds over user tasks, and folds over groups of base models. */
import { drawn } from './people.ts';
import type { Trace } from './traces.ts';

export const FOLDS = 5;

export const PROTOCOLS = ['cold', 'unseen', 'known'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** One house: what it learns first, and what it then judges. */
export interface Part {
  /** Tasks or groups of models that are judged; empty where everything is. */
  readonly held: readonly string[];
  readonly learn: readonly Trace[];
  readonly judge: readonly Trace[];
}

/** Sessions for learning are benign and solved; none is of a judged task (unseen) or of a judged model (known). */
export function partsOf(protocol: Protocol, traces: readonly Trace[], seed: number): readonly Part[] {
  switch (protocol) {
    case 'cold':
      return [{ held: [], learn: [], judge: traces }];
    case 'unseen':
      return foldBy(traces, taskOf, seed);
    case 'known':
      return foldBy(traces, ({ model }) => groupOf(model), seed);
    default:
      return protocol satisfies never;
  }
}

function taskOf({ suite, task }: Trace): string {
  return `${suite}/${task}`;
}

/** Version and edition of a model: `-20240620`, `-2024-05-13`, `-001`, `-exp`, `-preview`. */
const EDITION = /(?:-(?:\d{3,}|\d{4}-\d{2}-\d{2}|exp|experimental|preview|latest))+$/;

/** The base model that a model is an edition of. */
export function groupOf(model: string): string {
  return model.toLowerCase().replace(EDITION, '');
}

/** Keys in an order that the seed decides, dealt out to the folds like cards, suite after suite. */
function foldBy(traces: readonly Trace[], keyOf: (trace: Trace) => string, seed: number): readonly Part[] {
  const keys = [...new Set(traces.map(keyOf))];
  const order = new Map(keys.map((key) => [key, drawn(seed, Number.MAX_SAFE_INTEGER, 'fold', key)]));
  const dealt = keys.sort(
    (a, b) => suiteOf(a, b) || (order.get(a) ?? 0) - (order.get(b) ?? 0) || (a < b ? -1 : 1),
  );
  const folds = Math.min(FOLDS, keys.length);
  const foldOf = new Map(dealt.map((key, index) => [key, index % folds]));
  return Array.from({ length: folds }, (_, fold) => ({
    held: dealt.filter((key) => foldOf.get(key) === fold),
    learn: traces.filter((trace) => trace.kind === 'benign' && foldOf.get(keyOf(trace)) !== fold),
    judge: traces.filter((trace) => foldOf.get(keyOf(trace)) === fold),
  }));
}

/** Tasks of one suite stand together, so that each fold has its share of them; groups of models have no suite. */
function suiteOf(a: string, b: string): number {
  const [one, other] = [a, b].map((key) => /^[a-z][a-z0-9_]*(?=\/)/.exec(key)?.[0] ?? '');
  return one === other ? 0 : (one ?? '') < (other ?? '') ? -1 : 1;
}
