/** Child processes that hold nothing of the server's: what ends one of them ends nobody else. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A program of ours and what it is given. */
export interface Errand {
  /** The child's file beside this one, without its ending. */
  readonly name: string;
  /** Node's options, with what it is permitted beyond reading its own file. */
  readonly options: readonly string[];
  readonly args: readonly string[];
  readonly stdin: string | Uint8Array;
  /** Milliseconds until the child is killed. */
  readonly deadlineMs: number;
}

/** How it ended. */
export interface Ended {
  /** Killed at its deadline. */
  readonly late: boolean;
  /** Its exit code; null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: Buffer;
  /** The first 4 KiB of what it wrote to stderr. */
  readonly words: string;
}

const MAX_ANSWER = 64 * 1024 * 1024;
const MAX_WORDS = 4096;
const QUIET = ['--disable-warning=ExperimentalWarning', '--disable-warning=SecurityWarning'];
const WRITTEN = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/**
 * Runs it once, under Node's permission model and without an environment. More than 64 MiB of answer ends it.
 * @throws Error of the system when the child cannot be started
 */
export function runChild({ name, options, args, stdin, deadlineMs }: Errand): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const file = `${FOLDER}${name}.${WRITTEN}`;
  const permitted = ['--permission', `--allow-fs-read=${file}`];
  const child = spawn(process.execPath, [...permitted, ...QUIET, ...options, file, ...args], {
    env: {},
    stdio: 'pipe',
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  let words = '';
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, deadlineMs);
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
    reject(cause);
  });
  child.on('close', (code) => {
    clearTimeout(timer);
    resolve({ late, code, stdout: Buffer.concat(chunks), words });
  });
  child.stdin.end(stdin);
  return promise;
}
