/** Modules of our compiler's with something put in that no compiler writes. */
import { gunzipSync } from 'node:zlib';
import { readTar } from '../../src/policy/tar.ts';
import { bundleOf, fixture } from './archive.ts';

interface Section {
  readonly id: number;
  readonly body: Buffer;
}

/** `loop br 0 end`, and a body without locals. */
const ENDLESS = [0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b];
/** Counts an i64 down from 2^31, which takes half a second or longer; then calls what stood in its place. */
const [LONG_BEGIN, LONG_END] = [
  [1, 1, 0x7e, 0x42, 0x80, 0x80, 0x80, 0x80, 0x08, 0x21, 0, 0x03, 0x40, 0x20, 0, 0x42, 1, 0x7d, 0x22, 0],
  [0x42, 0, 0x52, 0x0d, 0, 0x0b, 0x10],
];

/** The module with another start function, which never returns. */
export function withEndlessStart(wasm: Uint8Array): Buffer {
  return withStart(wasm, () => ENDLESS);
}

/** The module with a start function that does what the former did, and takes its time. */
export function withLongStart(wasm: Uint8Array): Buffer {
  return withStart(wasm, (former) => [...LONG_BEGIN, ...LONG_END, ...former, 0x0b]);
}

function withStart(wasm: Uint8Array, codeOf: (former: Buffer) => readonly number[]): Buffer {
  const sections = sectionsOf(wasm);
  const body = (id: number) => sections.find((section) => section.id === id)?.body ?? Buffer.of(0);
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(Buffer.from(wasm)));
  const functions = imports.filter(({ name }) => name !== 'memory').length + countOf(body(3)).count;
  const code = codeOf(body(8));
  const changed = new Map([
    [1, oneMore(body(1), [0x60, 0, 0])],
    [3, oneMore(body(3), leb(countOf(body(1)).count))],
    [8, Buffer.from(leb(functions))],
    [10, oneMore(body(10), [...leb(code.length), ...code])],
  ]);
  const parts = sections.flatMap(({ id, body: written }) => {
    const kept = changed.get(id) ?? written;
    return [Buffer.from([id, ...leb(kept.length)]), kept];
  });
  return Buffer.concat([wasm.subarray(0, 8), ...parts]);
}

/** The bundle `odd` with this module. */
export async function bundleWith(wasm: Uint8Array): Promise<Buffer> {
  const files = readTar(gunzipSync(fixture('odd')));
  return bundleOf(
    [...files].map(([name, content]) => ({ name, content: name === 'policy.wasm' ? wasm : content })),
  );
}

function sectionsOf(wasm: Uint8Array): readonly Section[] {
  const bytes = Buffer.from(wasm);
  const sections: Section[] = [];
  for (let at = 8; at < bytes.length; ) {
    const { count, end } = countOf(bytes.subarray(at + 1));
    const start = at + 1 + end;
    sections.push({ id: bytes.readUInt8(at), body: bytes.subarray(start, start + count) });
    at = start + count;
  }
  return sections;
}

function oneMore(body: Buffer, added: readonly number[]): Buffer {
  const { count, end } = countOf(body);
  return Buffer.concat([Buffer.from(leb(count + 1)), body.subarray(end), Buffer.from(added)]);
}

function countOf(bytes: Buffer): { readonly count: number; readonly end: number } {
  let count = 0;
  for (let at = 0; ; at += 1) {
    const byte = bytes.readUInt8(at);
    count += (byte & 127) * 2 ** (7 * at);
    if (byte < 128) return { count, end: at + 1 };
  }
}

function leb(value: number): readonly number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >> 7)];
}
