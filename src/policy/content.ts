/** What an author pushes, as the bytes of a bundle: plain Rego is compiled and tested first. */
import { type BundleContent, BundleRefused, type SourceError } from '../model/verbs.ts';
import type { Compiler, TestReport } from './compile.ts';
import { packBundle } from './compile-bundle.ts';
import { BundleError } from './tar.ts';

export interface Built {
  readonly bytes: Uint8Array;
  readonly testsPassed: number;
  /** Of the author's rule files: percent of lines that the tests reached. */
  readonly coveragePercent: number;
}

/**
 * A built bundle is taken as it is: its tests ran where it was built.
 * @throws BundleRefused with every error that compiling found, or every test that failed, and its place
 * @throws ToolchainFailed when the compiler itself broke
 */
export async function buildContent(content: BundleContent, compiler: Compiler): Promise<Built> {
  if (content.kind === 'bundle') return { bytes: content.bytes, testsPassed: 0, coveragePercent: 0 };
  const compiled = await compiler.compile(content.files);
  if (!compiled.ok) throw new BundleRefused(compiled.problems);
  const report = await compiler.test(content.files);
  if (!report.ok) throw new BundleRefused([...report.problems, ...failures(report)]);
  return {
    bytes: packBundle(compiled.bundle),
    testsPassed: report.tests.length,
    coveragePercent: report.coverage.percent,
  };
}

/** A bad bundle as the wire tells it. */
export function refusedBy(cause: unknown): unknown {
  if (!(cause instanceof BundleError)) return cause;
  const { file = '', message } = cause;
  return new BundleRefused([{ file, line: 0, column: 0, code: 'assent_bundle', message }]);
}

function failures({ tests }: TestReport): readonly SourceError[] {
  return tests
    .filter(({ pass }) => !pass)
    .map(({ file, line, name, error }) => ({
      file,
      line,
      column: 0,
      code: 'assent_test',
      message: `the test \`${name}\` fails${error === undefined ? '' : `: ${error}`}`,
    }));
}
