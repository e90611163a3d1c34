/**
 * What a module finds outside itself: its memory, the way out of an abort, and the builtins of the host. Ours stand in
 * the place of those that `@open-policy-agent/opa-wasm` brings: they take their arguments as the module wrote them.
 */
import { sprintf } from './sprintf.ts';

/**
 * What a module may call besides the builtins that are native to WASM: pure, synchronous, no clock, network or
 * randomness. Each takes its arguments as JSON text and gives the value that it answers.
 */
export const HOST_BUILTINS: ReadonlyMap<string, (...args: readonly string[]) => unknown> = new Map([
  ['sprintf', (format = '', values = '') => sprintf(format, values)],
]);

/** The functions of a module that serve its builtins. */
export interface HostExports {
  /** Address of the table, builtin's name → number. */
  readonly builtins: () => number;
  readonly opa_json_dump: (value: number) => number;
  readonly opa_json_parse: (text: number, length: number) => number;
  readonly opa_malloc: (length: number) => number;
}

export interface Host {
  readonly imports: { readonly env: Readonly<Record<string, unknown>> };
  /** To be called before anything of the instance is. */
  bind(exports: HostExports): void;
}

/** Longest text that passes between module and host: bytes. */
const MAX_TEXT_BYTES = 2 * 1024 * 1024;

/**
 * The imports of one instance.
 * @throws Error out of the module's call, when it aborts or calls a builtin that is not there; what it prints is dropped
 */
export function createHost(memory: WebAssembly.Memory): Host {
  let exports: HostExports | undefined;
  let names: ReadonlyMap<number, string> | undefined;
  const text = (at: number) => readText(Buffer.from(memory.buffer), at, MAX_TEXT_BYTES);
  const call = (number: number, _context: number, ...values: readonly number[]): number => {
    if (exports === undefined) throw new Error('the module calls out before it is bound');
    const { opa_json_dump: dump, opa_json_parse: parse, opa_malloc: allocate } = exports;
    names ??= new Map(Object.entries(readTable(exports, memory)).map(([name, id]) => [id, name]));
    const builtin = HOST_BUILTINS.get(names.get(number) ?? '');
    if (builtin === undefined) throw new Error(`the builtin number ${number} is not available`);
    const answer = Buffer.from(JSON.stringify(builtin(...values.map((value) => text(dump(value))))));
    const at = allocate(answer.length);
    // Looked at again: allocating may have moved the memory.
    Buffer.from(memory.buffer).set(answer, at);
    const value = parse(at, answer.length);
    if (value === 0) throw new Error('the answer of a builtin cannot be read');
    return value;
  };
  const abort = (at: number): never => {
    throw new Error(text(at).slice(0, 256));
  };
  const calls = Object.fromEntries([0, 1, 2, 3, 4].map((arity) => [`opa_builtin${arity}`, call]));
  return {
    imports: { env: { memory, opa_abort: abort, opa_println: () => undefined, ...calls } },
    bind(of) {
      exports = of;
    },
  };
}

/** Builtin's name → number, for all that a module calls out for. */
export function readTable(
  exports: HostExports,
  memory: WebAssembly.Memory,
): Readonly<Record<string, number>> {
  const at = exports.opa_json_dump(exports.builtins());
  const table: unknown = JSON.parse(readText(Buffer.from(memory.buffer), at, MAX_TEXT_BYTES));
  if (typeof table !== 'object' || table === null) throw new Error('the module has no table of builtins');
  return table as Readonly<Record<string, number>>;
}

/**
 * The NUL-terminated UTF-8 text at an address.
 * @throws Error when it does not end within `most` bytes
 */
export function readText(bytes: Buffer, at: number, most: number): string {
  const end = bytes.subarray(at, at + most).indexOf(0);
  if (at <= 0 || end < 0) throw new Error('the result has no end');
  return bytes.toString('utf8', at, at + end);
}
