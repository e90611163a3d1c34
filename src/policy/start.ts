/**
 * A module's start function, which every instantiation would run: OPA's sets up the module's memory, and a hand-made
 * one may do anything. It is taken out of its place and exported, so that instances are made without running anything;
 * what it sets up comes with the image.
 */
import { setFlagsFromString } from 'node:v8';
import { lengthOf, readLength } from './leb.ts';
import { checkShape, EXPORTS, type Section, STARTS } from './shape.ts';

/** The name under which a compiled module exports what was its start function. */
export const START = 'assent_start';

/**
 * What a function takes to be optimised is taken one function at a time, which is what `tryCompiling` measures: four
 * that take 340 MiB each took 1.2 GiB at once without.
 */
setFlagsFromString('--wasm-num-compilation-tasks=1');

const MAGIC = Buffer.from('\0asm');
const PREAMBLE_BYTES = 8;
const FUNCTION_KIND = 0;

/**
 * Compiles a module so that an instantiation runs nothing of it.
 * @throws Error when it is no module, declares what `checkShape` refuses, or already exports something named
 * `assent_start`
 */
export function compileModule(wasm: Uint8Array): Promise<WebAssembly.Module> {
  return WebAssembly.compile(withoutStart(wasm));
}

/** Every section is written anew with its length: what is read as a section here, the engine reads as the same. */
function withoutStart(wasm: Uint8Array): Uint8Array {
  // The engine says best what is wrong with what is no module.
  if (!MAGIC.equals(wasm.subarray(0, MAGIC.length))) return wasm;
  const sections = readSections(wasm);
  checkShape(sections);
  for (const { id, body } of sections) if (id === EXPORTS) checkExports(body);
  const start = sections.find(({ id }) => id === STARTS);
  if (start === undefined) return wasm;
  const parts: Uint8Array[] = [wasm.subarray(0, PREAMBLE_BYTES)];
  for (const { id, body } of sections) {
    if (id === STARTS) continue;
    const kept = id === EXPORTS ? withExport(body, start.body) : body;
    parts.push(Uint8Array.from([id, ...lengthOf(kept.length)]), kept);
  }
  return Buffer.concat(parts);
}

/** The body of an export section with one more, the function whose index is given as it was written. */
function withExport(body: Uint8Array, index: Uint8Array): Uint8Array {
  const count = readLength(body, 0);
  const name = Buffer.from(START);
  const added = [name.length, ...name, FUNCTION_KIND, ...index];
  return Buffer.concat([
    Uint8Array.from(lengthOf(count.value + 1)),
    body.subarray(count.end),
    Uint8Array.from(added),
  ]);
}

/** With a start function or without: what has this name is run. */
function checkExports(body: Uint8Array): void {
  const { value: count, end: first } = readLength(body, 0);
  for (let i = 0, at = first; i < count; i += 1) {
    const { value, end } = readLength(body, at);
    if (Buffer.from(START).equals(body.subarray(end, end + value)))
      throw new Error(`the module exports \`${START}\``);
    // After the name, the kind.
    at = readLength(body, end + value + 1).end;
  }
}

function readSections(wasm: Uint8Array): readonly Section[] {
  const sections: Section[] = [];
  for (let at = PREAMBLE_BYTES; at < wasm.length; ) {
    const { value, end } = readLength(wasm, at + 1);
    if (end + value > wasm.length) throw new Error('a section of the module is cut');
    sections.push({ id: wasm[at] ?? 0, body: wasm.subarray(end, end + value) });
    at = end + value;
  }
  return sections;
}
