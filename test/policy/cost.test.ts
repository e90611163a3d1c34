import { describe, expect, test } from 'vitest';
import { createCompiler } from '../../src/policy/compile.ts';
import { measureCosts } from '../../src/policy/cost.ts';

const TIMEOUT = 120_000;
const MANIFEST = JSON.stringify({ name: 'small', codes: ['policy.small'], data: ['small'] });
const RULES = `package rules.small

import data.lib.names

allow contains {"code": "policy.small"} if input.action.name == "pay"

deny contains {"code": "policy.small"} if names.odd(input.action.name)

deny contains {"code": "policy.small"} if {
	input.action.name == "pay"
	count([1 | some i in numbers.range(1, data.small.most); i % 2 == 0]) == 0
}
`;
const NAMES = 'package lib.names\n\nodd(name) if glob.match("odd*", [], name)\n';
const TESTS = `package rules.small_test

test_pay if data.assent.verdict.effect == "allow" with input as {"action": {"name": "pay", "class": "read"}}

test_other if data.assent.verdict.effect == "deny" with input as {"action": {"name": "look", "class": "read"}}
`;

const sources = (tests: string) =>
  new Map([
    ['manifest.json', MANIFEST],
    ['data.json', '{"small":{"most":1000}}'],
    ['small.rego', RULES],
    ['names.rego', NAMES],
    ['small_test.rego', tests],
  ]);

async function probedOf(tests: string) {
  const { report, probed } = await createCompiler().test(sources(tests));
  expect(report.problems).toEqual([]);
  if (probed === undefined) throw new Error('nothing was compiled');
  return probed;
}

/** A clock that moves while something is measured, each time by more. */
function slowing(): () => number {
  let [readings, time] = [0, 0];
  return () => {
    if (readings % 2 === 1) time += (5000 + readings) ** 2 * 1e-8;
    readings += 1;
    return time;
  };
}

describe('the cost of rules', () => {
  test('is told for each rule alone, dearest first, with the slow builtins it reaches', {
    timeout: TIMEOUT,
  }, async () => {
    const { inputs, rules } = await measureCosts(await probedOf(TESTS), () => performance.now());
    expect(inputs).toBe(2);
    const own = rules.filter(({ file }) => file === 'small.rego');
    expect(own.map(({ rule, line, column, slow }) => [rule, line, column, slow])).toEqual(
      expect.arrayContaining([
        ['rules.small.allow', 5, 1, []],
        ['rules.small.deny', 7, 1, ['glob.match']],
        ['rules.small.deny', 9, 1, []],
      ]),
    );
    expect(rules.map(({ rule }) => rule)).toContain('rules.lib_rate.throttle');
  });

  test('is what the clock says of each, without what reading the input takes, dearest first', {
    timeout: TIMEOUT,
  }, async () => {
    const probed = await probedOf(TESTS);
    const { rules, verdict, input } = await measureCosts(probed, slowing());
    const places = (of: readonly { readonly file: string; readonly line: number }[]) =>
      of.map(({ file, line }) => `${file}:${line}`);
    // What is measured last seems dearest.
    expect(places(rules)).toEqual(places(probed.probes.filter(({ file }) => file !== '')).reverse());
    expect(rules.map(({ most_us }) => most_us)).toEqual(
      rules.map(({ most_us }) => most_us).sort((a, b) => b - a),
    );
    // The second input was measured after the first.
    expect(rules[0]?.most_us).toBeGreaterThan(rules[0]?.mean_us ?? 0);
    expect(input.mean_us).toBeGreaterThan(verdict.mean_us);
    expect(rules.at(-1)?.most_us).toBeLessThan(input.most_us);
  });

  test('is not told where no test asks with an input', { timeout: TIMEOUT }, async () => {
    const probed = await probedOf('package rules.small_test\n\ntest_data if data.small.most == 1000\n');
    const costs = await measureCosts(probed, () => performance.now());
    expect(costs).toMatchObject({ inputs: 0, verdict: { mean_us: 0, most_us: 0 }, rules: [] });
  });

  test('is not measured where a test fails', { timeout: TIMEOUT }, async () => {
    const failing = 'package rules.small_test\n\ntest_data if data.small.most == 1\n';
    const { report, probed } = await createCompiler().test(sources(failing));
    expect(report.ok).toBe(false);
    expect(probed).toBeUndefined();
  });
});
