/** Runs the Rego toolchain in a child process that holds nothing and is ended at its bounds. */
import { lacksMemory, runChild } from './child.ts';

export interface Bounds {
  /** Milliseconds until the child is killed. */
  readonly deadlineMs: number;
  /** MiB of WebAssembly memory. */
  readonly memoryMib: number;
  /** Ends the run. */
  readonly signal?: AbortSignal | undefined;
}

/** What the toolchain wrote, or which bound ended it. */
export type Run =
  | { readonly kind: 'answer'; readonly text: string }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'memory' }
  | { readonly kind: 'depth' };

/** The toolchain itself failed: our fault, never the author's. The message is its last words. */
class ToolchainFailed extends Error {}

const PAGES_PER_MIB = 16;
const OUT_OF_STACK = /maximum call stack size exceeded|stack overflow/i;
const OUT_OF_MEMORY = /out of memory|cannot allocate|memory access out of bounds|invalid array length/i;

/**
 * Sends one request to a fresh child and resolves with what it answers.
 * @throws ToolchainFailed when the child cannot start, or ends without an answer for no bound of ours; the signal's
 * reason when that is aborted
 */
export async function runToolchain(program: string, request: string, bounds: Bounds): Promise<Run> {
  const ended = await runChild({
    name: 'compile-child',
    options: flags(program, bounds),
    args: [program],
    stdin: request,
    deadlineMs: bounds.deadlineMs,
    signal: bounds.signal,
  }).catch((cause: unknown) => {
    bounds.signal?.throwIfAborted();
    throw new ToolchainFailed('the toolchain cannot be run', { cause });
  });
  const { late, code, signal, stdout, words } = ended;
  if (late) return { kind: 'deadline' };
  if (code === 0) return { kind: 'answer', text: stdout.toString() };
  // Where the system gives less than the stack that was asked for, a fault tells.
  if (signal === 'SIGSEGV' || OUT_OF_STACK.test(words)) return { kind: 'depth' };
  if (lacksMemory(ended) || OUT_OF_MEMORY.test(words)) return { kind: 'memory' };
  throw new ToolchainFailed(`the toolchain ended with ${code ?? signal}: ${words}`);
}

/** Node's permission model on top of WASI: the child may read itself and the program, and start nothing. */
function flags(program: string, bounds: Bounds): string[] {
  return [
    '--allow-wasi',
    `--allow-fs-read=${program}`,
    // The optimising compiler costs twice what it saves in a run of a second.
    '--liftoff-only',
    '--max-old-space-size=256',
    // Of the 8 MiB that a process has: a literal of 1,000 values takes more than the engine's own 984 KiB.
    '--stack-size=6000',
    `--wasm-max-mem-pages=${bounds.memoryMib * PAGES_PER_MIB}`,
  ];
}
