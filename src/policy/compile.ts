/**
 * Rego in, a bundle out: the author's files and the default library, compiled to WebAssembly, checked and
 * tested by the toolchain that ships with us. Runs off the hot path, in a child process, one at a time.
 */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '../model/json.ts';
import { type Bounds, runToolchain } from './compile-run.ts';
import {
  type CheckedSources,
  checkSources,
  type PolicyManifest,
  type PolicyProblem,
  problem,
  readSources,
  type Sources,
} from './compile-sources.ts';

export type { PolicyManifest, PolicyProblem, Sources } from './compile-sources.ts';

/** What `compile` made: everything that a bundle file holds. */
export interface CompiledBundle {
  readonly manifest: PolicyManifest;
  /** Name and content hash: equal for equal sources, whoever compiles them. */
  readonly revision: string;
  readonly wasm: Uint8Array;
  readonly data: JsonObject;
  /** The author's files, the library under `assent/`, and the generated combiner. */
  readonly sources: Sources;
  /** Host builtins that the module calls. */
  readonly builtins: readonly string[];
}

export type CompileResult =
  | { readonly ok: true; readonly bundle: CompiledBundle; readonly warnings: readonly PolicyProblem[] }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

export interface PolicyTest {
  readonly name: string;
  readonly package: string;
  readonly file: string;
  readonly line: number;
  readonly pass: boolean;
  /** Why it failed. */
  readonly error?: string;
  /** In OPA's interpreter, not in the compiled module. */
  readonly duration_us: number;
}

export interface FileCoverage {
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

export interface FormatResult {
  readonly problems: readonly PolicyProblem[];
  readonly formatted: Sources;
}

export interface Compiler {
  /** Checks and compiles. What is wrong with the sources is a result; a broken toolchain throws ToolchainFailed. */
  compile(sources: Sources): Promise<CompileResult>;
  /** Runs every rule that begins with `test_` against the bundle's own data, under production's builtins. */
  test(sources: Sources): Promise<TestReport>;
  /** Lays the Rego files out as OPA's formatter does; other files are left out of the result. */
  format(sources: Sources): Promise<FormatResult>;
  /** The library's own tests. */
  testLibrary(): Promise<TestReport>;
}

export interface CompilerOptions extends Partial<Bounds> {
  /** The packed toolchain. */
  readonly program?: string;
  /** Folder of the default library's Rego. */
  readonly library?: string;
}

/** What the toolchain answers; both are built and checked in together, so it is taken at its word. */
interface Answer {
  readonly ok: boolean;
  readonly errors: readonly PolicyProblem[];
  readonly warnings?: readonly PolicyProblem[];
  readonly wasm?: string;
  readonly combiner?: string;
  readonly declares?: { readonly builtins: readonly string[] };
  readonly tests?: readonly PolicyTest[];
  readonly coverage?: readonly FileCoverage[];
  readonly formatted?: Readonly<Record<string, string>>;
}

const PROGRAM = fileURLToPath(new URL('../../tools/rego/rego.wasm.br', import.meta.url));
const LIBRARY = fileURLToPath(new URL('../../policies/lib', import.meta.url));
const LIBRARY_FOLDER = 'assent/';
/** Where the toolchain says the combiner stands when it reports on it. */
const COMBINER = 'assent/combiner.rego';

/**
 * A compiler with its bounds: `deadlineMs` (30 s) and `memoryMib` (1024) of each run. Calls queue, so that
 * several authors cost no more memory than one.
 */
export function createCompiler(options: CompilerOptions = {}): Compiler {
  const { program = PROGRAM, library = LIBRARY, deadlineMs = 30_000, memoryMib = 1024 } = options;
  let last: Promise<unknown> = Promise.resolve();
  const run = (request: object): Promise<Answer> => {
    const next = last.then(() => answerTo(program, request, { deadlineMs, memoryMib }));
    // Only the order matters here: whoever asked hears of the failure.
    last = next.catch(() => undefined);
    return next;
  };
  return {
    compile: (sources) => compile(run, libraryFiles(library), sources),
    test: (sources) => test(run, libraryFiles(library), sources),
    format: (sources) => format(run, sources),
    testLibrary: () => testLibrary(run, libraryFiles(library, true)),
  };
}

type Runner = (request: object) => Promise<Answer>;
type Files = Readonly<Record<string, string>>;

async function compile(run: Runner, library: Files, sources: Sources): Promise<CompileResult> {
  const checked = checkSources(sources);
  if (!('manifest' in checked)) return { ok: false, problems: checked };
  const answer = await run(requestOf('build', library, checked));
  if (!answer.ok || answer.wasm === undefined) return { ok: false, problems: answer.errors };
  const { manifest, data } = checked;
  const wasm = Buffer.from(answer.wasm, 'base64');
  const all = new Map([...sources, ...Object.entries(library), [COMBINER, answer.combiner ?? '']]);
  const revision = `${manifest.name}@${hashOf(wasm, all)}`;
  const builtins = answer.declares?.builtins ?? [];
  return {
    ok: true,
    bundle: { manifest, revision, wasm, data, sources: all, builtins },
    warnings: answer.warnings ?? [],
  };
}

async function test(run: Runner, library: Files, sources: Sources): Promise<TestReport> {
  const checked = checkSources(sources);
  if (!('manifest' in checked)) return reportOf({ ok: false, errors: checked }, () => true);
  return reportOf(await run(requestOf('test', library, checked)), (file) => file in checked.rego);
}

async function testLibrary(run: Runner, library: Files): Promise<TestReport> {
  return reportOf(await run({ command: 'test', library, roots: ['limits'] }), () => true);
}

async function format(run: Runner, sources: Sources): Promise<FormatResult> {
  const checked = checkSources(sources);
  if (!('manifest' in checked)) return { problems: checked, formatted: new Map() };
  const { errors, formatted = {} } = await run({ command: 'format', files: checked.rego });
  return { problems: errors, formatted: new Map(Object.entries(formatted)) };
}

function requestOf(command: string, library: Files, { manifest, data, rego }: CheckedSources): object {
  return {
    command,
    files: rego,
    library,
    data,
    codes: [...manifest.codes.keys()],
    roots: ['limits', ...manifest.data],
  };
}

async function answerTo(program: string, request: object, bounds: Bounds): Promise<Answer> {
  const run = await runToolchain(program, JSON.stringify(request), bounds);
  if (run.kind === 'answer') return JSON.parse(run.text) as Answer;
  const message =
    run.kind === 'deadline'
      ? `compiling and testing took longer than ${bounds.deadlineMs} ms`
      : `compiling and testing took more than ${bounds.memoryMib} MiB`;
  return { ok: false, errors: [{ ...problem('', message), code: `assent_${run.kind}` }] };
}

/** Read at each use: some files of a few KB, next to a run of a second. */
function libraryFiles(folder: string, tests = false): Files {
  const files = [...readSources(folder)].filter(([path]) => tests || !path.endsWith('_test.rego'));
  return Object.fromEntries(files.map(([path, text]) => [LIBRARY_FOLDER + path, text]));
}

function reportOf(answer: Answer, counts: (file: string) => boolean): TestReport {
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

function hashOf(wasm: Uint8Array, sources: Sources): string {
  const hash = createHash('sha256').update(wasm);
  for (const [path, text] of [...sources].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`\0${path}\0${Buffer.byteLength(text)}\0`).update(text);
  return hash.digest('hex').slice(0, 16);
}
