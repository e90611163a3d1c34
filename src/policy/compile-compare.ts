/**
 * Holds a compiled module to what its tests saw. Tests run in OPA's interpreter; the module that decides has builtins
 * of its own making. So the module is asked what the tests asked, and must say what the interpreter says.
 */
import { Worker } from 'node:worker_threads';
import { canonicalJson, type JsonObject } from '../model/json.ts';
import { readBundle } from './bundle.ts';
import type { Asked } from './compile-report.ts';
import type { Bounds } from './compile-run.ts';
import type { PolicyProblem } from './compile-sources.ts';
import { buildImage, createEvaluator, type Evaluator } from './opa.ts';
import { compileModule } from './start.ts';
import { BundleError } from './tar.ts';
import { askable } from './warm.ts';

/** A module with its bundle's own data, or a bundle's file that holds both. */
export type Compiled =
  | { readonly wasm: Uint8Array; readonly data: JsonObject }
  | { readonly bundle: Uint8Array };

export interface CompareRequest {
  readonly compiled: Compiled;
  readonly asked: readonly Asked[];
  /** Of 64 KiB, that the module may have. */
  readonly maximumPages: number;
}

const WORKER_HEAP_MIB = 1024;
const PAGES_PER_MIB = 16;
const MAX_WORDS = 256;

/**
 * Compares in a worker that ends at the deadline: a module that came built may do anything.
 * @returns a problem `assent_differs` for each test whose input the module answers otherwise, or one `assent_bundle`
 * where it cannot be asked; empty: nothing differs
 * @throws the signal's reason when that is aborted
 */
export function compareAside(
  compiled: Compiled,
  asked: readonly Asked[],
  { deadlineMs, memoryMib, signal }: Bounds,
): Promise<readonly PolicyProblem[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly PolicyProblem[]>();
  if (signal?.aborted) return Promise.reject(signal.reason);
  if (asked.length === 0) return Promise.resolve([]);
  const file = import.meta.url.endsWith('.ts')
    ? './compile-compare-worker.ts'
    : './compile-compare-worker.js';
  const request: CompareRequest = { compiled, asked, maximumPages: memoryMib * PAGES_PER_MIB };
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: request,
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MIB },
  });
  const fail = (message: string): void => resolve([unaskable(message)]);
  const abort = (): void => {
    reject(signal?.reason);
    void worker.terminate();
  };
  signal?.addEventListener('abort', abort);
  const timer = setTimeout(() => {
    fail(`comparing with the tests took longer than ${deadlineMs} ms`);
    void worker.terminate();
  }, deadlineMs);
  worker.once('message', (problems: readonly PolicyProblem[]) => resolve(problems));
  // Out of memory arrives here, as does what the worker did not expect.
  worker.once('error', (cause: unknown) => fail(cause instanceof Error ? cause.message : String(cause)));
  worker.once('exit', () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    fail('the module could not be compared with the tests');
  });
  return promise;
}

/** The same here and without a deadline. */
export async function compare(request: CompareRequest): Promise<readonly PolicyProblem[]> {
  try {
    const evaluator = await open(request);
    const problems = new Map<string, PolicyProblem>();
    for (const ask of request.asked) {
      const { file, line, column } = ask;
      const message = differenceOf(ask, evaluator);
      const place = `${file}:${line}:${column}`;
      if (message !== undefined && !problems.has(place))
        problems.set(place, { file, line, column, code: 'assent_differs', message });
    }
    return [...problems.values()];
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    return [unaskable(cause.message, cause instanceof BundleError ? cause.file : undefined)];
  }
}

async function open({ compiled, maximumPages }: CompareRequest): Promise<Evaluator> {
  const { wasm, data } = 'bundle' in compiled ? await readBundle(compiled.bundle) : compiled;
  const module = await compileModule(wasm);
  const image = buildImage(module, new TextEncoder().encode(canonicalJson(data)), maximumPages);
  return createEvaluator(module, image, maximumPages);
}

/** What differs, in words; undefined where nothing does, or where no ask can hold the input. */
function differenceOf({ input: written, verdict }: Asked, evaluator: Evaluator): string | undefined {
  const input = askable(written);
  if (input === undefined) return undefined;
  const here = `asked what this test asks, the interpreter says ${wordsOf(verdict)}`;
  const see = 'docs/policy-authors.md says which builtins differ';
  let said: unknown;
  try {
    said = resultOf(evaluator.evaluate(input));
  } catch (cause) {
    if (verdict === undefined) return undefined;
    const problem = cause instanceof Error ? cause.message : String(cause);
    return `${here}, the compiled module aborts: ${problem.slice(0, MAX_WORDS)}; ${see}`;
  }
  if (settled(said) === settled(verdict)) return undefined;
  const [theirs, ours] = [wordsOf(said), wordsOf(verdict)];
  return `${here}, the compiled module ${theirs === ours ? 'the same with other details' : theirs}; ${see}`;
}

/** The one result; undefined where there is none, or no JSON, which is no verdict either. */
function resultOf(text: string): unknown {
  try {
    const results = JSON.parse(text) as readonly { readonly result?: unknown }[];
    return results.length === 1 ? (results[0]?.result ?? undefined) : undefined;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    return undefined;
  }
}

/** One text for one verdict: lists are sorted, because a set comes out in another order from each. */
function settled(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(settled).sort().join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${settled(member)}`);
  return `{${members.sort().join()}}`;
}

/** Effect and codes. */
function wordsOf(verdict: unknown): string {
  if (typeof verdict !== 'object' || verdict === null) return 'no verdict';
  const { effect, reasons } = verdict as { readonly effect?: unknown; readonly reasons?: unknown };
  const codes = (Array.isArray(reasons) ? reasons : []).map((reason: unknown) =>
    typeof reason === 'object' && reason !== null && 'code' in reason ? `\`${reason.code}\`` : '',
  );
  return `\`${effect}\` (${codes.sort().join(', ')})`.slice(0, MAX_WORDS);
}

function unaskable(message: string, file = 'policy.wasm'): PolicyProblem {
  return { file, line: 0, column: 0, code: 'assent_bundle', message };
}
