/** A short text in shared memory: other threads read it also while the one that wrote it stands still. */
export interface Sign {
  /** Writes what the text is from now on, at most 512 bytes of UTF-8; what is longer is cut. */
  show(text: string): void;
  readonly memory: SharedArrayBuffer;
}

/** The length, and then so many bytes at most. */
const LENGTH_BYTES = Int32Array.BYTES_PER_ELEMENT;
const MOST_BYTES = 512;

export function createSign(): Sign {
  const memory = new SharedArrayBuffer(LENGTH_BYTES + MOST_BYTES);
  const bytes = Buffer.from(memory, LENGTH_BYTES);
  const length = new Int32Array(memory, 0, 1);
  return {
    memory,
    show(text) {
      // Whoever stands still has done both, or neither.
      Atomics.store(length, 0, bytes.write(text));
    },
  };
}

/** What stands there; empty where nothing was shown yet. */
export function readSign(memory: SharedArrayBuffer): string {
  const length = Atomics.load(new Int32Array(memory, 0, 1), 0);
  return Buffer.from(memory, LENGTH_BYTES, length).toString();
}
