/** Nothing of a module runs where instances are made: neither its start function, nor what takes long elsewhere. */
import { beforeAll, describe, expect, test } from 'vitest';
import { readBundle } from '../../src/policy/bundle.ts';
import { withinBound } from '../../src/policy/held.ts';
import { loadPolicyAside } from '../../src/policy/load.ts';
import { buildImage, createEvaluator, tryInstance } from '../../src/policy/opa.ts';
import { compileModule, START } from '../../src/policy/start.ts';
import { fixture } from './archive.ts';
import { bundleWith, withEndlessStart, withLongStart, withMore, withSection } from './hostile-module.ts';

const PAGES = 1024;
const NO_DATA = new TextEncoder().encode('{}');
const INPUT = JSON.stringify({ action: { name: 'pay' }, args: {} });

let wasm: Uint8Array;
beforeAll(async () => {
  ({ wasm } = await readBundle(fixture('odd')));
});

describe('what OPA has a module do at its start', () => {
  test('is done once, for the image, and instances answer as if each had done it', async () => {
    const plain = await WebAssembly.compile(Uint8Array.from(wasm));
    const module = await compileModule(wasm);
    expect(WebAssembly.Module.exports(module)).toContainEqual({ name: START, kind: 'function' });
    const [one, other] = [buildImage(plain, NO_DATA, PAGES), buildImage(module, NO_DATA, PAGES)];
    expect(Buffer.compare(one.bytes, other.bytes)).toBe(0);
    const evaluator = await createEvaluator(module, other, PAGES);
    expect(evaluator.evaluate(INPUT)).toBe((await createEvaluator(plain, one, PAGES)).evaluate(INPUT));
  });

  test('leaves a module without a start function as it is', async () => {
    const empty = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    expect(WebAssembly.Module.exports(await compileModule(empty))).toEqual([]);
  });
});

describe('a start function that never ends', () => {
  test('does not run when an instance is made', async () => {
    const image = buildImage(await compileModule(wasm), NO_DATA, PAGES);
    const module = await compileModule(withEndlessStart(wasm));
    expect(() => tryInstance(module, image, PAGES)).not.toThrow();
    const evaluator = await createEvaluator(module, image, PAGES);
    expect(evaluator.evaluate(INPUT)).toContain('"effect":"allow"');
    expect(() => evaluator.evaluate(JSON.stringify({ action: { name: 'odd.throws' } }))).toThrow(Error);
    expect(evaluator.recycled()).toBe(1);
  });

  test('has its bundle refused, aside', { timeout: 60_000 }, async () => {
    const bundle = await bundleWith(withEndlessStart(wasm));
    await expect(loadPolicyAside({ bundle, documents: [], maximumPages: PAGES }, 3000)).rejects.toMatchObject(
      { file: 'policy.wasm', message: 'the policy was not ready within 3000 ms' },
    );
  });
});

test('a start function that ends, but late, has its module refused by name', {
  timeout: 60_000,
}, async () => {
  const module = await compileModule(withLongStart(wasm));
  expect(() => buildImage(module, NO_DATA, PAGES)).toThrow('starting the module takes over 250 ms');
});

test('a module that exports the name itself is refused, with a start function or without', async () => {
  const exported = [START.length, ...Buffer.from(START), 0, 0];
  const without = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  for (const module of [withMore(wasm, 7, exported), withSection(without, 7, [1, ...exported])])
    await expect((async () => compileModule(module))()).rejects.toThrow('the module exports `assent_start`');
});

test.each([
  ['a cut section', [1, 5, 0]],
  ['a length without an end', [1, 255, 255, 255, 255, 255, 1]],
  ['no length', [1]],
])('a module with %s is refused', async (_, rest) => {
  const bytes = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...rest]);
  await expect(async () => compileModule(bytes)).rejects.toThrow('module');
});

describe('what holds the thread for longer than it may', () => {
  /** A clock that gains so much with each run. */
  function clocked(gains: readonly number[]) {
    let [ms, runs] = [0, 0];
    const run = () => {
      ms += gains[runs] ?? 0;
      runs += 1;
      return runs;
    };
    return { run, spent: () => ms };
  }

  test('is refused, by name', () => {
    const { run, spent } = clocked([9000, 251, 300, 400, 251]);
    expect(() => withinBound('an evaluation', run, spent)).toThrow('an evaluation takes over 250 ms');
  });

  test('is not where one run of five was fast enough, and that one counts', () => {
    const { run, spent } = clocked([9000, 251, 300, 400, 250]);
    expect(withinBound('an evaluation', run, spent)).toBe(5);
  });
});
