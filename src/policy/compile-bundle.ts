/** Writes a compiled bundle as the file that OPA lays out: a gzipped tar, the same bytes for the same bundle. */
import { gzipSync } from 'node:zlib';
import type { CompiledBundle } from './compile.ts';
import { WARM_FILE, writeWarm } from './warm.ts';

const BLOCK = 512;
const END = Buffer.alloc(2 * BLOCK);

/**
 * `/.manifest`, `/data.json`, `/policy.wasm`, the sources with their tests, and `/warm.json` where the tests asked
 * something; in order of their names, no times, no owners. `metadata` holds `name` and `codes`. OPA's `revision` is
 * left out: a revision is the hash of the whole file.
 */
export function packBundle({ manifest, wasm, data, sources, inputs }: CompiledBundle): Buffer {
  const written = {
    roots: [...new Set(['assent', 'lib', 'limits', 'rules', ...manifest.data])].sort(),
    rego_version: 1,
    wasm: [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }],
    metadata: { name: manifest.name, codes: Object.fromEntries(manifest.codes) },
  };
  const files = new Map<string, Uint8Array>([
    ['/.manifest', Buffer.from(`${JSON.stringify(written)}\n`)],
    ['/data.json', Buffer.from(`${JSON.stringify(data)}\n`)],
    ['/policy.wasm', wasm],
  ]);
  if (inputs.length > 0) files.set(`/${WARM_FILE}`, Buffer.from(writeWarm(inputs)));
  for (const [path, text] of sources) if (path !== 'data.json') files.set(`/${path}`, Buffer.from(text));
  const parts = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, bytes]) => entryOf(name, bytes));
  return gzipSync(Buffer.concat([...parts, END]), { level: 9 });
}

/** One file as POSIX ustar has it; names have at most 100 characters here. */
function entryOf(name: string, bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 100, 'latin1');
  header.write('0000644\0', 100, 'latin1');
  header.write('0000000\0', 108, 'latin1');
  header.write('0000000\0', 116, 'latin1');
  header.write(`${octal(bytes.length)}\0`, 124, 'latin1');
  header.write(`${octal(0)}\0`, 136, 'latin1');
  // The checksum is taken with its own field blank.
  header.write('        ', 148, 'latin1');
  header.write('0', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  const padding = Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK);
  return Buffer.concat([header, bytes, padding]);
}

function octal(value: number): string {
  return value.toString(8).padStart(11, '0');
}
