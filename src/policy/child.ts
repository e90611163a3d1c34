/** Child processes that hold nothing of the server's: what ends one of them ends nobody else. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A program of ours and what it is given. */
export interface Errand {
  /** The child's file beside this one, without its ending. It calls `watchParent` before it does anything. */
  readonly name: string;
  /** Node's options, with what it is permitted beyond reading its own file. */
  readonly options: readonly string[];
  /** After the one that `watchParent` reads. */
  readonly args: readonly string[];
  readonly stdin: string | Uint8Array;
  /** Milliseconds until the child is killed. */
  readonly deadlineMs: number;
  /** Kills the child. */
  readonly signal?: AbortSignal | undefined;
}

/** How it ended. */
export interface Ended {
  /** Killed at its deadline. */
  readonly late: boolean;
  /** Its exit code; null where a signal ended it. */
  readonly code: number | null;
  /** What ended it where we did not. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  /** The first 4 KiB of what it wrote to stderr. */
  readonly words: string;
}

const MAX_ANSWER = 64 * 1024 * 1024;
const MAX_WORDS = 4096;
/** By so much later a child ends itself: never before a parent that is there has said that it is late. */
const ALONE_MS = 5000;
/** By which a process ends that cannot get memory: from the kernel or from itself, and as the engine ends one. */
const OUT_OF_MEMORY: readonly Ended['signal'][] = [
  'SIGKILL',
  'SIGABRT',
  'SIGTRAP',
  'SIGSEGV',
  'SIGILL',
  'SIGBUS',
];
const QUIET = ['--disable-warning=ExperimentalWarning', '--disable-warning=SecurityWarning'];
const WRITTEN = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const fileOf = (name: string): string => `${FOLDER}${name}.${WRITTEN}`;
const WATCH = [fileOf('child-watch'), fileOf('child-watch-worker')];

/**
 * Runs it once, under Node's permission model and without an environment; it ends with this process, whatever ends that.
 * @throws Error of the system when the child cannot be started, or when it answers more than 64 MiB; the signal's reason
 * when that is aborted
 */
export function runChild(errand: Errand): Promise<Ended> {
  const { stdin, deadlineMs, signal } = errand;
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  if (signal?.aborted) return Promise.reject(signal.reason);
  const child = start(errand);
  const chunks: Buffer[] = [];
  let bytes = 0;
  let words = '';
  let late = false;
  const kill = (): unknown => child.kill('SIGKILL');
  const abort = (): void => {
    reject(signal?.reason);
    kill();
  };
  signal?.addEventListener('abort', abort);
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, deadlineMs);
  child.stdout?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_ANSWER) return void chunks.push(chunk);
    reject(new Error(`the child answers over ${MAX_ANSWER} bytes`));
    kill();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(0, MAX_WORDS);
  });
  // A child that died early closes its pipes: how it ended is told by `close`, not by the broken pipe.
  for (const pipe of [child.stdin, child.stdio[3]]) pipe?.on('error', () => undefined);
  child.on('error', reject);
  child.on('close', (code, by) => resolve({ late, code, signal: by, stdout: Buffer.concat(chunks), words }));
  child.stdin?.end(stdin);
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  });
}

/** Whether it ended because it could not get memory, where neither its deadline nor its errand's signal ended it. */
export function lacksMemory({ signal }: Ended): boolean {
  return OUT_OF_MEMORY.includes(signal);
}

function start({ name, options, args, deadlineMs }: Errand): ChildProcess {
  const permitted = ['--permission', '--allow-worker'];
  const readable = [fileOf(name), ...WATCH].map((file) => `--allow-fs-read=${file}`);
  const given = [fileOf(name), String(deadlineMs + ALONE_MS), ...args];
  return spawn(process.execPath, [...permitted, ...readable, ...QUIET, ...options, ...given], {
    env: {},
    // In a group of its own: Ctrl-C is for the server, which finishes what is under way.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
}
