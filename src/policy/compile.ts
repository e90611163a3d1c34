/**
 * Rego in, a bundle out: the author's files and the default library, compiled to WebAssembly, checked and
 * tested by the toolchain that ships with us. Runs off the hot path, in a child process, one at a time.
 */
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '../model/json.ts';
import { type Compiled, compareAside } from './compile-compare.ts';
import { type Answer, type Probe, problemsOf, reportOf, type TestReport } from './compile-report.ts';
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
import { tryCompiling } from './compile-trial.ts';
import { DEFAULT_MEMORY_MIB } from './config.ts';
import { createQueue } from './queue.ts';
import { warmable } from './warm.ts';

export type { Probe, TestReport } from './compile-report.ts';
export type { PolicyManifest, PolicyProblem, Sources } from './compile-sources.ts';

/** What `compile` made: everything that a bundle file holds. */
export interface CompiledBundle {
  readonly manifest: PolicyManifest;
  readonly wasm: Uint8Array;
  readonly data: JsonObject;
  /** The author's files, the library under `assent/`, and the generated combiner. */
  readonly sources: Sources;
  /** Host builtins that the module calls. */
  readonly builtins: readonly string[];
  /** What its tests asked with, as JSON: a new instance is warmed with it. */
  readonly inputs: readonly string[];
}

export type CompileResult =
  | { readonly ok: true; readonly bundle: CompiledBundle; readonly report: TestReport }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

/** The tests' report, and what `measureCosts` takes; no probes where something failed. */
export interface TestRun {
  readonly report: TestReport;
  readonly probed: Probed | undefined;
}

/** A module in which every rule can be evaluated by itself. */
export interface Probed {
  readonly wasm: Uint8Array;
  readonly probes: readonly Probe[];
  readonly data: JsonObject;
  /** What the tests asked with, as JSON. */
  readonly inputs: readonly string[];
}

/** What a built bundle carries of its sources, by path: Rego, and `data.json` files as text. */
export interface BuiltSources {
  readonly rego: Files;
  readonly documents: Files;
  /** The bundle's file: its module is compared with its tests. */
  readonly bundle: Uint8Array;
}

export interface FormatResult {
  readonly problems: readonly PolicyProblem[];
  readonly formatted: Sources;
}

export interface Compiler {
  /**
   * Checks, runs every rule that begins with `test_` against the bundle's own data, compiles, and holds the module
   * to what the tests saw. What is wrong with the sources, a failing test included, is a result; having no test
   * is not wrong here. A broken toolchain throws ToolchainFailed; a signal that is aborted ends this and those below,
   * which throw its reason.
   */
  compile(sources: Sources, signal?: AbortSignal): Promise<CompileResult>;
  /** The same, with the rules compiled so that each can be measured. */
  test(sources: Sources): Promise<TestRun>;
  /**
   * Runs the tests that a built bundle carries, and holds its module to what they saw. That it was made of these
   * sources is its author's word beyond.
   */
  rerun(sources: BuiltSources, signal?: AbortSignal): Promise<TestReport>;
  /** Compiles the module of a built bundle aside, as the others do: for one that carries no tests to run. */
  tryOut(bundle: Uint8Array, signal?: AbortSignal): Promise<readonly PolicyProblem[]>;
  /** Lays the Rego files out as OPA's formatter does; other files are left out of the result. */
  format(sources: Sources): Promise<FormatResult>;
  /** The library's own tests. */
  testLibrary(): Promise<TestReport>;
}

export interface CompilerOptions extends Partial<Omit<Bounds, 'signal'>> {
  /** MiB that an instance of the module may have while it is held to its tests: `policy.memory_mib` of its server. */
  readonly instanceMib?: number;
  /** The packed toolchain. */
  readonly program?: string;
  /** Folder of the default library's Rego. */
  readonly library?: string;
}

const PROGRAM = fileURLToPath(new URL('../../tools/rego/rego.wasm.br', import.meta.url));
const LIBRARY = fileURLToPath(new URL('../../policies/lib', import.meta.url));
const LIBRARY_FOLDER = 'assent/';
/** Where the toolchain says the combiner stands when it reports on it. */
const COMBINER = 'assent/combiner.rego';

/**
 * A compiler with its bounds: `deadlineMs` (30 s) and `memoryMib` (1024) of each run, `instanceMib` (64). Calls queue,
 * so that several authors cost no more memory than one.
 */
export function createCompiler(options: CompilerOptions = {}): Compiler {
  const { program = PROGRAM, library = LIBRARY, deadlineMs = 30_000, memoryMib = 1024 } = options;
  const { instanceMib = DEFAULT_MEMORY_MIB } = options;
  const queue = createQueue();
  const runnerOf =
    (signal?: AbortSignal): Runner =>
    (request, compiledOf = () => undefined) =>
      queue(async () => {
        const answer = await answerTo(program, request, { deadlineMs, memoryMib, signal });
        const compiled = answer.ok ? compiledOf(answer) : undefined;
        if (compiled === undefined) return answer;
        const refused = await tryCompiling(compiled, deadlineMs, signal);
        const instance = { deadlineMs, memoryMib: instanceMib, signal };
        const errors =
          refused.length > 0 ? refused : await compareAside(compiled, answer.asked ?? [], instance);
        return errors.length === 0 ? answer : { ...answer, ok: false, errors };
      });
  const run = runnerOf();
  return {
    compile: (sources, signal) => compile(runnerOf(signal), libraryFiles(library), sources),
    test: (sources) => test(run, libraryFiles(library), sources),
    rerun: async ({ rego, documents, bundle }, signal) =>
      reportOf(
        await runnerOf(signal)({ command: 'rerun', files: rego, documents }, () => ({ bundle })),
        (file) => !file.startsWith(LIBRARY_FOLDER),
      ),
    tryOut: (bundle, signal) => queue(() => tryCompiling({ bundle }, deadlineMs, signal)),
    format: (sources) => format(run, sources),
    testLibrary: () => testLibrary(run, libraryFiles(library, true)),
  };
}

/**
 * Runs the toolchain; where it found nothing wrong, the module that the answer leads to is compiled in a process of its
 * own, before anything here compiles it, and then held to what the toolchain saw.
 */
type Runner = (request: object, compiledOf?: (answer: Answer) => Compiled | undefined) => Promise<Answer>;
type Files = Readonly<Record<string, string>>;

async function compile(run: Runner, library: Files, sources: Sources): Promise<CompileResult> {
  const checked = checkSources(sources);
  if (!('manifest' in checked)) return { ok: false, problems: checked };
  const answer = await run(requestOf('build', library, checked), builtFrom(checked));
  const report = reportOf(answer, (file) => file in checked.rego);
  if (!answer.ok || answer.wasm === undefined) return { ok: false, problems: problemsOf(report) };
  const { manifest, data } = checked;
  const bundle = {
    manifest,
    wasm: Buffer.from(answer.wasm, 'base64'),
    data,
    sources: new Map([...sources, ...Object.entries(library), [COMBINER, answer.combiner ?? '']]),
    builtins: answer.declares?.builtins ?? [],
    inputs: warmable(answer.inputs ?? []),
  };
  return { ok: true, bundle, report };
}

async function test(run: Runner, library: Files, sources: Sources): Promise<TestRun> {
  const checked = checkSources(sources);
  if (!('manifest' in checked))
    return { report: reportOf({ ok: false, errors: checked }, () => true), probed: undefined };
  const answer = await run(requestOf('measure', library, checked), builtFrom(checked));
  const report = reportOf(answer, (file) => file in checked.rego);
  if (!answer.ok || answer.wasm === undefined) return { report, probed: undefined };
  const { probes = [], inputs = [] } = answer;
  return { report, probed: { wasm: Buffer.from(answer.wasm, 'base64'), probes, inputs, data: checked.data } };
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

function builtFrom({ data }: CheckedSources): (answer: Answer) => Compiled | undefined {
  return ({ wasm }) => (wasm === undefined ? undefined : { wasm: Buffer.from(wasm, 'base64'), data });
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
  const message = {
    deadline: `compiling and testing took longer than ${bounds.deadlineMs} ms`,
    memory: `compiling and testing took more than ${bounds.memoryMib} MiB`,
    depth: 'a rule holds too many values to be compiled: move them to data',
  }[run.kind];
  return { ok: false, errors: [{ ...problem('', message), code: `assent_${run.kind}` }] };
}

/** Read at each use: some files of a few KB, next to a run of a second. */
function libraryFiles(folder: string, tests = false): Files {
  const files = [...readSources(folder)].filter(([path]) => tests || !path.endsWith('_test.rego'));
  return Object.fromEntries(files.map(([path, text]) => [LIBRARY_FOLDER + path, text]));
}
