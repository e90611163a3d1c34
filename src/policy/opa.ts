/**
 * The one file that knows `@open-policy-agent/opa-wasm` (1.10.0) and OPA's WASM ABI.
 *
 * The library loads data and reads entry points. Two things go around it. The host's side of a module is `host.ts`,
 * because the library's own builtins come before any that it is given. And an evaluation: the input's text is written
 * into the instance's memory and the answer's text read from it, which spares two JSON passes and takes about a third
 * less time (`npm run bench` prints both). What we touch of the library is public (`LoadedPolicy` with `setData`,
 * `dataAddr`, `dataHeapPtr`, `entrypoints`) and checked at load.
 *
 * An evaluation runs on the caller's thread and cannot be interrupted. Compiled Rego ends, but for the module's own
 * `replace`, which searches for ever for an empty text: rules that use it are refused. A hand-made module need not end,
 * so modules are tried out in a worker with a deadline before they get here, and what one instance or one evaluation
 * takes is bounded there; what takes too long all the same the watchdog ends, with the process.
 */
import * as library from '@open-policy-agent/opa-wasm';
import { withinBound } from './held.ts';
import { createHost, HOST_BUILTINS, type HostExports, readTable, readText } from './host.ts';
import { ENTRYPOINT } from './names.ts';
import { START } from './start.ts';

/** Bytes of one input, UTF-8. */
export const MAX_INPUT_BYTES: number = 1024 * 1024;
/** Bytes of one result. A verdict has some hundred. */
const MAX_RESULT_BYTES = 256 * 1024;
const PAGE = 65_536;
const ABI_MINOR = 'opa_wasm_abi_minor_version';
/** 4 MiB of room for the evaluation itself: pages never touched take no memory. */
const INITIAL_PAGES = 64;
/** An instance that grew by more than this is replaced: WASM memory never shrinks. */
const GROWTH_BYTES = 4 * 1024 * 1024;

/**
 * An instance's memory with its data loaded. Copying it into a fresh instance of the same module takes a
 * fraction of loading the data again. It runs nothing of a module of `compileModule`: what the start function sets up
 * lies in the image. The engine lays out what the module declares (tables, segments), which the worker has timed.
 */
export interface PolicyImage {
  /** From address 0 to the end of the data. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Size of the memory the image was taken from, as the module's allocator remembers it. */
  readonly pages: number;
  readonly dataAddr: number;
  /** First free address: inputs go here. */
  readonly heapAddr: number;
  readonly entrypoint: number;
  /** Every entry point's number by name, where a module was compiled with more than the verdict's. */
  readonly entrypoints: ReadonlyMap<string, number>;
}

/** One loaded policy. Not re-entrant; every call is synchronous. */
export interface Evaluator {
  /**
   * Evaluates `assent/verdict` with this JSON text as input and returns the result as JSON text,
   * `[{"result": …}]`, or `[]` where the policy is undefined.
   * @throws Error when the input is over 1 MiB or the module aborts; the next call finds a fresh instance
   */
  evaluate(input: string): string;
  /** Bytes of WASM memory held. */
  memoryBytes(): number;
  /** How many times the instance was replaced, after an abort or after its memory had grown. */
  recycled(): number;
}

interface Exports extends HostExports {
  /** What was the module's start function, where it had one. */
  readonly [START]?: () => void;
  readonly opa_eval: (
    reserved: 0,
    entrypoint: number,
    data: number,
    input: number,
    inputLength: number,
    heap: number,
    format: 0,
  ) => number;
}

const FUNCTIONS = ['opa_eval', 'builtins', 'entrypoints', 'opa_json_dump', 'opa_json_parse', 'opa_malloc'];
/** Runtime functions behind `replace` and `strings.replace_n`; `json.filter` and `json.remove` link them, too. */
const ENDLESS = 'opa_strings_replace';
const IMPORTS = /^(memory|opa_abort|opa_println|opa_builtin[0-4])$/;

/**
 * Refuses a module that is not compiled Rego, by its imports and exports alone: nothing of it runs.
 * @throws Error naming what is missing or foreign
 */
export function checkModule(module: WebAssembly.Module): void {
  const exported = new Set(WebAssembly.Module.exports(module).map(({ name, kind }) => `${kind} ${name}`));
  for (const name of FUNCTIONS)
    if (!exported.has(`function ${name}`)) throw new Error(`the module does not export \`${name}\``);
  for (const { module: from, name } of WebAssembly.Module.imports(module))
    if (from !== 'env' || !IMPORTS.test(name)) throw new Error(`the module imports \`${from}.${name}\``);
  // The compiler takes in what rules use, and names it.
  for (const section of WebAssembly.Module.customSections(module, 'name'))
    if (Buffer.from(section).includes(ENDLESS))
      throw new Error(
        'the module uses the builtin `replace`, which need not end, or one that brings it along, as `json.filter` does',
      );
}

/**
 * Instantiates the module, refuses builtins that the host does not have, loads the data and takes the image.
 * Runs code of the module, so for one that is not known yet this belongs in a worker.
 * @param data JSON object, UTF-8
 * @throws Error naming the missing entry point or builtin, what the module aborted with, or that its start takes over
 * 250 ms
 */
export function buildImage(module: WebAssembly.Module, data: Uint8Array, maximumPages: number): PolicyImage {
  checkModule(module);
  // The next start of a server does this on the thread that will serve.
  const { memory, exports, instance } = withinBound('starting the module', () =>
    started(module, maximumPages),
  );
  for (const name of asErrors(() => Object.keys(readTable(exports, memory)).sort()))
    if (!HOST_BUILTINS.has(name)) throw new Error(`the builtin \`${name}\` is not available`);
  const policy = asErrors(() => loaded(instance, memory));
  const entrypoints = readEntrypoints(policy.entrypoints);
  const entrypoint = entrypoints.get(ENTRYPOINT);
  if (entrypoint === undefined) throw new Error(`the module has no entry point \`${ENTRYPOINT}\``);
  // The library takes an ArrayBuffer for JSON text; anything else it would write out as JSON again.
  asErrors(() => policy.setData(Uint8Array.from(data).buffer));
  const { dataAddr, dataHeapPtr: heapAddr } = policy;
  const pages = memory.buffer.byteLength / PAGE;
  return {
    bytes: new Uint8Array(memory.buffer.slice(0, heapAddr)),
    pages,
    dataAddr,
    heapAddr,
    entrypoint,
    entrypoints,
  };
}

/**
 * An evaluator over an image, which is copied in slices of 1 MiB with a turn of the event loop between
 * them, so that asks go on meanwhile.
 * @throws Error when the memory does not hold the image
 */
export async function createEvaluator(
  module: WebAssembly.Module,
  image: PolicyImage,
  maximumPages: number,
): Promise<Evaluator> {
  let live = fresh(module, image, maximumPages);
  for (let start = 0; start < image.bytes.length; start += 16 * PAGE) {
    live.bytes.set(image.bytes.subarray(start, start + 16 * PAGE), start);
    await new Promise((resolve) => setImmediate(resolve));
  }
  let recycled = 0;
  const recycle = (): void => {
    live = fresh(module, image, maximumPages);
    live.bytes.set(image.bytes);
    recycled += 1;
  };
  return {
    memoryBytes: () => live.memory.buffer.byteLength,
    recycled: () => recycled,
    evaluate(input) {
      let result: string;
      try {
        result = evaluateIn(live, image, input);
      } catch (cause) {
        // A trap leaves the module's stack pointer and heap anywhere: nothing of this instance is used again.
        recycle();
        throw toError(cause);
      }
      if (live.memory.buffer.byteLength > image.pages * PAGE + GROWTH_BYTES) recycle();
      return result;
    },
  };
}

/**
 * Makes an instance as an evaluator does, and lets it go: what that takes is for the caller to measure.
 * @throws Error as createEvaluator does
 */
export function tryInstance(module: WebAssembly.Module, image: PolicyImage, maximumPages: number): void {
  fresh(module, image, maximumPages).bytes.set(image.bytes);
}

interface Live {
  readonly memory: WebAssembly.Memory;
  readonly exports: Exports;
  /** A view of the memory; growth detaches it. */
  bytes: Buffer;
}

function fresh(module: WebAssembly.Module, image: PolicyImage, maximumPages: number): Live {
  const { memory, exports } = instantiate(module, image.pages, maximumPages);
  return { memory, exports, bytes: Buffer.from(memory.buffer) };
}

function evaluateIn(live: Live, image: PolicyImage, input: string): string {
  const { heapAddr } = image;
  // A UTF-16 unit takes at most 3 bytes of UTF-8, so the text always fits where this much is free.
  const room = Math.min(input.length * 3, MAX_INPUT_BYTES + 4);
  const missing = heapAddr + room - live.memory.buffer.byteLength;
  if (missing > 0) live.memory.grow(Math.ceil(missing / PAGE));
  if (live.bytes.buffer !== live.memory.buffer) live.bytes = Buffer.from(live.memory.buffer);
  const length = live.bytes.write(input, heapAddr, room, 'utf8');
  if (length > MAX_INPUT_BYTES || input.length > MAX_INPUT_BYTES) throw new Error('the input is over 1 MiB');
  const { exports } = live;
  const at = exports.opa_eval(0, image.entrypoint, image.dataAddr, heapAddr, length, heapAddr + length, 0);
  if (live.bytes.buffer !== live.memory.buffer) live.bytes = Buffer.from(live.memory.buffer);
  return readText(live.bytes, at, MAX_RESULT_BYTES);
}

interface Instance {
  readonly instance: WebAssembly.Instance;
  readonly memory: WebAssembly.Memory;
  readonly exports: Exports;
}

function started(module: WebAssembly.Module, maximumPages: number): Instance {
  const made = instantiate(module, INITIAL_PAGES, maximumPages);
  asErrors(() => made.exports[START]?.());
  return made;
}

/** An instance of a checked module: where `compileModule` compiled it, nothing of it has run. */
function instantiate(module: WebAssembly.Module, initial: number, maximum: number): Instance {
  const memory = new WebAssembly.Memory({ initial: Math.min(initial, maximum), maximum });
  const host = createHost(memory);
  const instance = new WebAssembly.Instance(module, host.imports);
  if (globalOf(instance, 'opa_wasm_abi_version') !== 1 || globalOf(instance, ABI_MINOR) < 2)
    throw new Error('the module is not of OPA wasm abi 1.2 or later');
  // Which functions a module exports was checked by name before it was instantiated.
  const exports = instance.exports as unknown as Exports;
  host.bind(exports);
  return { instance, memory, exports };
}

function globalOf({ exports }: WebAssembly.Instance, name: string): number {
  const global = exports[name];
  return typeof global === 'object' && global !== null && 'value' in global
    ? Number(global.value)
    : Number.NaN;
}

type LoadedPolicy = library.LoadedPolicy;

function loaded(instance: WebAssembly.Instance, memory: WebAssembly.Memory): LoadedPolicy {
  // Its declarations name LoadedPolicy; its ES entry exports it under `default` only.
  const { LoadedPolicy: Loaded } = (library as unknown as { default: { LoadedPolicy: LibraryClass } })
    .default;
  const policy = new Loaded(instance, memory, globalOf(instance, ABI_MINOR));
  if (![policy.dataAddr, policy.dataHeapPtr].every(Number.isInteger))
    throw new Error('the opa-wasm package has another shape than 1.10.0');
  return policy;
}

type LibraryClass = new (
  instance: WebAssembly.Instance,
  memory: WebAssembly.Memory,
  minorVersion: number,
) => LoadedPolicy;

function readEntrypoints(table: Readonly<Record<string, unknown>>): ReadonlyMap<string, number> {
  const numbers = Object.entries(table).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  return new Map(numbers);
}

function asErrors<T>(run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw toError(cause);
  }
}

/** The library throws bare strings and, once, an object literal. */
function toError(cause: unknown): Error {
  if (cause instanceof Error) return cause;
  const message = typeof cause === 'object' && cause !== null && 'message' in cause ? cause.message : cause;
  return new Error(String(message).slice(0, 256));
}
