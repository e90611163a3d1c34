/** A module is compiled in a process of its own before the one that serves: some would end it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { type BundleContent, BundleRefused } from '../../src/model/verbs.ts';
import { createPolicyRoom } from '../../src/policy/activate.ts';
import { readBundle } from '../../src/policy/bundle.ts';
import { createCompiler } from '../../src/policy/compile.ts';
import { packBundle } from '../../src/policy/compile-bundle.ts';
import { runTrial, tryCompiling } from '../../src/policy/compile-trial.ts';
import { loadPolicyAside } from '../../src/policy/load.ts';
import { createMemoryPolicyStore } from '../../src/policy/memory.ts';
import { bundleOf, fixture } from './archive.ts';
import { AT, facts } from './facts.ts';
import { bundleWith, deepStack, idle, manyWays, withFunction } from './hostile-module.ts';

const TIMEOUT = 90_000;
const DEADLINE_MS = 30_000;
const compiler = createCompiler();
const TOO_MUCH = expect.objectContaining({
  file: 'policy.wasm',
  code: 'assent_bundle',
  message: 'the module takes over 512 MiB to compile',
});

const many = (count: number, of: (i: number) => string) => Array.from({ length: count }, (_, i) => of(i));
let odd: Uint8Array;
beforeAll(async () => {
  ({ wasm: odd } = await readBundle(fixture('odd')));
});

test.each(['builtin', 'ledger', 'odd', 'finance'] as const)('the module of %s compiles', async (name) => {
  const finance = new URL('../../policies/finance.bundle', import.meta.url);
  const bundle = name === 'finance' ? readFileSync(finance) : fixture(name);
  expect(await tryCompiling({ bundle }, DEADLINE_MS)).toEqual([]);
});

test.each<[string, () => Buffer]>([
  ['the first compiler copies a deep stack at each branch', () => deepStack(8000, 8000)],
  ['the optimising compiler joins many locals at each branch', () => manyWays(5000, 7000)],
])('a module is refused where %s', async (_, body) => {
  const wasm = withFunction(odd, body());
  expect(await tryCompiling({ wasm, data: {} }, DEADLINE_MS)).toEqual([TOO_MUCH]);
});

test.each<[string, () => Buffer]>([
  ['a long body', () => idle(0, 2_000_000)],
  ['a deep stack', () => deepStack(500, 500)],
  ['many locals', () => manyWays(500, 700)],
])('a module compiles with %s', async (_, body) => {
  const wasm = withFunction(odd, body());
  expect(await tryCompiling({ wasm, data: {} }, DEADLINE_MS)).toEqual([]);
});

describe('what is no module is refused, naming its file', () => {
  const manifest = JSON.stringify({ wasm: [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }] });
  const holding = (content: string) =>
    bundleOf([
      { name: '.manifest', content: manifest },
      { name: 'policy.wasm', content },
    ]);
  test.each<[string, () => Uint8Array, string, RegExp]>([
    ['no archive', () => Buffer.from('no bundle'), '', /archive|gzip/],
    ['no manifest', () => bundleOf([]), '', /no `.manifest`/],
    ['no WebAssembly', () => holding('no module'), 'policy.wasm', /magic word/],
    ['a section that is cut', () => holding('\0asm\u0001\0\0\0\n\u0005\u0001'), 'policy.wasm', /is cut/],
  ])('%s', async (_, bundle, file, message) => {
    expect(await tryCompiling({ bundle: bundle() }, DEADLINE_MS)).toEqual([
      { file, line: 0, column: 0, code: 'assent_bundle', message: expect.stringMatching(message) },
    ]);
  });
});

describe('of a bundle the module alone is read, within the bound', () => {
  const manifest = { wasm: [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }] };
  const holding = (more: object, data: string) =>
    bundleOf([
      { name: '.manifest', content: JSON.stringify({ ...manifest, ...more }) },
      { name: 'policy.wasm', content: odd },
      { name: 'data.json', content: data },
    ]);

  test('data that takes much, or is none, says nothing of the module', { timeout: TIMEOUT }, async () => {
    // Parsed, the first takes over a GiB.
    for (const data of [`{"a": [${Array(5_000_000).fill('{}').join()}]}`, 'no data'])
      expect(await tryCompiling({ bundle: holding({}, data) }, DEADLINE_MS)).toEqual([]);
    const request = { bundle: holding({}, 'no data'), documents: [], maximumPages: 64 };
    await expect(loadPolicyAside(request, DEADLINE_MS)).rejects.toMatchObject({ file: 'data.json' });
  });

  test('what reading takes counts', { timeout: TIMEOUT }, async () => {
    // By what was taken at the end alone, which no look came before.
    const bounds = { mostMib: 80, lookMs: DEADLINE_MS, deadlineMs: DEADLINE_MS };
    const large = { x: Array(500_000).fill({}) };
    expect(await runTrial({ bundle: holding({}, '{}') }, bounds)).toMatchObject({ code: 0 });
    expect(await runTrial({ bundle: holding(large, '{}') }, bounds)).toMatchObject({ signal: 'SIGKILL' });
  });
});

describe('what a module takes is seen', () => {
  const wasm = () => withFunction(odd, deepStack(3000, 3000));
  const bounds = { mostMib: 100, lookMs: DEADLINE_MS, deadlineMs: DEADLINE_MS };

  test('at the end, where no look came in time', { timeout: TIMEOUT }, async () => {
    expect(await runTrial({ wasm: wasm() }, bounds)).toMatchObject({ late: false, signal: 'SIGKILL' });
  });

  test('and is within another bound', { timeout: TIMEOUT }, async () => {
    expect(await runTrial({ wasm: wasm() }, { ...bounds, mostMib: 1000 })).toMatchObject({ code: 0 });
  });
});

test('compiling is given up at the deadline', async () => {
  const finance = readFileSync(new URL('../../policies/finance.bundle', import.meta.url));
  expect(await tryCompiling({ bundle: finance }, 1)).toMatchObject([
    { message: 'the module takes longer than 1 ms to compile' },
  ]);
});

describe('a pushed bundle that takes too much to compile is refused, and the active one decides on', () => {
  const open = () =>
    createPolicyRoom({
      store: createMemoryPolicyStore(),
      compiler,
      defaultBundle: fixture('ledger'),
      log: { info: () => undefined, error: () => undefined },
      at: AT,
      watchIntervalMs: 60_000,
      memoryMib: 64,
    });
  const pep = { id: 'pep-1', tenant: 'tenant-1', roles: new Set<never>() };
  const heavy = `package rules.heavy

allow contains {"code": "policy.heavy"} if count(made) > 0

made := {${many(2500, (i) => `"k${i}": input.args.v${i}`)}}
`;
  const asking =
    'package rules.heavy_test\n\ntest_made if not data.rules.heavy.made with input as {"args": {"v1": 1}}\n';

  test.each<[string, () => Promise<BundleContent>]>([
    [
      'built, without a test',
      async () => ({ kind: 'bundle', bytes: await bundleWith(withFunction(odd, deepStack(8000, 8000))) }),
    ],
    [
      'from sources, without a test',
      async () => ({ kind: 'sources', files: sourcesOf({ 'heavy.rego': heavy }) }),
    ],
    [
      'from sources, with a test',
      async () => ({
        kind: 'sources',
        files: sourcesOf({ 'heavy.rego': heavy, 'heavy_test.rego': asking }),
      }),
    ],
  ])('%s', { timeout: TIMEOUT }, async (_, contentOf) => {
    const room = await open();
    try {
      const content = await contentOf();
      for (const validateOnly of [true, false]) {
        const pushed = room.push({ pep, content, validateOnly, allowUntested: true, at: AT });
        const refused = await pushed.catch((cause: unknown) => cause);
        expect(refused).toBeInstanceOf(BundleRefused);
        expect((refused as BundleRefused).errors).toEqual([TOO_MUCH]);
      }
      expect(room.status().activation).toBe(1);
      expect(room.evaluatePolicy(facts).verdict.effect).toBe('allow');
    } finally {
      room.close();
    }
  });

  function sourcesOf(rego: Record<string, string>): ReadonlyMap<string, string> {
    const manifest = '{"name": "heavy", "codes": ["policy.heavy"], "data": ["heavy"]}';
    return new Map(Object.entries({ 'manifest.json': manifest, 'data.json': '{"heavy": {}}', ...rego }));
  }
});

test('a policy of many literals is nothing out of the ordinary', { timeout: TIMEOUT }, async () => {
  const rego = `package rules.many

allow contains {"code": "policy.many"} if {
	rows[input.args.row][1] == "x"
	names[input.args.name]
	count(members) == 500
	sum(counts) == 5050
}

rows := {${many(300, (i) => `"row${i}": [${i}, "x"]`)}}

names := {${many(1000, (i) => `"name${i}": true`)}}

members := {${many(500, (i) => `"m${i}": input.args.row`)}}

counts := [${many(100, (i) => `count([n | some n in numbers.range(1, ${i + 1}); n > 0])`)}]
`;
  const asking = `package rules.many_test

test_known if count(data.rules.many.allow) == 1 with input as {"args": {"row": "row299", "name": "name999"}}
`;
  const made = await compiler.compile(
    new Map([
      ['manifest.json', '{"name": "many", "codes": ["policy.many"], "data": ["many"]}'],
      ['data.json', '{"many": {}}'],
      ['many.rego', rego],
      ['many_test.rego', asking],
    ]),
  );
  if (!made.ok) throw new Error(JSON.stringify(made.problems));
  const request = { bundle: packBundle(made.bundle), documents: [], maximumPages: 1024 };
  expect((await loadPolicyAside(request, DEADLINE_MS)).manifest.name).toBe('many');
});

test('functions that become hot at once are optimised one at a time', { timeout: TIMEOUT }, async () => {
  const script = fileURLToPath(new URL('./hot-functions.ts', import.meta.url));
  const child = spawn(process.execPath, ['--wasm-tiering-budget=100', script], { timeout: TIMEOUT });
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const { one, all } = JSON.parse(said) as { readonly one: number; readonly all: number };
  expect(one).toBeGreaterThan(100);
  expect(all).toBeLessThan(2 * one);
});
