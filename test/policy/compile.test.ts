import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { loadPolicy } from '@open-policy-agent/opa-wasm';
import { describe, expect, test } from 'vitest';
import { readBundle } from '../../src/policy/bundle.ts';
import {
  type CompiledBundle,
  createCompiler,
  type PolicyProblem,
  type TestReport,
} from '../../src/policy/compile.ts';
import { packBundle } from '../../src/policy/compile-bundle.ts';
import { readSources, type Sources } from '../../src/policy/compile-sources.ts';
import { fixture } from './archive.ts';

const compiler = createCompiler();
const finance = readSources(fileURLToPath(new URL('../../policies/finance', import.meta.url)));
const TIMEOUT = 120_000;

const MANIFEST = JSON.stringify({ name: 'small', codes: ['policy.small'], data: ['small'] });

/** Rules that say something, and a value for tests to look at. */
const SPEAKS = 'allow contains {"code": "policy.small"} if input.action.name == "a"\n\nx := 1';

function sourcesOf(rego: string, more: Record<string, string> = {}): Sources {
  return new Map(
    Object.entries({ 'manifest.json': MANIFEST, 'small.rego': `package rules.small\n\n${rego}`, ...more }),
  );
}

async function built(sources: Sources): Promise<CompiledBundle> {
  const result = await compiler.compile(sources);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.bundle;
}

async function tested(sources: Sources): Promise<TestReport> {
  return (await compiler.test(sources)).report;
}

async function problemsOf(sources: Sources): Promise<readonly PolicyProblem[]> {
  const result = await compiler.compile(sources);
  return result.ok ? [] : result.problems;
}

async function verdicts(bundle: CompiledBundle, inputs: readonly object[]): Promise<unknown[]> {
  const policy = await loadPolicy(Buffer.from(bundle.wasm));
  policy.setData(bundle.data);
  return inputs.map((input) => policy.evaluate(input, 'assent/verdict')[0]?.result);
}

describe('the finance bundle', () => {
  test('compiles to the same bytes each time, whatever the order of its files', {
    timeout: TIMEOUT,
  }, async () => {
    const one = await built(finance);
    const other = await built(new Map([...finance].reverse()));
    expect(Buffer.from(other.wasm).equals(one.wasm)).toBe(true);
    expect(packBundle(other).equals(packBundle(one))).toBe(true);
  });

  test('passes its own tests, and they reach nine lines in ten', { timeout: TIMEOUT }, async () => {
    const report = await tested(finance);
    expect(report.problems).toEqual([]);
    expect(report.tests.filter(({ pass }) => !pass)).toEqual([]);
    expect(report.tests.length).toBeGreaterThan(30);
    expect(report.coverage.percent).toBeGreaterThanOrEqual(90);
    expect(report.coverage.files.map(({ file }) => file)).not.toContain('assent/rate.rego');
  });

  test('comes out of the packed file as it went in', { timeout: TIMEOUT }, async () => {
    const bundle = await built(finance);
    const read = await readBundle(packBundle(bundle));
    expect(Buffer.from(read.wasm).equals(bundle.wasm)).toBe(true);
    expect(JSON.stringify(read.data)).toBe(JSON.stringify(bundle.data));
    expect(read.manifest.name).toBe('finance');
    expect(read.manifest.codes).toEqual(bundle.manifest.codes);
    expect([...read.sources.keys()]).toContain('assent/combiner.rego');
    expect(gunzipSync(packBundle(bundle)).length % 512).toBe(0);
  });

  test('is laid out as the formatter does it', { timeout: TIMEOUT }, async () => {
    const { problems, formatted } = await compiler.format(finance);
    expect(problems).toEqual([]);
    for (const [path, text] of formatted) expect(finance.get(path), path).toBe(text);
  });
});

test('the library passes its own tests, and they reach nine lines in ten', { timeout: TIMEOUT }, async () => {
  const report = await compiler.testLibrary();
  expect(report.problems).toEqual([]);
  expect(report.ok).toBe(true);
  expect(report.coverage.percent).toBeGreaterThanOrEqual(90);
});

describe('the compiled combiner', () => {
  test('lets the strictest word win, and denies when nothing is said', { timeout: TIMEOUT }, async () => {
    const bundle = await built(
      sourcesOf(
        ['deny', 'throttle', 'escalate', 'allow']
          .map((effect) => `${effect} contains {"code": "policy.small"} if input.args.${effect}`)
          .concat('oblige contains {"name": "note"}', 'consume contains {"budget": "b", "amount": 1}')
          .join('\n\n'),
      ),
    );
    const session = {
      state: 'open',
      remaining: { b: 5 },
      rate: {},
      throttles: {},
      duplicate: false,
      operation: 'none',
    };
    const ask = (...effects: string[]) => ({
      action: { name: 'a', class: 'read' },
      session,
      args: Object.fromEntries(effects.map((effect) => [effect, true])),
    });
    const effects = await verdicts(bundle, [
      ask('allow', 'escalate', 'throttle', 'deny'),
      ask('allow', 'escalate', 'throttle'),
      ask('allow', 'escalate'),
      ask('allow'),
      ask(),
      { ...ask('allow'), session: { ...session, remaining: {} } },
    ]);
    const reasons = [{ code: 'policy.small' }];
    const effectful = { oblige: [{ name: 'note' }], consume: [{ budget: 'b', amount: 1 }] };
    const plain = { oblige: [], consume: [] };
    expect(effects).toEqual([
      { effect: 'deny', reasons, ...plain },
      { effect: 'throttle', reasons, ...plain },
      { effect: 'escalate', reasons, ...effectful },
      { effect: 'allow', reasons, ...effectful },
      { effect: 'deny', reasons: [{ code: 'policy.unspoken' }], ...plain },
      { effect: 'deny', reasons: [{ code: 'session.budget', budget: 'b' }], ...plain },
    ]);
  });

  test('denies in the module what a missing argument leaves open', { timeout: TIMEOUT }, async () => {
    const bundle = await built(
      sourcesOf(
        'import future.keywords.not\n\nallow contains {"code": "policy.small"}\n\n' +
          'deny contains {"code": "policy.small"} if not startswith(input.args.vendor, "v-")',
      ),
    );
    const ask = (args: object) => ({ action: { name: 'a', class: 'read' }, args });
    const said = await verdicts(bundle, [
      ask({ vendor: 'v-1' }),
      ask({ vendor: 'w-1' }),
      ask({}),
      ask({ vendor: 7 }),
    ]);
    expect(said.map((verdict) => (verdict as { effect: string }).effect)).toEqual([
      'allow',
      'deny',
      'deny',
      'deny',
    ]);
  });
});

describe('a policy is refused with its place', () => {
  const cases: [string, string, Partial<PolicyProblem>][] = [
    [
      'does not parse',
      'deny contains {"code": "policy.small" if true',
      { code: 'rego_parse_error', line: 3 },
    ],
    [
      'reads a clock',
      'deny contains {"code": "policy.small"} if time.now_ns() > 1',
      { code: 'rego_type_error', line: 3, column: 43 },
    ],
    [
      'rolls dice',
      'deny contains {"code": "policy.small"} if rand.intn("x", 2) > 1',
      { code: 'rego_type_error' },
    ],
    [
      'uses the network',
      'deny contains {"code": "policy.small"} if http.send({}).status',
      { code: 'rego_type_error' },
    ],
    [
      'searches for what may be empty, which need not end in the module',
      'deny contains {"code": "policy.small"} if replace("abc", input.claimed.x, "") == "abc"',
      { code: 'rego_type_error', line: 3, column: 43, message: expect.stringMatching('would never end') },
    ],
    [
      'searches for several texts that may be empty',
      'deny contains {"code": "policy.small"} if strings.replace_n({input.claimed.x: ""}, "abc") == "abc"',
      { code: 'rego_type_error', line: 3, column: 43 },
    ],
    [
      'keeps paths, which brings that search along',
      'deny contains {"code": "policy.small"} if json.filter(input.args, ["a"]) == {}',
      {
        code: 'rego_type_error',
        line: 3,
        column: 43,
        message: expect.stringMatching('`json.filter`.*`replace`'),
      },
    ],
    [
      'takes away paths',
      'deny contains {"code": "policy.small"} if json.remove(input.args, ["a"]) == {}',
      { code: 'rego_type_error', line: 3, column: 43 },
    ],
    [
      'looks up a name',
      'deny contains {"code": "policy.small"} if net.lookup_ip_addr("x")',
      { code: 'rego_type_error' },
    ],
    [
      'misspells the input',
      'deny contains {"code": "policy.small"} if input.session.duplicat',
      { code: 'rego_type_error', line: 3, column: 43 },
    ],
    [
      'gives a code it did not declare',
      'deny contains {"code": "policy.other"}',
      { code: 'assent_code', line: 3 },
    ],
    ['gives a code of another room', 'deny contains {"code": "token.expired"}', { code: 'assent_code' }],
    ['gives no code', 'deny contains {"reason": "policy.small"}', { code: 'assent_rule' }],
    ['denies by a boolean', 'deny if true', { code: 'assent_rule', line: 3 }],
    ['denies by a default', 'default deny := false', { code: 'assent_rule' }],
    ['denies by a string', 'deny contains "policy.small"', { code: 'assent_rule' }],
    ['denies below the set', 'deny.all contains {"code": "policy.small"}', { code: 'assent_rule' }],
    ['consumes without a budget', 'consume contains {"amount": 1}', { code: 'assent_rule' }],
    [
      'reads data that it did not declare',
      'deny contains {"code": "policy.small"} if data.other.x',
      { code: 'assent_data', line: 3, column: 43 },
    ],
    ['imports data that it did not declare', 'import data.other', { code: 'assent_data' }],
    [
      'reads the verdict',
      'allow contains {"code": "policy.small"} if data.assent.allow',
      { code: 'assent_data' },
    ],
    [
      'reads data by a variable',
      'deny contains {"code": "policy.small"} if data[input.args.x]',
      { code: 'assent_data' },
    ],
    [
      'negates a lookup that may be missing',
      'deny contains {"code": "policy.small"} if not startswith(input.args.x, "a")',
      { code: 'assent_negation', line: 3, column: 43 },
    ],
    [
      'negates a membership that may be missing',
      'deny contains {"code": "policy.small"} if not input.args.x in {1}',
      { code: 'assent_negation' },
    ],
    ['loops', 'deny contains {"code": "policy.small"} if count(deny) > 0', { code: 'rego_recursion_error' }],
    [
      'leaves a variable unused',
      'deny contains {"code": "policy.small"} if { x := input.args.y }',
      { code: 'rego_compile_error' },
    ],
  ];
  // The checks of the house run before OPA's and report everything at once; OPA's stop at their stage.
  const house = cases.map(([, rego, { code }], i) => ({ rego, code, file: `case_${i}.rego` }));
  const together = new Map([
    ['manifest.json', MANIFEST],
    ...house
      .filter(({ code }) => code?.startsWith('assent_'))
      .map(({ file, rego }): [string, string] => [file, `package rules.${file.slice(0, -5)}\n\n${rego}`]),
  ]);
  let first: Promise<readonly PolicyProblem[]> | undefined;

  test.each(cases.map((each, i) => [...each, i] as const))(
    'one that %s',
    { timeout: TIMEOUT },
    async (_name, rego, wanted, i) => {
      const single = wanted.code?.startsWith('rego_');
      const problems = await (single ? problemsOf(sourcesOf(rego)) : (first ??= problemsOf(together)));
      const file = single ? 'small.rego' : `case_${i}.rego`;
      expect(problems).toContainEqual(expect.objectContaining({ file, ...wanted }));
    },
  );

  const packages = [
    ['the package of the combiner', 'x.rego', 'package assent', 1],
    ['a package inside the combiner', 'x.rego', 'package assent.more', 1],
    ['a package of nobody', 'x.rego', 'package system.log', 1],
    ['a package of the library', 'x.rego', 'package rules.lib_rate\n\nthrottle := set()', 1],
    ['the limits of the library', 'x.rego', 'package lib.limits\n\naction_per_second := 9999999', 1],
    ['a part of the limits of the library', 'x.rego', 'package lib.limits.rate\n\na := 1', 1],
    ['a package with odd letters', 'x.rego', 'package rules["Ä"]', 1],
    [
      'tests that add to the rules',
      'x_test.rego',
      'package rules.small\n\nallow contains {"code": "policy.small"}',
      1,
    ],
    ['rules that pose as tests', 'x.rego', 'package rules.small_test', 1],
  ] as const;
  let second: Promise<readonly PolicyProblem[]> | undefined;

  test.each(packages.map((each, i) => [...each, i] as const))(
    '%s',
    { timeout: TIMEOUT },
    async (_name, file, _text, line, i) => {
      const files = packages.map(([, name, rego], n) => [`p${n}${name}`, `${rego}\n\ny := 1\n`]);
      const problems = await (second ??= problemsOf(sourcesOf(SPEAKS, Object.fromEntries(files))));
      expect(problems).toContainEqual(
        expect.objectContaining({ file: `p${i}${file}`, line, code: 'assent_package' }),
      );
    },
  );
});

describe('sources are refused before anything runs', () => {
  const wrong: [string, Sources, string][] = [
    ['no manifest', new Map([['a.rego', 'package rules.a']]), 'manifest.json'],
    ['a manifest that is no JSON', sourcesOf('', { 'manifest.json': '{' }), 'manifest.json'],
    [
      'a manifest with a member twice',
      sourcesOf('', { 'manifest.json': '{"name":"a","name":"b"}' }),
      'manifest.json',
    ],
    [
      'a manifest with an unknown member',
      sourcesOf('', { 'manifest.json': '{"name":"a","code":[]}' }),
      'manifest.json',
    ],
    [
      'a code outside `policy`',
      sourcesOf('', { 'manifest.json': '{"name":"a","codes":["session.rate"]}' }),
      'manifest.json',
    ],
    [
      'a code of ours',
      sourcesOf('', { 'manifest.json': '{"name":"a","codes":["policy.unspoken"]}' }),
      'manifest.json',
    ],
    [
      'data where packages are',
      sourcesOf('', { 'manifest.json': '{"name":"a","data":["rules"]}' }),
      'manifest.json',
    ],
    ['data that is not declared', sourcesOf('', { 'data.json': '{"other":1}' }), 'data.json'],
    ['data with numbers nobody can hold', sourcesOf('', { 'data.json': '{"small":1e400}' }), 'data.json'],
    ['a path that climbs', sourcesOf('', { '../a.rego': '' }), '../a.rego'],
    ['an absolute path', sourcesOf('', { '/a.rego': '' }), '/a.rego'],
    ['a hidden file', sourcesOf('', { '.manifest': '{}' }), '.manifest'],
    [
      'a path in the folder of the library',
      sourcesOf('', { 'assent/combiner.rego': 'package assent' }),
      'assent/combiner.rego',
    ],
    ['a file of another kind', sourcesOf('', { 'a.sh': '' }), 'a.sh'],
    ['too many files', new Map(Array.from({ length: 501 }, (_, i) => [`f${i}.rego`, ''])), ''],
    ['too many bytes', sourcesOf('', { 'big.rego': '#'.repeat(4 * 1024 * 1024) }), ''],
  ];
  test.each(wrong)('%s', async (_name, sources, file) => {
    expect(await problemsOf(sources)).toContainEqual(
      expect.objectContaining({ file, code: 'assent_sources' }),
    );
  });
});

describe('what the library finds wrong with what it is fed is told of the rule that feeds it', () => {
  const NUMBER = '`amount` of an entry of `consume` is a number';
  test.each<[string, string, Partial<PolicyProblem>]>([
    [
      'a text as amount',
      'consume contains {"budget": "b", "amount": "1"}',
      { code: 'assent_rule', message: `${NUMBER}; have: string` },
    ],
    [
      'no amount, by way of a variable',
      'consume contains entry if entry := {"budget": "b"}',
      { code: 'assent_rule', message: NUMBER },
    ],
    [
      'an amount that hangs on what is consumed',
      'consume contains {"budget": "b", "amount": count(data.rules.lib_budget.deny)}',
      { code: 'rego_recursion_error' },
    ],
  ])('%s', { timeout: TIMEOUT }, async (_, rule, problem) => {
    expect(await problemsOf(sourcesOf(`${SPEAKS}\n\n${rule}`))).toEqual([
      expect.objectContaining({ file: 'small.rego', line: 7, column: 1, ...problem }),
    ]);
  });
});

describe('a run that goes on or swells is ended', () => {
  test('at its deadline', { timeout: TIMEOUT }, async () => {
    const result = await createCompiler({ deadlineMs: 1 }).compile(finance);
    expect(result).toMatchObject({ ok: false, problems: [{ code: 'assent_deadline' }] });
  });

  test('by a test that never ends', { timeout: TIMEOUT }, async () => {
    const endless =
      'package rules.small_test\n\ntest_x if count([1 | numbers.range(1, 1000000)[_]; numbers.range(1, 1000000)[_]]) == 0';
    const { report } = await createCompiler({ deadlineMs: 4000 }).test(
      sourcesOf(SPEAKS, { 'x_test.rego': endless }),
    );
    expect(report.ok).toBe(false);
  });

  test('at its memory', { timeout: TIMEOUT }, async () => {
    const numbers = 'numbers.range(1, 3000)';
    const swelling = `package rules.small_test\n\ntest_x if count([[a, b] | some a in ${numbers}; some b in ${numbers}]) == 0`;
    const { report } = await createCompiler({ memoryMib: 96 }).test(
      sourcesOf(SPEAKS, { 'x_test.rego': swelling }),
    );
    expect(report).toMatchObject({ ok: false, problems: [{ code: 'assent_memory' }] });
  });

  test('at its stack', { timeout: TIMEOUT }, async () => {
    const members = Array.from({ length: 10_000 }, (_, i) => `"k${i}": input.args.v${i}`);
    const result = await createCompiler().compile(
      sourcesOf(`${SPEAKS}\n\nallow contains {"code": "policy.small"} if count({${members}}) == 1`),
    );
    expect(result).toMatchObject({ ok: false, problems: [{ code: 'assent_depth' }] });
  });

  test('and the next one works', { timeout: TIMEOUT }, async () => {
    const one = createCompiler({ deadlineMs: 60_000 });
    const [first, second] = await Promise.all([
      one.compile(sourcesOf('deny if true')),
      one.compile(sourcesOf(SPEAKS)),
    ]);
    expect([first.ok, second.ok]).toEqual([false, true]);
  });
});

test("a toolchain that is missing is our failure, not the author's", { timeout: TIMEOUT }, async () => {
  await expect(
    createCompiler({ program: '/nowhere/rego.wasm.br' }).compile(sourcesOf(SPEAKS)),
  ).rejects.toThrow('toolchain');
});

test('patterns in rules are pointed out', { timeout: TIMEOUT }, async () => {
  const result = await compiler.compile(
    sourcesOf('deny contains {"code": "policy.small"} if glob.match("a*", [], input.action.name)'),
  );
  expect(result).toMatchObject({
    ok: true,
    report: { warnings: [{ file: 'small.rego', line: 3, code: 'assent_slow' }] },
  });
});

describe('a failed test', () => {
  const failing = sourcesOf(SPEAKS, {
    'x_test.rego': [
      'package rules.small_test',
      '',
      'test_wrong if data.rules.small.x == 2',
      '',
      'test_right if data.rules.small.x == 1',
      '',
      'test_late if {',
      '\tdata.rules.small.x == 1',
      '\tcount(data.rules.small.allow) == 1 with input as {"action": {"name": "b"}}',
      '}',
      '',
      'todo_test_later if true',
    ].join('\n'),
  });

  test('says which, and the line and column where it stopped', { timeout: TIMEOUT }, async () => {
    const report = await tested(failing);
    expect(report.ok).toBe(false);
    expect(report.tests).toMatchObject([
      {
        name: 'test_wrong',
        file: 'x_test.rego',
        line: 3,
        column: 1,
        pass: false,
        at: { line: 3, column: 15 },
      },
      { name: 'test_right', file: 'x_test.rego', line: 5, column: 1, pass: true },
      { name: 'test_late', line: 7, column: 1, pass: false, at: { line: 9, column: 2 } },
      { name: 'todo_test_later', line: 12, column: 1, pass: false },
    ]);
    expect(report.tests[2]?.error).toMatch(/^does not hold: count\(data.rules.small.allow\) == 1/);
    expect(report.tests[3]?.error).toMatch(/skipped/);
  });

  test('is a problem with its place, and nothing is compiled', { timeout: TIMEOUT }, async () => {
    expect(await problemsOf(failing)).toMatchObject([
      { file: 'x_test.rego', line: 3, column: 15, code: 'assent_test' },
      { file: 'x_test.rego', line: 9, column: 2, code: 'assent_test' },
      { file: 'x_test.rego', line: 12, column: 1, code: 'assent_test' },
    ]);
  });
});

describe('rules that never speak are refused', () => {
  test.each<[string, Sources, Partial<PolicyProblem>]>([
    ['where there is no package of rules', new Map([['manifest.json', MANIFEST]]), { file: 'manifest.json' }],
    [
      'where there are helpers alone',
      new Map([
        ['manifest.json', MANIFEST],
        ['help.rego', 'package lib.help\n\nx := 1'],
      ]),
      { file: 'manifest.json' },
    ],
    ['where no rule adds to a set', sourcesOf('x := 1'), { file: 'small.rego', line: 1, column: 1 }],
    [
      'where obligations are all',
      sourcesOf('oblige contains {"name": "note"}'),
      { file: 'small.rego', line: 1, column: 1 },
    ],
  ])('%s', { timeout: TIMEOUT }, async (_name, sources, place) => {
    expect(await problemsOf(sources)).toMatchObject([{ ...place, code: 'assent_no_rules' }]);
  });
});

describe('what the tests ask with', () => {
  const asking = (count: number, more = '') =>
    sourcesOf(SPEAKS, {
      'x_test.rego': [
        'package rules.small_test',
        'test_plain if count(data.rules.small.allow) == 1 with input as {"action": {"name": "a"}}',
        'test_changed if count(data.rules.small.allow) == 0 with input as {"action": {"name": "a"}} with input.action.name as "b"',
        'test_without_action if count(data.rules.small.allow) == 0 with input as {"args": {}}',
        'test_long if count(data.rules.small.allow) == 0 with input as {"action": {"name": concat("", [x | some _ in numbers.range(1, 900); x := "0123456789"])}}',
        `test_many if every i in numbers.range(1, ${count}) { count(data.rules.small.allow) == 0 with input as {"action": {"name": "c"}, "args": {"i": i}} }`,
        more,
      ].join('\n\n'),
    });

  test('comes along in the bundle, complete and small inputs only', { timeout: TIMEOUT }, async () => {
    const bundle = await built(asking(1));
    expect([...bundle.inputs].sort()).toEqual([
      '{"action":{"name":"a"}}',
      '{"action":{"name":"b"}}',
      '{"action":{"name":"c"},"args":{"i":1}}',
    ]);
    expect((await readBundle(packBundle(bundle))).warm).toEqual(bundle.inputs);
  });

  test('is bounded, and the same whatever the order', { timeout: TIMEOUT }, async () => {
    const one = await built(asking(500));
    const other = await built(new Map([...asking(500)].reverse()));
    expect(one.inputs).toHaveLength(64);
    expect(packBundle(other).equals(packBundle(one))).toBe(true);
  });

  test('is left out where no ask could hold it', { timeout: TIMEOUT }, async () => {
    const odd =
      'test_odd if data.rules.small.x == 1 with input as {"action": {"name": "d", "n": 9007199254740993}}';
    const looking =
      'test_look if count(data.rules.small.allow) == 0 with input as {"action": {"name": "e"}, "args": {"n": 9007199254740993}}';
    const { inputs } = await built(asking(1, `${odd}\n\n${looking}`));
    expect(inputs.join()).not.toContain('9007199254740993');
    expect(inputs).toHaveLength(3);
  });
});

describe('a built bundle is tested again by the tests that it carries', () => {
  test('with its own data, wherever that is mounted', { timeout: TIMEOUT }, async () => {
    const rego = {
      'own/policy.rego': 'package own\n\nbig if input.n > data.own.most',
      'own/policy_test.rego': 'package own_test\n\ntest_big if data.own.big with input as {"n": 6}',
    };
    const rerun = (most: number) =>
      compiler.rerun({
        rego,
        documents: { 'own/data.json': JSON.stringify({ most }) },
        // Its sources define no verdict, so there is nothing to compare.
        bundle: fixture('odd'),
      });
    expect(await rerun(5)).toMatchObject({ ok: true, tests: [{ name: 'test_big', pass: true }] });
    expect(await rerun(6)).toMatchObject({
      ok: false,
      tests: [{ name: 'test_big', file: 'own/policy_test.rego', pass: false, at: { line: 3, column: 13 } }],
    });
  });
});
