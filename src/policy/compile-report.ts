/** What the toolchain answers, and what it says of a policy's tests. */
import type { PolicyProblem } from './compile-sources.ts';

interface Place {
  readonly line: number;
  readonly column: number;
}

export interface PolicyTest extends Place {
  readonly name: string;
  readonly package: string;
  readonly file: string;
  readonly pass: boolean;
  /** Why it failed. */
  readonly error?: string;
  /** The last expression of the test's own file that failed; absent where none did, as after a timeout. */
  readonly at?: Place;
  /** In OPA's interpreter, not in the compiled module. */
  readonly duration_us: number;
}

interface FileCoverage {
  readonly file: string;
  /** Lines that some test reached. */
  readonly covered: number;
  readonly uncovered: readonly number[];
}

export interface TestReport {
  /** No problem, and every test passed. */
  readonly ok: boolean;
  readonly problems: readonly PolicyProblem[];
  readonly warnings: readonly PolicyProblem[];
  readonly tests: readonly PolicyTest[];
  /** Of the author's rule files: percent of lines, one decimal. */
  readonly coverage: { readonly percent: number; readonly files: readonly FileCoverage[] };
}

/** One rule that can be evaluated by itself; the one without a file does nothing but read the input. */
export interface Probe extends Place {
  readonly file: string;
  /** Package and set: `rules.payments.deny`. */
  readonly rule: string;
  readonly entrypoint: string;
  /** Builtins that it calls, itself or through others, and that build an automaton at each call. */
  readonly slow: readonly string[];
}

/** An input that tests asked with, where the first of them stands, and what the interpreter says of it. */
export interface Asked extends Place {
  readonly file: string;
  /** JSON text. */
  readonly input: string;
  /** With the bundle's own data and nothing mocked; absent where there is none. */
  readonly verdict?: unknown;
}

/** Both ends are built and checked in together, so it is taken at its word. */
export interface Answer {
  readonly ok: boolean;
  readonly errors: readonly PolicyProblem[];
  readonly warnings?: readonly PolicyProblem[];
  readonly wasm?: string;
  readonly combiner?: string;
  readonly declares?: { readonly builtins: readonly string[] };
  readonly tests?: readonly PolicyTest[];
  readonly coverage?: readonly FileCoverage[];
  /** Inputs that the tests asked with, as JSON: those to warm an instance with. */
  readonly inputs?: readonly string[];
  /** Those to compare the module by, at most 512; none where a test failed or the sources define no verdict. */
  readonly asked?: readonly Asked[];
  readonly probes?: readonly Probe[];
  readonly formatted?: Readonly<Record<string, string>>;
}

/** @param counts whether a file's lines are the author's */
export function reportOf(answer: Answer, counts: (file: string) => boolean): TestReport {
  const files = (answer.coverage ?? []).filter(({ file }) => counts(file));
  const covered = files.reduce((sum, file) => sum + file.covered, 0);
  const lines = files.reduce((sum, file) => sum + file.covered + file.uncovered.length, 0);
  return {
    ok: answer.ok,
    problems: answer.errors,
    warnings: answer.warnings ?? [],
    tests: answer.tests ?? [],
    coverage: { percent: lines === 0 ? 0 : Math.round((1000 * covered) / lines) / 10, files },
  };
}

/** What keeps a policy from being taken: its problems, and its failing tests at the place where each stopped. */
export function problemsOf({ problems, tests }: TestReport): readonly PolicyProblem[] {
  const failures = tests
    .filter(({ pass }) => !pass)
    .map(({ file, line, column, at, name, error }) => ({
      file,
      ...{ line, column, ...at },
      code: 'assent_test',
      message: `the test \`${name}\` fails${error === undefined ? '' : `: ${error}`}`,
    }));
  return [...problems, ...failures];
}
