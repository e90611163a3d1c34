/** A room that closes ends what is under way, and begins nothing that waits. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { BundleContent } from '../../src/model/verbs.ts';
import { createPolicyRoom } from '../../src/policy/activate.ts';
import { createCompiler } from '../../src/policy/compile.ts';
import { compareAside } from '../../src/policy/compile-compare.ts';
import { tryCompiling } from '../../src/policy/compile-trial.ts';
import { loadPolicyAside } from '../../src/policy/load.ts';
import { createMemoryPolicyStore } from '../../src/policy/memory.ts';
import { createQueue } from '../../src/policy/queue.ts';
import { endlessModule, fixture } from './archive.ts';
import { changeOf } from './change.ts';
import { AT, facts } from './facts.ts';
import { childrenOf, ended } from './processes.ts';
import { endlessProgram } from './programs.ts';
import { endless, plain, watched } from './stalling.ts';

/** Longer than a test may take: what waits for it fails. */
const DEADLINE_MS = 600_000;
const folder = mkdtempSync(join(tmpdir(), 'assent-closing-'));
const program = join(folder, 'endless');
writeFileSync(program, endlessProgram());
afterAll(() => rmSync(folder, { recursive: true }));

const pep = { id: 'pep-1', tenant: 'tenant-1', roles: new Set<never>() };
const DRAINING = expect.objectContaining({ reason: 'DRAINING' });
const outcome = (run: Promise<unknown>) => run.catch((cause: unknown) => cause);

describe('what is aside ends when it is told, with what it is told', () => {
  const asked = [{ file: 'a_test.rego', line: 3, column: 1, input: '{"action":{"name":"x"}}', verdict: {} }];
  const request = { bundle: endless, documents: [], maximumPages: 64 };
  test.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
    ['a load', (signal) => loadPolicyAside(request, DEADLINE_MS, signal)],
    [
      'a comparison',
      (signal) =>
        compareAside({ wasm: endlessModule(), data: {} }, asked, {
          ...{ deadlineMs: DEADLINE_MS, memoryMib: 64, signal },
        }),
    ],
    ['a trial', (signal) => tryCompiling({ bundle: fixture('odd') }, DEADLINE_MS, signal)],
    [
      'a compilation',
      (signal) => createCompiler({ program, deadlineMs: DEADLINE_MS }).compile(sourcesOf(plain), signal),
    ],
  ])('%s, under way or not begun', async (_, begin) => {
    const ending = new AbortController();
    const under = outcome(begin(ending.signal));
    setTimeout(() => ending.abort('enough'), 100);
    expect(await under).toBe('enough');
    expect(await outcome(begin(ending.signal))).toBe('enough');
  });
});

test('what waits in a queue is not begun once it is told to end', async () => {
  const ending = new AbortController();
  const queue = createQueue(2, ending.signal);
  const goOn = Promise.withResolvers<void>();
  const begun: number[] = [];
  const under = queue(() => goOn.promise);
  const waits = outcome(queue(async () => begun.push(1)));
  await new Promise((resolve) => setImmediate(resolve));
  ending.abort('enough');
  goOn.resolve();
  await under;
  expect(await waits).toBe('enough');
  expect(await outcome(queue(async () => begun.push(2)))).toBe('enough');
  expect(begun).toEqual([]);
});

describe('whoever waits for a policy to change is told that the server goes away', () => {
  async function open(options: { readonly program?: string }) {
    const said: string[] = [];
    const { wrapped, called } = watched(createMemoryPolicyStore());
    const room = await createPolicyRoom({
      ...{ store: wrapped, compiler: createCompiler({ ...options, deadlineMs: DEADLINE_MS }), at: AT },
      defaultBundle: fixture('ledger'),
      log: { info: (_, message) => void said.push(message), error: (_, message) => void said.push(message) },
      ...{ watchIntervalMs: 60_000, memoryMib: 64 },
    });
    const push = (content: BundleContent) =>
      outcome(room.push({ pep, content, validateOnly: false, allowUntested: true, at: AT }));
    return { room, said, called, push };
  }

  test('while a pushed module is tried out, behind it, and afterwards', async () => {
    const { room, said, called, push } = await open({});
    said.length = 0;
    const loading = called('data');
    const waiting = [
      push({ kind: 'bundle', bytes: endless }),
      push({ kind: 'bundle', bytes: fixture('odd') }),
      push(plain),
    ];
    await loading;
    await new Promise((resolve) => setTimeout(resolve, 500));
    room.close();
    expect(await Promise.all(waiting)).toEqual(Array(3).fill(DRAINING));
    expect(await push({ kind: 'bundle', bytes: fixture('odd') })).toEqual(DRAINING);
    expect(await outcome(room.rollback({ pep, revision: undefined, at: AT }))).toEqual(DRAINING);
    const change = changeOf(true);
    const path = 'ledger/blocked_vendors/v-77';
    const patch = room.patchData({ pep, path, change, expectedVersion: undefined, at: AT });
    expect(await outcome(patch)).toEqual(DRAINING);
    expect(room.status()).toMatchObject({ activation: 1, dataVersion: 1 });
    expect(room.evaluatePolicy(facts).verdict.effect).toBe('allow');
    expect(said).toEqual([]);
  });

  test('while sources are compiled, whose process ends', async () => {
    const { room, push } = await open({ program });
    const pushing = [push(plain), push(plain)];
    let children = childrenOf(process.pid);
    while (children.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      children = childrenOf(process.pid);
    }
    room.close();
    expect(await Promise.all(pushing)).toEqual(Array(2).fill(DRAINING));
    for (const { pid } of children) await ended(pid);
    expect(childrenOf(process.pid)).toEqual([]);
  });
});

function sourcesOf(content: BundleContent): ReadonlyMap<string, string> {
  if (content.kind !== 'sources') throw new Error('there are no sources');
  return content.files;
}
