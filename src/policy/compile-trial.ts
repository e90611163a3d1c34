/**
 * Compiles a module where that may go wrong, before this process does. The engine ends its process where it cannot get
 * the memory that compiling takes, which a worker does not keep away; and what a body takes cannot be read off its
 * bytes, since both compilers keep copies of what is on the operand stack, or in the locals, wherever paths meet.
 */
import { fileURLToPath } from 'node:url';
import { serialize } from 'node:v8';
import { type Ended, lacksMemory, runChild } from './child.ts';
import type { Compiled } from './compile-compare.ts';
import { type PolicyProblem, problem } from './compile-sources.ts';

/**
 * MiB that compiling a module may take, function after function, with what was compiled. A set of 3,000 rules takes 340,
 * 500 values made by one rule 60, the finance bundle 20.
 */
const MOST_MIB = 512;
/** Often enough that what is taken meanwhile is some ten MiB. */
const LOOK_MS = 2;
/** What a refusal names where it is about no other file. */
export const MODULE = 'policy.wasm';

/** What the child is given: a module, or the bundle in which it is. */
export type Untried = { readonly wasm: Uint8Array } | { readonly bundle: Uint8Array };

/** What the child says of it. */
export type TrialAnswer =
  | { readonly kind: 'compiled' }
  | { readonly kind: 'refused'; readonly problem: string; readonly file: string };

/**
 * Compiles every function by both of the engine's compilers, one after the other, in a process of its own that ends past
 * 512 MiB. This process compiles functions one at a time too, so that it needs no more for any order in which policy
 * comes to call them.
 * @param deadlineMs until the process is killed, as it is by the signal
 * @returns a problem `assent_bundle` where there is no module, it is none, or it takes too much; empty: it compiles
 * @throws Error when the process cannot be started, or ends for a reason of ours; the signal's reason when it is aborted
 */
export async function tryCompiling(
  compiled: Compiled,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<readonly PolicyProblem[]> {
  const untried: Untried = 'bundle' in compiled ? compiled : { wasm: compiled.wasm };
  const ended = await runTrial(untried, { mostMib: MOST_MIB, lookMs: LOOK_MS, deadlineMs, signal });
  const { late, code, signal: by, stdout, words } = ended;
  if (late) return [refused(`the module takes longer than ${deadlineMs} ms to compile`)];
  if (lacksMemory(ended)) return [refused(`the module takes over ${MOST_MIB} MiB to compile`)];
  if (code !== 0) throw new Error(`the process that tries a module out ended with ${code ?? by}: ${words}`);
  const answer = JSON.parse(stdout.toString()) as TrialAnswer;
  if (answer.kind === 'compiled') return [];
  if (answer.kind === 'refused') return [refused(answer.problem, answer.file)];
  throw new Error('the process that tries a module out says something else');
}

/** What one trial may take. */
interface TrialBounds {
  readonly mostMib: number;
  /** Milliseconds between looks at what it takes. */
  readonly lookMs: number;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The process by itself. */
export function runTrial(
  untried: Untried,
  { mostMib, lookMs, deadlineMs, signal }: TrialBounds,
): Promise<Ended> {
  return runChild({
    name: 'compile-trial-child',
    options: OPTIONS,
    args: [String(mostMib), String(lookMs)],
    stdin: serialize(untried),
    deadlineMs,
    signal,
  });
}

/** Each function at once rather than when it is called, one at a time, and by the first compiler alone to begin with. */
const OPTIONS = [
  `--allow-fs-read=${fileURLToPath(new URL('..', import.meta.url))}`,
  '--no-wasm-lazy-compilation',
  '--no-wasm-tier-up',
  '--wasm-num-compilation-tasks=1',
  '--max-old-space-size=256',
];

function refused(message: string, file = MODULE): PolicyProblem {
  return { ...problem(file, message), code: 'assent_bundle' };
}
