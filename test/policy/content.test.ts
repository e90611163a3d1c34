import { describe, expect, test } from 'vitest';
import { type BundleContent, BundleRefused } from '../../src/model/verbs.ts';
import { readBundle } from '../../src/policy/bundle.ts';
import { createCompiler } from '../../src/policy/compile.ts';
import { packBundle } from '../../src/policy/compile-bundle.ts';
import { buildContent } from '../../src/policy/content.ts';
import { bundleOf, fixture } from './archive.ts';

const TIMEOUT = 60_000;
const compiler = createCompiler();
const MANIFEST = JSON.stringify({ name: 'small', codes: ['policy.small'], data: ['small'] });
const RULES =
  'package rules.small\n\nallow contains {"code": "policy.small"} if input.args.n <= data.small.most\n';
const TESTS =
  'package rules.small_test\n\ntest_few if count(data.rules.small.allow) == 1 with input as {"action": {"name": "a"}, "args": {"n": 5}}\n';
const files = {
  'manifest.json': MANIFEST,
  'data.json': '{"small":{"most":5}}',
  'small.rego': RULES,
};
const tested = { ...files, 'small_test.rego': TESTS };

const sources = (of: Record<string, string>): BundleContent => ({
  kind: 'sources',
  files: new Map(Object.entries(of)),
});
const push = (content: BundleContent, allowUntested = false) =>
  buildContent(content, compiler, { allowUntested });
const bundle = (bytes: Uint8Array): BundleContent => ({ kind: 'bundle', bytes });

async function builtOf(of: Record<string, string>): Promise<Buffer> {
  const made = await compiler.compile(new Map(Object.entries(of)));
  if (!made.ok) throw new Error(JSON.stringify(made.problems));
  return packBundle(made.bundle);
}

/** The same archive, with files in the place of those of their names. */
async function changed(bytes: Uint8Array, other: Record<string, string | Buffer>): Promise<Buffer> {
  const { wasm, sources: rego, data } = await readBundle(bytes);
  const written = {
    '.manifest': JSON.stringify({ wasm: [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }] }),
    'data.json': JSON.stringify(data),
    ...Object.fromEntries(rego),
    ...other,
  };
  const entries = Object.entries(written).map(([name, content]) => ({ name, content }));
  return bundleOf([...entries, { name: 'policy.wasm', content: wasm }]);
}

async function refusal(pushing: Promise<unknown>): Promise<unknown> {
  const failure = await pushing.catch((cause: unknown) => cause);
  expect(failure).toBeInstanceOf(BundleRefused);
  return (failure as BundleRefused).errors;
}

describe('plain Rego', () => {
  test('becomes the bundle that `policy build` makes of it', { timeout: TIMEOUT }, async () => {
    const { bytes, ...rest } = await push(sources(tested));
    expect(rest).toEqual({ testsPassed: 1, coveragePercent: 100 });
    expect((await builtOf(tested)).equals(bytes)).toBe(true);
    expect((await readBundle(bytes)).warm).toEqual(['{"action":{"name":"a"},"args":{"n":5}}']);
  });

  test('without a test is refused, unless it is said that none is needed', { timeout: TIMEOUT }, async () => {
    expect(await refusal(push(sources(files)))).toMatchObject([{ code: 'assent_no_tests' }]);
    expect(await push(sources(files), true)).toMatchObject({ testsPassed: 0, coveragePercent: 0 });
  });

  test('whose test fails is refused all the same', { timeout: TIMEOUT }, async () => {
    const failing = { ...tested, 'data.json': '{"small":{"most":4}}' };
    const place = { file: 'small_test.rego', line: 3, column: 13, code: 'assent_test' };
    expect(await refusal(push(sources(failing), true))).toMatchObject([place]);
  });
});

describe('a built bundle', () => {
  test('is tested again by the tests it carries, and stays as it is', { timeout: TIMEOUT }, async () => {
    const bytes = await builtOf(tested);
    const built = await push(bundle(bytes));
    expect(built).toMatchObject({ testsPassed: 1, coveragePercent: 100 });
    expect(bytes.equals(built.bytes)).toBe(true);
  });

  test('whose tests no longer hold is refused with their place', { timeout: TIMEOUT }, async () => {
    const bytes = await changed(await builtOf(tested), { 'data.json': '{"small":{"most":4}}' });
    const place = { file: 'small_test.rego', line: 3, column: 13, code: 'assent_test' };
    for (const allowUntested of [false, true])
      expect(await refusal(push(bundle(bytes), allowUntested))).toMatchObject([place]);
  });

  test('whose sources do not compile is refused with their place', { timeout: TIMEOUT }, async () => {
    const bytes = await changed(await builtOf(tested), { 'more.rego': 'package more\n\nx if {' });
    expect(await refusal(push(bundle(bytes)))).toMatchObject([{ file: 'more.rego', line: 3, column: 6 }]);
  });

  test.each<[string, () => Uint8Array | Promise<Uint8Array>]>([
    ['made without tests', () => builtOf(files)],
    ['of `opa build` whose sources have no test', () => fixture('ledger')],
    [
      'of `opa build` without sources',
      async () => {
        const { wasm } = await readBundle(fixture('ledger'));
        const entrypoints = [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }];
        return bundleOf([
          { name: '.manifest', content: JSON.stringify({ wasm: entrypoints }) },
          { name: 'policy.wasm', content: wasm },
        ]);
      },
    ],
  ])('%s needs to be allowed untested', { timeout: TIMEOUT }, async (_, make) => {
    const bytes = await make();
    expect(await refusal(push(bundle(bytes)))).toMatchObject([{ code: 'assent_no_tests' }]);
    expect(await push(bundle(bytes), true)).toEqual({ bytes, testsPassed: 0, coveragePercent: 0 });
  });

  test('with more than can be tested is refused', { timeout: TIMEOUT }, async () => {
    const large = `package large\n\n# ${'x'.repeat(12 * 1024 * 1024)}\n`;
    const bytes = await changed(await builtOf(tested), { 'large.rego': large });
    expect(await refusal(push(bundle(bytes), true))).toMatchObject([
      { code: 'assent_bundle', message: expect.stringMatching(/cannot be tested here/) },
    ]);
  });

  test('whose tested sources or data are not utf-8 is refused with their file', {
    timeout: TIMEOUT,
  }, async () => {
    const whole = await builtOf(tested);
    for (const [name, text] of [
      ['more.rego', '# Müller'],
      ['data.json', '{"small":{"most":5,"name":"Müller"}}'],
    ] as const) {
      const bytes = await changed(whole, { [name]: Buffer.from(text, 'latin1') });
      const problem = { file: name, code: 'assent_bundle', message: 'the file is not utf-8' };
      expect(await refusal(push(bundle(bytes)))).toMatchObject([problem]);
    }
  });

  test('that is none is refused before anything runs', async () => {
    expect(await refusal(push(bundle(Buffer.from('garbage'))))).toMatchObject([
      { code: 'assent_bundle', message: 'the bundle is not gzip, or is cut short' },
    ]);
  });
});
