import { table } from './output.ts';
import { problemLine } from './policy-text.ts';

type Measure = typeof import('../policy/cost.ts').measureCosts;
type Costs = Awaited<ReturnType<Measure>>;
type Report = import('../policy/compile.ts').TestReport;

/** What `policy test` prints: problems first, then tests, costs, lines that no test reached, and the sum. */
export function reportLines(report: Report, costs: Costs | undefined): readonly string[] {
  const { problems, warnings, tests, coverage } = report;
  const rows = tests.map(({ pass, package: pack, name, duration_us: us, error = '', ...test }) => [
    pass ? 'ok' : 'FAIL',
    `${pack}.${name}`,
    `${us} us`,
    pass ? '' : problemLine({ ...test, ...test.at, message: error }),
  ]);
  const missed = coverage.files
    .filter(({ uncovered }) => uncovered.length > 0)
    .map(({ file, uncovered }) => `not reached: ${file} lines ${uncovered.join(', ')}`);
  return [
    ...[...problems, ...warnings].map(problemLine),
    ...table(rows),
    ...(costs === undefined ? [] : costLines(costs)),
    ...missed,
    sumLine(report),
  ];
}

function sumLine({ problems, tests, coverage }: Report): string {
  // Whether there are tests cannot be said of rules that do not compile.
  if (tests.length === 0) return problems.length > 0 ? 'no test was run' : 'there is no test';
  const failed = tests.filter(({ pass }) => !pass).length;
  return `${tests.length - failed} passed, ${failed} failed, ${coverage.percent} % of the rules' lines reached`;
}

function costLines({ inputs, input, verdict, rules }: Costs): readonly string[] {
  if (inputs === 0) return ['no test asks with an input: no cost was measured'];
  const row = (name: string, { mean_us, most_us }: { mean_us: number; most_us: number }, more = '') => [
    name,
    mean_us.toFixed(1),
    most_us.toFixed(1),
    more,
  ];
  return [
    '',
    ...table([
      [
        'cost, us of one evaluation',
        'mean',
        'most',
        `over ${inputs} ${inputs === 1 ? 'input' : 'inputs'} of the tests`,
      ],
      ...rules.map(({ rule, file, line, column, slow, ...cost }) =>
        row(rule, cost, [`${file}:${line}:${column}`, ...slow].join('  ')),
      ),
      row('reading the input', input),
      row('the whole verdict', verdict),
    ]),
    '',
  ];
}
