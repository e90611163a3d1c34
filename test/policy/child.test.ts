/** What a child has of its parent's, and that it ends with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { runChild } from '../../src/policy/child.ts';
import { runToolchain } from '../../src/policy/compile-run.ts';
import { tryCompiling } from '../../src/policy/compile-trial.ts';
import { fixture } from './archive.ts';
import { childrenOf, ended } from './processes.ts';
import { endlessProgram } from './programs.ts';

const TIMEOUT = 90_000;
const DEADLINE_MS = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'assent-child-'));
const endless = join(folder, 'endless');
writeFileSync(endless, endlessProgram());
afterAll(() => rmSync(folder, { recursive: true }));

const parents: ChildProcess[] = [];
afterEach(() => {
  for (const parent of parents.splice(0)) parent.kill('SIGKILL');
});

/** What was started by this very call. */
function startedBy(start: () => void) {
  const before = new Set(childrenOf(process.pid).map(({ pid }) => pid));
  start();
  const [child, ...more] = childrenOf(process.pid).filter(({ pid }) => !before.has(pid));
  expect(more).toEqual([]);
  if (child === undefined) throw new Error('nothing was started');
  return child;
}

describe('a child', () => {
  afterEach(() => {
    delete process.env['NODE_OPTIONS'];
    delete process.env['ASSENT_TEST_SECRET'];
  });

  test('has no environment, may read its own files alone, and start nothing', async () => {
    process.env['ASSENT_TEST_SECRET'] = 'not for the child';
    const { stdout, words } = await runChild({
      ...{ name: '../../test/policy/telling-child', options: [], args: [], stdin: '' },
      deadlineMs: DEADLINE_MS,
    });
    expect(words).toBe('');
    expect(JSON.parse(stdout.toString())).toEqual({
      env: {},
      may: { read: false, write: false, child: false },
    });
  });

  test('takes no option that is set for the server', { timeout: TIMEOUT }, async () => {
    // With this, no process of Node's starts.
    process.env['NODE_OPTIONS'] = '--no-option-of-this-name';
    expect(await tryCompiling({ bundle: fixture('odd') }, DEADLINE_MS)).toEqual([]);
  });

  test('is in a group of its own, so that Ctrl-C is not for it', { timeout: TIMEOUT }, async () => {
    const ending = new AbortController();
    let run: Promise<unknown> = Promise.resolve();
    const bounds = { deadlineMs: DEADLINE_MS, memoryMib: 16, signal: ending.signal };
    const { pid, group } = startedBy(() => {
      run = runToolchain(endless, '', bounds).catch((cause: unknown) => cause);
    });
    expect(group).toBe(pid);
    ending.abort('enough');
    expect(await run).toBe('enough');
    await ended(pid);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'that %s ends says nothing of its module',
    async (by) => {
      let run: Promise<unknown> = Promise.resolve();
      const { pid } = startedBy(() => {
        run = tryCompiling({ bundle: fixture('odd') }, DEADLINE_MS).catch((cause: unknown) => cause);
      });
      process.kill(pid, by);
      expect(await run).toMatchObject({ message: expect.stringContaining(`ended with ${by}`) });
    },
  );

  test.each(['SIGKILL', 'SIGABRT', 'SIGTRAP', 'SIGSEGV', 'SIGILL', 'SIGBUS'] as const)(
    'that %s ends had too little memory for its module',
    async (by) => {
      let run: Promise<unknown> = Promise.resolve();
      const { pid } = startedBy(() => {
        run = tryCompiling({ bundle: fixture('odd') }, DEADLINE_MS);
      });
      process.kill(pid, by);
      expect(await run).toMatchObject([{ message: 'the module takes over 512 MiB to compile' }]);
    },
  );

  test('is not started any more once its signal is aborted', async () => {
    const signal = AbortSignal.abort('enough');
    const before = childrenOf(process.pid);
    const run = runToolchain(endless, '', { deadlineMs: DEADLINE_MS, memoryMib: 16, signal });
    expect(childrenOf(process.pid)).toEqual(before);
    await expect(run).rejects.toBe('enough');
  });
});

describe('a child that computes without end', () => {
  /** Started by a parent that can be ended, or stopped. */
  async function orphan(deadlineMs: number) {
    const script = fileURLToPath(new URL('./waiting-parent.ts', import.meta.url));
    const parent = spawn(process.execPath, [script, endless, String(deadlineMs)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    parents.push(parent);
    await once(parent.stdout, 'data');
    const [child] = childrenOf(parent.pid ?? 0);
    if (child === undefined) throw new Error('the parent started nothing');
    return { parent, pid: child.pid };
  }

  test('ends when its parent is killed', { timeout: TIMEOUT }, async () => {
    const { parent, pid } = await orphan(10 * TIMEOUT);
    // By then it computes; earlier it ends as well.
    await sleep(1500);
    parent.kill('SIGKILL');
    await ended(pid);
  });

  test('ends by itself where its parent stands still beyond the deadline', { timeout: TIMEOUT }, async () => {
    const { parent, pid } = await orphan(3000);
    parent.kill('SIGSTOP');
    await ended(pid);
  });
});
