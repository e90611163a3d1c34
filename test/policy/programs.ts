/** Programs that a child can run in place of the toolchain. */
import { brotliCompressSync } from 'node:zlib';

/** Exports `memory`, and a `_start` that never returns: `loop br 0 end`. */
export function endlessProgram(): Buffer {
  const text = (value: string) => [value.length, ...Buffer.from(value)];
  const section = (id: number, bytes: readonly number[]) => [id, bytes.length, ...bytes];
  return brotliCompressSync(
    Uint8Array.from([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, [1, 0x60, 0, 0]),
      ...section(3, [1, 0]),
      ...section(5, [1, 0, 1]),
      ...section(7, [2, ...text('memory'), 2, 0, ...text('_start'), 0, 0]),
      ...section(10, [1, 7, 0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b]),
    ]),
  );
}
