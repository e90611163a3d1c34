/** Runs the Rego toolchain in a child process that holds nothing and is ended at its bounds. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Bounds {
  /** Milliseconds until the child is killed. */
  readonly deadlineMs: number;
  /** MiB of WebAssembly memory. */
  readonly memoryMib: number;
}

/** What the toolchain wrote, or which bound ended it. */
export type Run =
  | { readonly kind: 'answer'; readonly text: string }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'memory' };

/** The toolchain itself failed: our fault, never the author's. The message is its last words. */
class ToolchainFailed extends Error {}

const MAX_ANSWER = 64 * 1024 * 1024;
const MAX_WORDS = 4096;
const PAGES_PER_MIB = 16;
const OUT_OF_MEMORY = /out of memory|cannot allocate|memory access out of bounds|invalid array length/i;
const CHILD = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './compile-child.ts' : './compile-child.js', import.meta.url),
);

/**
 * Sends one request to a fresh child and resolves with what it answers.
 * @throws ToolchainFailed when the child cannot start, or ends without an answer for no bound of ours
 */
export function runToolchain(program: string, request: string, bounds: Bounds): Promise<Run> {
  const { promise, resolve, reject } = Promise.withResolvers<Run>();
  const child = spawn(process.execPath, flags(program, bounds), { env: {}, stdio: 'pipe' });
  const chunks: Buffer[] = [];
  let bytes = 0;
  let words = '';
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, bounds.deadlineMs);
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER) child.kill('SIGKILL');
    else chunks.push(chunk);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(0, MAX_WORDS);
  });
  // A child that died early closes its stdin: how it ended is told by `close`, not by the broken pipe.
  child.stdin.on('error', () => undefined);
  child.on('error', (cause) => {
    clearTimeout(timer);
    reject(new ToolchainFailed('the toolchain cannot be started', { cause }));
  });
  child.on('close', (code) => {
    clearTimeout(timer);
    if (late) resolve({ kind: 'deadline' });
    else if (code === 0) resolve({ kind: 'answer', text: Buffer.concat(chunks).toString() });
    else if (OUT_OF_MEMORY.test(words)) resolve({ kind: 'memory' });
    else reject(new ToolchainFailed(`the toolchain ended with ${code}: ${words}`));
  });
  child.stdin.end(request);
  return promise;
}

/** Node's permission model on top of WASI: the child may read itself and the program, and start nothing. */
function flags(program: string, bounds: Bounds): string[] {
  return [
    '--permission',
    '--allow-wasi',
    `--allow-fs-read=${CHILD}`,
    `--allow-fs-read=${program}`,
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=SecurityWarning',
    // The optimising compiler costs twice what it saves in a run of a second.
    '--liftoff-only',
    '--max-old-space-size=256',
    `--wasm-max-mem-pages=${bounds.memoryMib * PAGES_PER_MIB}`,
    CHILD,
    program,
  ];
}
