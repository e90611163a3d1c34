/** Numbers as modules write them: unsigned LEB128. */

/** A number, and the offset after it. */
export interface Read {
  readonly value: number;
  readonly end: number;
}

/**
 * Reads a number of at most 32 bits; the engine refuses one whose last byte says more.
 * @throws Error when it has no end within five bytes
 */
export function readLength(bytes: Uint8Array, at: number): Read {
  let value = 0;
  for (let i = 0; i < 5; i += 1) {
    const byte = bytes[at + i];
    if (byte === undefined) break;
    value += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return { value, end: at + i + 1 };
  }
  throw new Error('a length in the module cannot be read');
}

/** The shortest way to write it. */
export function lengthOf(value: number): readonly number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...lengthOf(Math.floor(value / 128))];
}
