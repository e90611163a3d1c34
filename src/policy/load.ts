/**
 * From a bundle's bytes and the data documents to a policy that is ready to decide: read, compiled, its
 * builtins checked, its data loaded, tried out and warm. Runs in a worker wherever the bundle is new or asks
 * are being decided: reading a large document, or a module that never ends, must not hold them up.
 */
import { Worker } from 'node:worker_threads';
import { type Manifest, readBundle } from './bundle.ts';
import { compose, type DataFacts, type DataLayers } from './data.ts';
import { withinBound } from './held.ts';
import { buildImage, createEvaluator, type Evaluator, type PolicyImage, tryInstance } from './opa.ts';
import { compileModule } from './start.ts';
import { BundleError } from './tar.ts';
import { trialInputs } from './trial.ts';
import { readVerdict } from './verdict.ts';
import { WARM_FILE } from './warm.ts';

export interface LoadRequest extends DataLayers {
  readonly bundle: Uint8Array;
  /** The bundle's module, where it was compiled before. */
  readonly module?: WebAssembly.Module | undefined;
  /** Pages of 64 KiB that an instance may have. */
  readonly maximumPages: number;
}

export interface Loaded {
  readonly manifest: Manifest;
  readonly module: WebAssembly.Module;
  readonly image: PolicyImage;
  readonly data: DataFacts;
}

/** Nothing is known to be wrong but the time that it takes. */
export class LateError extends BundleError {}

/** Evaluations that warm a new module: enough for its hot functions to reach the optimising compiler. */
const WARMING = 600;
/** A heap this large reads any bundle within its caps; one that needs more is refused. */
const WORKER_HEAP_MIB = 1024;

/**
 * @throws BundleError naming the file where there is one: whatever readBundle refuses, a module that does not
 * compile or load, a builtin that is not there, an instance or a plain ask that takes over 250 ms, no verdict on a plain
 * ask, an input of `warm.json` that takes as long or that the module aborts on, more data than is kept
 */
export async function loadPolicy(request: LoadRequest): Promise<Loaded> {
  const { manifest, wasm, data: brought, warm } = await readBundle(request.bundle);
  const { text, facts: data } = compose({ data: brought, manifest }, request);
  try {
    const module = request.module ?? (await compileModule(wasm));
    const image = buildImage(module, text, request.maximumPages);
    withinBound('making an instance', () => tryInstance(module, image, request.maximumPages));
    const loaded = { manifest, module, image, data };
    const evaluator = await createEvaluator(module, image, request.maximumPages);
    tryOut(evaluator, manifest);
    // With new data only, the module's code is warm already: each input once shows that it still answers.
    warmUp(evaluator, warm, request.module === undefined ? WARMING : warm.length);
    return loaded;
  } catch (cause) {
    if (cause instanceof BundleError || !(cause instanceof Error)) throw cause;
    throw new BundleError(cause.message, 'policy.wasm');
  }
}

/**
 * The same in a worker of its own, which is ended at the deadline.
 * @throws BundleError also when the worker runs out of memory, LateError when the deadline passes; the signal's reason
 * when that is aborted
 */
export function loadPolicyAside(
  request: LoadRequest,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<Loaded> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<Loaded>();
  const file = import.meta.url.endsWith('.ts') ? './load-worker.ts' : './load-worker.js';
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: request,
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MIB },
  });
  const refuse = (problem: string): void => reject(new BundleError(problem, 'policy.wasm'));
  const abort = (): void => {
    reject(signal?.reason);
    void worker.terminate();
  };
  signal?.addEventListener('abort', abort);
  const timer = setTimeout(() => {
    reject(new LateError(`the policy was not ready within ${deadlineMs} ms`, 'policy.wasm'));
    void worker.terminate();
  }, deadlineMs);
  worker.once('message', (answer: LoadAnswer) => {
    if (answer.kind === 'loaded') resolve(answer.loaded);
    else reject(new BundleError(answer.problem, answer.file));
  });
  // Out of memory arrives here, as does what the worker did not expect.
  worker.once('error', (cause: unknown) => refuse(cause instanceof Error ? cause.message : String(cause)));
  worker.once('exit', () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    refuse('the policy could not be loaded');
  });
  return promise;
}

/** What the worker sends back. */
export type LoadAnswer =
  | { readonly kind: 'loaded'; readonly loaded: Loaded }
  | { readonly kind: 'refused'; readonly problem: string; readonly file: string | undefined };

/** One plain ask of each class must get a verdict, whatever it is, and soon. */
function tryOut(evaluator: Evaluator, manifest: Manifest): void {
  for (const input of trialInputs()) {
    const said = withinBound('an evaluation', () => evaluator.evaluate(input));
    const [reason] = readVerdict(said, manifest.codes).reasons;
    if (reason?.code === 'policy.undefined')
      throw new BundleError(`on a plain ask ${String(reason.details?.['problem'])}`, 'policy.wasm');
  }
}

/** By what the bundle's tests asked, which reaches its rules; by the plain asks where it brought nothing. */
function warmUp(evaluator: Evaluator, captured: readonly string[], evaluations: number): void {
  const inputs = captured.length > 0 ? captured : trialInputs();
  for (let i = 0; i < evaluations; i += 1) {
    const at = i % inputs.length;
    try {
      withinBound(`an evaluation of input ${at}`, () => evaluator.evaluate(inputs[at] ?? '{}'));
    } catch (cause) {
      if (cause instanceof BundleError) throw cause;
      const problem = cause instanceof Error ? cause.message : String(cause);
      if (captured.length === 0) throw cause;
      throw new BundleError(`the module aborts on input ${at}: ${problem}`, WARM_FILE);
    }
  }
}
