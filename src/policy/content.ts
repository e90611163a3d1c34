/** What an author pushes, as the bytes of a bundle that was compiled aside, and whose tests have run here. */
import { type BundleContent, BundleRefused } from '../model/verbs.ts';
import type { BuiltSources, Compiler, TestReport } from './compile.ts';
import { packBundle } from './compile-bundle.ts';
import { problemsOf } from './compile-report.ts';
import { BundleError } from './tar.ts';
import { textOf, unpackBundle } from './unpack.ts';

export interface Built {
  readonly bytes: Uint8Array;
  /** 0 only where the author said that no test is needed. */
  readonly testsPassed: number;
  /** Of the author's rule files: percent of lines that the tests reached. */
  readonly coveragePercent: number;
}

export interface BuildOptions {
  /** No test is needed. */
  readonly allowUntested: boolean;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of Rego and data that the toolchain is handed of a built bundle. */
const MAX_TESTED_BYTES = 12 * 1024 * 1024;

/**
 * Plain Rego is compiled and tested. A built bundle stays as it is; the tests among the sources that it carries run
 * here again, and one that carries none is untested.
 * @throws BundleRefused with every error that compiling found, every test that failed, and its place; or because
 * there is no test and `allowUntested` does not say that none is needed
 * @throws ToolchainFailed when the compiler itself broke; the signal's reason when that is aborted
 */
export async function buildContent(
  content: BundleContent,
  compiler: Compiler,
  { allowUntested, signal }: BuildOptions,
): Promise<Built> {
  const built = await (content.kind === 'sources'
    ? fromSources(content.files, compiler, signal)
    : fromBundle(content.bytes, compiler, signal));
  if (built.testsPassed > 0) return built;
  if (!allowUntested) throw untested(content);
  // With tests, and from sources, the compiler has done so.
  const problems = content.kind === 'bundle' ? await compiler.tryOut(content.bytes, signal) : [];
  if (problems.length > 0) throw new BundleRefused(problems);
  return built;
}

/** A bad bundle as the wire tells it. */
export function refusedBy(cause: unknown): unknown {
  if (!(cause instanceof BundleError)) return cause;
  const { file = '', message } = cause;
  return new BundleRefused([{ file, line: 0, column: 0, code: 'assent_bundle', message }]);
}

async function fromSources(
  files: ReadonlyMap<string, string>,
  compiler: Compiler,
  signal: AbortSignal | undefined,
): Promise<Built> {
  const compiled = await compiler.compile(files, signal);
  if (!compiled.ok) throw new BundleRefused(compiled.problems);
  return builtOf(packBundle(compiled.bundle), compiled.report);
}

async function fromBundle(
  bytes: Uint8Array,
  compiler: Compiler,
  signal: AbortSignal | undefined,
): Promise<Built> {
  const sources = await testedSources(bytes).catch((cause: unknown) => {
    throw refusedBy(cause);
  });
  if (sources === undefined) return { bytes, testsPassed: 0, coveragePercent: 0 };
  const report = await compiler.rerun(sources, signal);
  if (!report.ok) throw new BundleRefused(problemsOf(report));
  return builtOf(bytes, report);
}

function builtOf(bytes: Uint8Array, { tests, coverage }: TestReport): Built {
  return { bytes, testsPassed: tests.length, coveragePercent: coverage.percent };
}

/**
 * What the tests in a built bundle need; undefined where no file has one. Nothing is parsed here: that is for the
 * toolchain's process, and for the worker that loads.
 */
async function testedSources(bytes: Uint8Array): Promise<BuiltSources | undefined> {
  const files = [...(await unpackBundle(bytes))];
  const rego = files.filter(([name]) => name.endsWith('.rego'));
  if (!rego.some(([, content]) => content.includes('test_'))) return undefined;
  const documents = files.filter(([name]) => name === 'data.json' || name.endsWith('/data.json'));
  const size = [...rego, ...documents].reduce((sum, [, content]) => sum + content.length, 0);
  if (size > MAX_TESTED_BYTES)
    throw new BundleError(
      `the sources and data are over ${MAX_TESTED_BYTES} bytes and cannot be tested here`,
    );
  return { rego: textsOf(rego), documents: textsOf(documents), bundle: bytes };
}

function textsOf(files: readonly (readonly [string, Buffer])[]): Readonly<Record<string, string>> {
  return Object.fromEntries(files.map(([name, content]) => [name, textOf(content, name)]));
}

/** Named by the file that is missing. */
function untested({ kind }: BundleContent): BundleRefused {
  const message =
    kind === 'sources'
      ? 'there is no test: add one, or allow the bundle untested'
      : 'the bundle carries no test: build it from a folder with tests, or allow it untested';
  return new BundleRefused([{ file: '*_test.rego', line: 0, column: 0, code: 'assent_no_tests', message }]);
}
