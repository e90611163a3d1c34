/** From a bundle's bytes, which are hostile, to the files in it. */
import { isUtf8 } from 'node:buffer';
import { gunzip } from 'node:zlib';
import { BundleError, readTar } from './tar.ts';

const MAX_BUNDLE_BYTES = 8 * 1024 * 1024;
/** A module, 4 MiB of sources and 8 MiB of data, which is what these may have, leave half of it free. */
const MAX_INFLATED_BYTES = 32 * 1024 * 1024;

/**
 * The files by name.
 * @throws BundleError: not gzip or cut short, over 8 MiB compressed or 32 MiB inflated (inflating stops there),
 * whatever `readTar` refuses
 */
export async function unpackBundle(bytes: Uint8Array): Promise<ReadonlyMap<string, Buffer>> {
  if (bytes.length > MAX_BUNDLE_BYTES) throw new BundleError(`the bundle is over ${MAX_BUNDLE_BYTES} bytes`);
  return readTar(await inflate(bytes));
}

/**
 * A file's text. Read leniently it would be another one, and a rule about one name a rule about another.
 * @throws BundleError naming the file when its bytes are not UTF-8
 */
export function textOf(content: Buffer, file: string): string {
  if (!isUtf8(content)) throw new BundleError('the file is not utf-8', file);
  return content.toString('utf8');
}

function inflate(bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gunzip(bytes, { maxOutputLength: MAX_INFLATED_BYTES }, (problem, inflated) => {
      if (problem === null) resolve(inflated);
      else if ('code' in problem && problem.code === 'ERR_BUFFER_TOO_LARGE')
        reject(new BundleError(`the bundle inflates to over ${MAX_INFLATED_BYTES} bytes`));
      else reject(new BundleError('the bundle is not gzip, or is cut short'));
    });
  });
}
