/** Bundles made in the test: fixtures by name, and archives that no honest tool would write. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/** A bundle of `fixtures/`, as `fixtures/build.sh` made it. */
export function fixture(name: 'ledger' | 'odd' | 'builtin'): Buffer {
  return readFileSync(new URL(`./fixtures/${name}.bundle`, import.meta.url));
}

export interface Entry {
  readonly name: string;
  readonly content?: string | Uint8Array;
  /** Type flag of ustar; `0` is a file. */
  readonly type?: string;
  /** What the header says instead of the content's size. */
  readonly size?: number;
}

const BLOCK = 512;

export function tarOf(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content ?? '');
    return [
      headerOf(entry, content.length),
      content,
      Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK),
    ];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

export function bundleOf(entries: readonly Entry[]): Buffer {
  return gzipSync(tarOf(entries));
}

function headerOf({ name, type = '0', size }: Entry, length: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 100, 'latin1');
  header.write('0000644\0', 100);
  header.write(`${(size ?? length).toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

const FUNCTIONS = [
  'opa_eval',
  'builtins',
  'entrypoints',
  'opa_json_dump',
  'opa_json_parse',
  'opa_malloc',
  'opa_heap_ptr_get',
];

/** A module with every export of compiled Rego, each of which never returns. */
export function endlessModule(): Uint8Array {
  const text = (value: string) => [value.length, ...Buffer.from(value)];
  const section = (id: number, bytes: readonly number[]) => [id, ...length(bytes.length), ...bytes];
  const exported = [
    ...FUNCTIONS.map((name) => [...text(name), 0, 0]),
    [...text('opa_wasm_abi_version'), 3, 0],
    [...text('opa_wasm_abi_minor_version'), 3, 1],
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // One type: no parameters, an i32.
    ...section(1, [1, 0x60, 0, 1, 0x7f]),
    ...section(2, [1, ...text('env'), ...text('memory'), 2, 0, 1]),
    ...section(3, [1, 0]),
    // Two constant i32 globals: ABI 1.2.
    ...section(6, [2, 0x7f, 0, 0x41, 1, 0x0b, 0x7f, 0, 0x41, 2, 0x0b]),
    ...section(7, [exported.length, ...exported.flat()]),
    // loop br 0 end i32.const 0
    ...section(10, [1, 9, 0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x41, 0, 0x0b]),
  ]);
}

/** Unsigned LEB128. */
function length(value: number): readonly number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...length(value >> 7)];
}
