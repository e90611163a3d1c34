import { describe, expect, test } from 'vitest';
import { BundleRefused } from '../../src/model/verbs.ts';
import { readBundle } from '../../src/policy/bundle.ts';
import { createCompiler } from '../../src/policy/compile.ts';
import { packBundle } from '../../src/policy/compile-bundle.ts';
import { compareAside } from '../../src/policy/compile-compare.ts';
import { buildContent } from '../../src/policy/content.ts';
import { bundleOf, endlessModule, fixture } from './archive.ts';

const TIMEOUT = 60_000;
const compiler = createCompiler();
const MANIFEST = JSON.stringify({ name: 'a', codes: ['policy.ok', 'policy.no'], data: ['a'] });
const SPEAKS = 'allow contains {"code": "policy.ok"} if input.action.name';
const denying = (name: string, line: string) =>
  `deny contains {"code": "policy.no"} if {\n\tinput.action.name == "${name}"\n\t${line}\n}`;
/** A test on the line after the header, and one more a line: each asks by an action's name and denies. */
const denied = (name: string, args: string, more = '') =>
  `test_${name} if data.assent.verdict.effect == "deny" with input as {"action": {"name": "${name}"}, "session": {"state": "open", "remaining": {}}, "args": ${args}}${more}`;
const files = (rules: readonly string[], tests: readonly string[], more: Record<string, string> = {}) =>
  new Map(
    Object.entries({
      'manifest.json': MANIFEST,
      'a.rego': `package rules.a\n\n${[SPEAKS, ...rules].join('\n\n')}\n`,
      'a_test.rego': `package rules.a_test\n\n${tests.join('\n')}\n`,
      ...more,
    }),
  );

/** Rules that hold in the interpreter, and whose module says something else, or nothing. */
const DIFFERING: readonly (readonly [string, string, string])[] = [
  ['sprintf', 'sprintf("%v", [input.args.x]) == "[\\"blocked\\"]"', '{"x": ["blocked"]}'],
  ['precision', 'sprintf("%.2f", [input.args.x]) == "0.12"', '{"x": 0.125}'],
  ['concat', 'concat("/", {y | some y in input.args.x}) == "a/b"', '{"x": ["b", "a"]}'],
  ['cidr', 'net.cidr_contains("10.0.0.0/8", input.args.x)', '{"x": "::ffff:10.1.2.3"}'],
  ['base64', 'not base64.decode(input.args.x)', '{"x": "YQ"}'],
  ['number', 'to_number(input.args.x) == 1000', '{"x": "1_000"}'],
  ['marshal', 'json.marshal(input.args.x) == "\\"\\\\u003c\\""', '{"x": "<"}'],
];
const RULES = DIFFERING.map(([name, line]) => denying(name, line));
const TESTS = DIFFERING.map(([name, , args]) => denied(name, args));
const NOT = 'import future.keywords.not\n';
const differing = files(RULES, TESTS);
differing.set('a.rego', (differing.get('a.rego') ?? '').replace('\n\n', `\n\n${NOT}\n`));
const PLACES = DIFFERING.map((_, i) => ({
  ...{ file: 'a_test.rego', line: 3 + i, column: 1, code: 'assent_differs' },
  message: expect.stringMatching(
    /the interpreter says `deny` \(`policy\.no`\), the compiled module (aborts|`allow`)/,
  ),
}));
const byLine = <T extends { readonly line: number }>(problems: readonly T[]) =>
  problems.toSorted((a, b) => a.line - b.line);

describe('a rule that its test saw fire, and that does not fire in the module, refuses the bundle', () => {
  test('when it is compiled, by the place of each test', { timeout: TIMEOUT }, async () => {
    const made = await compiler.compile(differing);
    expect(made.ok ? [] : byLine(made.problems)).toEqual(PLACES);
  });

  test('when it is tested, without costs', { timeout: TIMEOUT }, async () => {
    const { report, probed } = await compiler.test(differing);
    expect(report.ok).toBe(false);
    expect(report.tests.every(({ pass }) => pass)).toBe(true);
    expect(byLine(report.problems)).toEqual(PLACES);
    expect(probed).toBeUndefined();
  });
});

test('the same answer as the interpreter is no difference, sets and mocked data included', {
  timeout: TIMEOUT,
}, async () => {
  const rules = [
    'escalate contains {"code": "policy.ok", "all": {y | some y in input.args.x}} if input.action.name == "set"',
    denying('listed', 'input.args.x in data.a.listed'),
    denying('twice', 'twice(input.args.x) == 1'),
    'twice(x) := 1 if x\n\ntwice(x) := 2 if x',
  ];
  const tests = [
    'test_set if data.assent.verdict.effect == "escalate" with input as {"action": {"name": "set"}, "session": {"state": "open", "remaining": {}}, "args": {"x": ["é", "b", "a", "1", "zz"]}}',
    denied('listed', '{"x": "m"}', ' with data.a.listed as ["m"]'),
    // With its own data the rule aborts, in either.
    denied('twice', '{"x": true}', ' with data.rules.a.twice as 1'),
  ];
  const made = await compiler.compile(files(rules, tests, { 'data.json': '{"a": {"listed": ["n"]}}' }));
  expect(made).toMatchObject({ ok: true });
});

test('the same effect for other reasons is a difference, as are other details', {
  timeout: TIMEOUT,
}, async () => {
  const words = (text: string) => `deny contains ${text} if input.action.name == "codes"`;
  // In the module the text is not escaped: the one rule gives another code, the other other details.
  const escaped = 'json.marshal("<") == "\\"\\\\u003c\\""';
  const rules = [
    `coded := "policy.no" if ${escaped}\n\nelse := "policy.ok"`,
    words('{"code": coded}'),
    'deny contains {"code": "policy.no", "details": {"x": json.marshal("<")}} if input.action.name == "more"',
  ];
  const made = await compiler.compile(files(rules, [denied('codes', '{}'), denied('more', '{}')]));
  expect(made.ok ? [] : byLine(made.problems)).toMatchObject([
    { line: 3, code: 'assent_differs', message: expect.stringMatching(/module `deny` \(`policy\.ok`\)/) },
    { line: 4, code: 'assent_differs', message: expect.stringMatching(/the same with other details/) },
  ]);
});

test('more inputs than an instance is warmed with are compared', { timeout: TIMEOUT }, async () => {
  const rule = denying('many', 'sprintf("%q", [input.args.x]) == sprintf("\\"%s\\"", [input.args.x])');
  const tests = Array.from({ length: 100 }, (_, i) =>
    denied('many', `{"x": "x${i}"}`).replace('many', `${i}`),
  );
  const made = await compiler.compile(files([rule], tests));
  expect(made.ok ? 0 : made.problems.length).toBe(100);
});

test('the module is asked in the memory that an instance of its server may have', {
  timeout: TIMEOUT,
}, async () => {
  const rows = JSON.stringify({ a: { rows: Array.from({ length: 60_000 }, (_, i) => `row-${i}`) } });
  const large = files([denying('x', 'input.args.x')], [denied('x', '{"x": 1}')], { 'data.json': rows });
  const least = await createCompiler({ instanceMib: 8 }).compile(large);
  expect(least).toMatchObject({ problems: [{ file: 'policy.wasm', code: 'assent_bundle' }] });
  expect(await createCompiler({ instanceMib: 32 }).compile(large)).toMatchObject({ ok: true });
});

describe('a built bundle', () => {
  const writtenOf = async (wasm: Uint8Array) => {
    const made = await compiler.compile(files([denying('x', 'input.args.x')], [denied('x', '{"x": 1}')]));
    if (!made.ok) throw new Error(JSON.stringify(made.problems));
    const { sources } = await readBundle(packBundle(made.bundle));
    const entrypoints = [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }];
    return bundleOf([
      { name: '.manifest', content: JSON.stringify({ wasm: entrypoints }) },
      { name: 'policy.wasm', content: wasm },
      ...[...sources].map(([name, content]) => ({ name, content })),
    ]);
  };
  const push = (bytes: Uint8Array, by = compiler) =>
    buildContent({ kind: 'bundle', bytes }, by, { allowUntested: false });

  test('with a module of other rules is refused by what its tests see', { timeout: TIMEOUT }, async () => {
    const { wasm } = await readBundle(fixture('odd'));
    const refused = await push(await writtenOf(wasm)).catch((cause: unknown) => cause);
    expect(refused).toBeInstanceOf(BundleRefused);
    expect(refused).toMatchObject({ errors: [{ file: 'a_test.rego', line: 3, code: 'assent_differs' }] });
  });

  test('with a module that never ends is given up', { timeout: TIMEOUT }, async () => {
    const problems = await compareAside(
      { bundle: await writtenOf(endlessModule()) },
      [{ file: 'a_test.rego', line: 3, column: 1, input: '{"action":{"name":"x"}}', verdict: {} }],
      { deadlineMs: 1500, memoryMib: 64 },
    );
    expect(problems).toMatchObject([
      { file: 'policy.wasm', code: 'assent_bundle', message: expect.stringMatching(/longer than 1500 ms/) },
    ]);
  });

  test('whose module cannot be loaded is refused by its file', { timeout: TIMEOUT }, async () => {
    const refused = await push(await writtenOf(Buffer.from('none'))).catch((cause: unknown) => cause);
    expect(refused).toMatchObject({ errors: [{ file: 'policy.wasm', code: 'assent_bundle' }] });
  });
});
