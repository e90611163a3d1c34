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
  return changed(wasm, (body) => {
    const functions = functionsOf(wasm, body);
    return [
      [1, oneMore(body(1), [0x60, 0, 0])],
      [3, oneMore(body(3), leb(countOf(body(1)).count))],
      [8, Buffer.from(leb(functions))],
      [10, oneMore(body(10), bodyOf(codeOf(body(8))))],
    ];
  });
}

/** The module whose evaluation takes its time over inputs of more bytes, and then answers as ever. */
export function withSlowEvaluation(wasm: Uint8Array, bytes: number): Buffer {
  return changed(wasm, (body) => {
    const name = Buffer.from('\x08opa_eval\0', 'latin1');
    const at = body(7).indexOf(name) + name.length;
    const { count: former, end } = countOf(body(7).subarray(at));
    const parameters = Array.from({ length: 7 }, (_, i) => [0x20, i]).flat();
    const code = [
      ...[1, 1, 0x7e, 0x20, 4, 0x41, ...leb(bytes), 0x4b, 0x04, 0x40],
      ...[0x42, 0x80, 0x80, 0x80, 0x80, 0x08, 0x21, 7, 0x03, 0x40, 0x20, 7, 0x42, 1, 0x7d, 0x22, 7],
      ...[0x42, 0, 0x52, 0x0d, 0, 0x0b, 0x0b, ...parameters, 0x10, ...leb(former), 0x0b],
    ];
    const exported = Buffer.from(leb(functionsOf(wasm, body)));
    return [
      [1, oneMore(body(1), [0x60, 7, ...Array(7).fill(0x7f), 1, 0x7f])],
      [3, oneMore(body(3), leb(countOf(body(1)).count))],
      [7, Buffer.concat([body(7).subarray(0, at), exported, body(7).subarray(at + end)])],
      [10, oneMore(body(10), bodyOf(code))],
    ];
  });
}

/** The module with so many more in one of its sections, which is put in its place where there is none. */
export function withMore(wasm: Uint8Array, id: number, added: readonly number[], count = 1): Buffer {
  const all = Buffer.concat(Array(count).fill(Buffer.from(added)));
  return changed(wasm, (body) => {
    const { count: before, end } = countOf(body(id));
    return [[id, Buffer.concat([Buffer.from(leb(before + count)), body(id).subarray(end), all])]];
  });
}

/** The module with this in place of a section. */
export function withSection(wasm: Uint8Array, id: number, bytes: readonly number[]): Buffer {
  return changed(wasm, () => [[id, Buffer.from(bytes)]]);
}

/** The module with one more function, of no parameters: its locals and its code, without their length. */
export function withFunction(wasm: Uint8Array, code: Uint8Array): Buffer {
  return changed(wasm, (body) => {
    const { count, end } = countOf(body(10));
    const bodies = [Buffer.from(leb(count + 1)), body(10).subarray(end), Buffer.from(leb(code.length)), code];
    return [
      [1, oneMore(body(1), [0x60, 0, 0])],
      [3, oneMore(body(3), leb(countOf(body(1)).count))],
      [10, Buffer.concat(bodies)],
    ];
  });
}

/** A body of so many locals and so many `nop`. */
export function idle(locals: number, length: number): Buffer {
  return Buffer.concat([Buffer.from([1, ...leb(locals), 0x7f]), Buffer.alloc(length, 1), Buffer.of(0x0b)]);
}

/** A body that puts values on the stack, and then so many `if` inside each other: the first compiler copies them for each. */
export function deepStack(values: number, ifs: number): Buffer {
  return Buffer.concat([
    Buffer.of(0),
    repeated([0x41, 0], values),
    repeated([0x41, 0, 0x04, 0x40], ifs),
    repeated([0x0b], ifs),
    repeated([0x1a], values),
    Buffer.of(0x0b),
  ]);
}

/** A body that may leave a block at so many places, a local changed before each: the optimising compiler joins all. */
export function manyWays(locals: number, ways: number): Buffer {
  const way = (i: number) => [0x41, 1, 0x21, ...leb(i % locals), 0x41, 0, 0x0d, 0];
  return Buffer.concat([
    Buffer.from([1, ...leb(locals), 0x7f, 0x02, 0x40]),
    ...Array.from({ length: ways }, (_, i) => Buffer.from(way(i))),
    Buffer.of(0x0b, 0x0b),
  ]);
}

/** A module by itself, that exports so many functions of no parameters, each by its body. */
export function moduleOf(bodies: readonly Uint8Array[]): Buffer {
  const each = (of: (i: number) => readonly number[]) => [
    ...leb(bodies.length),
    ...bodies.flatMap((_, i) => of(i)),
  ];
  const section = (id: number, bytes: Uint8Array | readonly number[]) =>
    Buffer.concat([Buffer.from([id, ...leb(bytes.length)]), Buffer.from(bytes)]);
  return Buffer.concat([
    Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
    section(1, [1, 0x60, 0, 0]),
    section(
      3,
      each(() => [0]),
    ),
    section(
      7,
      each((i) => [2, 0x66, 0x30 + i, 0, i]),
    ),
    section(
      10,
      Buffer.concat([
        Buffer.from(leb(bodies.length)),
        ...bodies.flatMap((code) => [Buffer.from(leb(code.length)), code]),
      ]),
    ),
  ]);
}

type Body = (id: number) => Buffer;

/** The module with other sections; one that it does not have goes where its number is, before the first higher one. */
function changed(wasm: Uint8Array, change: (body: Body) => readonly (readonly [number, Buffer])[]): Buffer {
  const sections = [...sectionsOf(wasm)];
  const body: Body = (id) => sections.find((section) => section.id === id)?.body ?? Buffer.of(0);
  for (const [id, written] of change(body)) {
    const at = sections.findIndex((section) => section.id === id);
    const before = sections.findIndex((section) => section.id > id);
    if (at !== -1) sections[at] = { id, body: written };
    else sections.splice(before === -1 ? sections.length : before, 0, { id, body: written });
  }
  const parts = sections.flatMap(({ id, body: kept }) => [Buffer.from([id, ...leb(kept.length)]), kept]);
  return Buffer.concat([wasm.subarray(0, 8), ...parts]);
}

function functionsOf(wasm: Uint8Array, body: Body): number {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(Buffer.from(wasm)));
  return imports.filter(({ name }) => name !== 'memory').length + countOf(body(3)).count;
}

function bodyOf(code: readonly number[]): readonly number[] {
  return [...leb(code.length), ...code];
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

function repeated(bytes: readonly number[], times: number): Buffer {
  return Buffer.concat(Array(times).fill(Buffer.from(bytes)));
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
