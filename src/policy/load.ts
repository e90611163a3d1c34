/**
 * From a bundle's bytes and the data documents to a policy that is ready to decide: read, compiled, its
 * builtins checked, its data loaded, tried out and warm. Runs in a worker wherever the bundle is new or asks
 * are being decided: reading a large document, or a module that never ends, must not hold them up.
 */
import { Worker } from 'node:worker_threads';
import { canonicalJson } from '../model/json.ts';
import { type Manifest, readBundle } from './bundle.ts';
import { layOver, parseDocuments } from './data.ts';
import { buildImage, createEvaluator, type PolicyImage } from './opa.ts';
import type { DataDocument } from './store.ts';
import { BundleError } from './tar.ts';
import { trialInputs } from './trial.ts';
import { readVerdict } from './verdict.ts';

export interface LoadRequest {
  readonly bundle: Uint8Array;
  readonly documents: readonly DataDocument[];
  /** The bundle's module, where it was compiled before. */
  readonly module?: WebAssembly.Module | undefined;
  /** Pages of 64 KiB that an instance may have. */
  readonly maximumPages: number;
}

export interface Loaded {
  readonly manifest: Manifest;
  readonly module: WebAssembly.Module;
  readonly image: PolicyImage;
}

/** Evaluations of each trial input: enough for the hot functions to reach the optimising compiler. */
const TRIALS = 100;
/** With new data only: the module's code is warm already. */
const TRIALS_OF_DATA = 2;
/** A heap this large reads any bundle within its caps; one that needs more is refused. */
const WORKER_HEAP_MIB = 1024;

/**
 * @throws BundleError naming the file where there is one: whatever readBundle refuses, a module that does not
 * compile or load, a builtin that is not there, no verdict on a plain ask
 */
export async function loadPolicy(request: LoadRequest): Promise<Loaded> {
  const { manifest, wasm, data } = await readBundle(request.bundle);
  const documents = parseDocuments(request.documents);
  const text = new TextEncoder().encode(canonicalJson(layOver(data, documents, manifest.roots)));
  try {
    const module = request.module ?? (await WebAssembly.compile(wasm));
    const image = buildImage(module, text, request.maximumPages);
    const loaded = { manifest, module, image };
    await tryOut(loaded, request);
    return loaded;
  } catch (cause) {
    if (cause instanceof BundleError || !(cause instanceof Error)) throw cause;
    throw new BundleError(cause.message, 'policy.wasm');
  }
}

/**
 * The same in a worker of its own, which is ended at the deadline.
 * @throws BundleError also when the deadline passes or the worker runs out of memory
 */
export function loadPolicyAside(request: LoadRequest, deadlineMs: number): Promise<Loaded> {
  const { promise, resolve, reject } = Promise.withResolvers<Loaded>();
  const file = import.meta.url.endsWith('.ts') ? './load-worker.ts' : './load-worker.js';
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: request,
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MIB },
  });
  const refuse = (problem: string): void => reject(new BundleError(problem, 'policy.wasm'));
  const timer = setTimeout(() => {
    refuse(`the policy was not ready within ${deadlineMs} ms`);
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
    refuse('the policy could not be loaded');
  });
  return promise;
}

/** What the worker sends back. */
export type LoadAnswer =
  | { readonly kind: 'loaded'; readonly loaded: Loaded }
  | { readonly kind: 'refused'; readonly problem: string; readonly file: string | undefined };

async function tryOut({ manifest, module, image }: Loaded, request: LoadRequest): Promise<void> {
  const evaluator = await createEvaluator(module, image, request.maximumPages);
  const trials = request.module === undefined ? TRIALS : TRIALS_OF_DATA;
  for (const input of trialInputs()) {
    const [reason] = readVerdict(evaluator.evaluate(input), manifest.codes).reasons;
    if (reason?.code === 'policy.undefined')
      throw new BundleError(`on a plain ask ${String(reason.details?.['problem'])}`);
    for (let i = 1; i < trials; i += 1) readVerdict(evaluator.evaluate(input), manifest.codes);
  }
}
