import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/assent.js', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line in `cwd` as a user would; `stdin` is empty. */
export function assent(
  args: readonly string[],
  { cwd, env = {}, node = process.execPath }: { cwd: string; env?: Record<string, string>; node?: string },
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    // Nothing of the surroundings: an address in the environment must not decide a test.
    const child = spawn(node, [BIN, ...args], {
      cwd,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      timeout: 60_000,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdin.end();
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
