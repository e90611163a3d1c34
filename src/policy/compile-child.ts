/**
 * The child process of the compiler: runs the Rego toolchain once over its own stdin and stdout. The program
 * sees no file, no environment and no argument; what it may cost is bounded by its parent.
 *
 * Its stdin and stdout are memory, not descriptors: a pipe that is full or slow answers WASI with EAGAIN, and
 * the answer would come out cut.
 */
import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { WASI } from 'node:wasi';
import { brotliDecompressSync } from 'node:zlib';
import { watchParent } from './child-watch.ts';

const [STDIN, STDOUT] = [0, 1];
const SUCCESS = 0;

type Call = (fd: number, vectors: number, count: number, done: number) => number;

const [, , , program = ''] = process.argv;
await watchParent();
const request = await buffer(process.stdin);
const answer: Buffer[] = [];
let taken = 0;

const module = await WebAssembly.compile(brotliDecompressSync(readFileSync(program)));
const wasi = new WASI({ version: 'preview1', args: ['rego'], env: {}, preopens: {}, returnOnExit: true });
const { wasi_snapshot_preview1: calls } = wasi.getImportObject() as {
  wasi_snapshot_preview1: Record<string, unknown>;
};
const { fd_read: readOther, fd_write: writeOther } = calls as { fd_read: Call; fd_write: Call };

const read: Call = (fd, vectors, count, done) => {
  if (fd !== STDIN) return readOther(fd, vectors, count, done);
  let bytes = 0;
  for (const view of viewsOf(vectors, count)) {
    const copied = request.copy(view, 0, taken);
    taken += copied;
    bytes += copied;
  }
  return finished(done, bytes);
};

const write: Call = (fd, vectors, count, done) => {
  if (fd !== STDOUT) return writeOther(fd, vectors, count, done);
  let bytes = 0;
  for (const view of viewsOf(vectors, count)) {
    answer.push(Buffer.from(view));
    bytes += view.length;
  }
  return finished(done, bytes);
};

const instance = await WebAssembly.instantiate(module, {
  wasi_snapshot_preview1: { ...calls, fd_read: read, fd_write: write },
});
process.exitCode = wasi.start(instance);
process.stdout.write(Buffer.concat(answer));

/** The buffers of a vectored call: pairs of address and length, 32 bits each, little-endian. */
function viewsOf(vectors: number, count: number): Uint8Array[] {
  const { buffer: bytes } = memory();
  const words = new DataView(bytes, vectors, count * 8);
  return Array.from(
    { length: count },
    (_, i) => new Uint8Array(bytes, words.getUint32(i * 8, true), words.getUint32(i * 8 + 4, true)),
  );
}

function finished(done: number, bytes: number): number {
  new DataView(memory().buffer).setUint32(done, bytes, true);
  return SUCCESS;
}

/** Looked up at each call: growing detaches the old buffer. */
function memory(): WebAssembly.Memory {
  return instance.exports['memory'] as WebAssembly.Memory;
}
