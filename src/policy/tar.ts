/** A strict reader for the tar files that hold bundles: regular files and directories in ustar form. */

const BLOCK = 512;
const MAX_ENTRIES = 10_000;
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MAX_NAME_BYTES = 256;

/** What is wrong with an archive or a bundle, and in which of its files. */
export class BundleError extends Error {
  readonly file: string | undefined;
  constructor(problem: string, file?: string) {
    super(problem);
    this.file = file;
  }
}

/**
 * The regular files of a tar archive by name, one leading `/` or `./` stripped. Refused: links, devices and
 * every other kind, `..`, names twice, over 256 bytes or not ASCII, files over 16 MiB, over 10,000 entries,
 * a checksum that does not fit, anything cut short.
 * @throws BundleError
 */
export function readTar(tar: Buffer): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  let entries = 0;
  for (let at = 0; ; ) {
    const header = tar.subarray(at, at + BLOCK);
    if (header.length < BLOCK) throw new BundleError('the archive is cut short');
    // POSIX pax §ustar: a block of zeros ends the archive.
    if (header.every((byte) => byte === 0)) return files;
    entries += 1;
    if (entries > MAX_ENTRIES) throw new BundleError(`the archive has over ${MAX_ENTRIES} entries`);
    const { name, size, kind } = readHeader(header);
    const content = tar.subarray(at + BLOCK, at + BLOCK + size);
    if (content.length < size) throw new BundleError('the archive is cut short', name);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    if (kind === 'directory') continue;
    if (files.has(name)) throw new BundleError('the archive holds a name twice', name);
    files.set(name, content);
  }
}

interface Header {
  readonly name: string;
  readonly size: number;
  readonly kind: 'file' | 'directory';
}

function readHeader(header: Buffer): Header {
  let sum = 0;
  // The checksum counts its own eight bytes as blanks.
  for (let i = 0; i < BLOCK; i += 1) sum += i >= 148 && i < 156 ? 32 : (header[i] ?? 0);
  if (readOctal(header.subarray(148, 156)) !== sum) throw new BundleError('the archive has a broken header');
  const name = readName(header);
  const type = header[156];
  if (type === 53) return { name, size: 0, kind: 'directory' };
  if (type !== 48 && type !== 0)
    throw new BundleError('the archive holds more than files and directories', name);
  const size = readOctal(header.subarray(124, 136));
  if (size > MAX_FILE_BYTES) throw new BundleError(`the file is over ${MAX_FILE_BYTES} bytes`, name);
  return { name, size, kind: 'file' };
}

function readName(header: Buffer): string {
  const ustar = header.toString('latin1', 257, 262) === 'ustar';
  const prefix = ustar ? readText(header.subarray(345, 500)) : '';
  const written = `${prefix === '' ? '' : `${prefix}/`}${readText(header.subarray(0, 100))}`;
  const name = written.replace(/^(?:\.\/|\/)/, '').replace(/\/$/, '');
  // "./" itself, as tar writes it for the directory it was started in.
  if (name === '' || name === '.') return '.';
  if (!/^[\x21-\x7e]+$/.test(name) || name.length > MAX_NAME_BYTES)
    throw new BundleError(`the archive holds a name that is not ASCII or over ${MAX_NAME_BYTES} bytes`);
  if (name.split('/').some((step) => step === '' || step === '.' || step === '..') || name.includes('\\'))
    throw new BundleError('the archive holds a name that leaves it', name);
  return name;
}

function readText(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end < 0 ? field.length : end);
}

function readOctal(field: Buffer): number {
  const text = readText(field).trim();
  if (!/^[0-7]{1,11}$/.test(text)) throw new BundleError('the archive has a broken header');
  return Number.parseInt(text, 8);
}
