/** A short text in shared memory: other threads read it also while the one that wrote it stands still. */
export interface Sign {
  /** Writes what the text is now; nothing where it is what it was. */
  show(): void;
  readonly memory: SharedArrayBuffer;
}

/** The length, and then so many bytes at most. */
const LENGTH_BYTES = Int32Array.BYTES_PER_ELEMENT;
const MOST_BYTES = 512;

/** @param read what the text is, at most 512 bytes of UTF-8; what is longer is cut */
export function createSign(read: () => string): Sign {
  const memory = new SharedArrayBuffer(LENGTH_BYTES + MOST_BYTES);
  const bytes = Buffer.from(memory, LENGTH_BYTES);
  const length = new Int32Array(memory, 0, 1);
  let shown = '';
  return {
    memory,
    show() {
      const text = read();
      if (text === shown) return;
      // Whoever stands still has done both, or neither.
      Atomics.store(length, 0, bytes.write(text));
      shown = text;
    },
  };
}

/** What stands there; empty where nothing was shown yet. */
export function readSign(memory: SharedArrayBuffer): string {
  const length = Atomics.load(new Int32Array(memory, 0, 1), 0);
  return Buffer.from(memory, LENGTH_BYTES, length).toString();
}
