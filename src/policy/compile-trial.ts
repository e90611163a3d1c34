/**
 * Compiles a module where that may go wrong, before this process does. The engine ends its process where it cannot get
 * the memory that compiling takes, which a worker does not keep away; and what a body takes cannot be read off its
 * bytes, since both compilers keep copies of what is on the operand stack, or in the locals, wherever paths meet.
 */
import { fileURLToPath } from 'node:url';
import { serialize } from 'node:v8';
import { runChild } from './child.ts';
import type { Compiled } from './compile-compare.ts';
import { type PolicyProblem, problem } from './compile-sources.ts';

/**
 * MiB that compiling a module may take, function after function, with what was compiled. A set of 3,000 rules takes 340,
 * 500 values made by one rule 60, the finance bundle 20.
 */
const MOST_MIB = 512;

/** What a refusal names where it is about no other file. */
export const MODULE = 'policy.wasm';

/** What the child says of it. */
export type TrialAnswer =
  | { readonly kind: 'compiled' }
  | { readonly kind: 'refused'; readonly problem: string; readonly file: string };

/**
 * Compiles every function by both of the engine's compilers, one after the other, in a process of its own that ends past
 * 512 MiB. This process compiles functions one at a time too, so that it needs no more for any order in which policy
 * comes to call them.
 * @param deadlineMs until the process is killed
 * @returns a problem `assent_bundle` where there is no module, it is none, or it takes too much; empty: it compiles
 * @throws Error when the process cannot be started, or ends for a reason of ours
 */
export async function tryCompiling(
  compiled: Compiled,
  deadlineMs: number,
): Promise<readonly PolicyProblem[]> {
  const { late, code, stdout, words } = await runChild({
    name: 'compile-trial-child',
    options: OPTIONS,
    args: [String(MOST_MIB)],
    stdin: serialize(compiled),
    deadlineMs,
  });
  if (late) return [refused(`the module takes longer than ${deadlineMs} ms to compile`)];
  // Ended by itself, by the engine, or by the kernel.
  if (code === null) return [refused(`the module takes over ${MOST_MIB} MiB to compile`)];
  if (code !== 0) throw new Error(`the process that tries a module out ended with ${code}: ${words}`);
  const answer = JSON.parse(stdout.toString()) as TrialAnswer;
  return answer.kind === 'compiled' ? [] : [refused(answer.problem, answer.file)];
}

/** Each function at once rather than when it is called, one at a time, and by the first compiler alone to begin with. */
const OPTIONS = [
  `--allow-fs-read=${fileURLToPath(new URL('..', import.meta.url))}`,
  '--no-wasm-lazy-compilation',
  '--no-wasm-tier-up',
  '--wasm-num-compilation-tasks=1',
  '--max-old-space-size=1024',
];

function refused(message: string, file = MODULE): PolicyProblem {
  return { ...problem(file, message), code: 'assent_bundle' };
}
