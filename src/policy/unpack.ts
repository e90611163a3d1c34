/** From a bundle's bytes, which are hostile, to the files in it. */
import { gunzip } from 'node:zlib';
import { BundleError, readTar } from './tar.ts';

const MAX_BUNDLE_BYTES = 32 * 1024 * 1024;
const MAX_INFLATED_BYTES = 256 * 1024 * 1024;

/**
 * The files by name.
 * @throws BundleError: not gzip or cut short, over 32 MiB compressed or 256 MiB inflated (inflating stops there),
 * whatever `readTar` refuses
 */
export async function unpackBundle(bytes: Uint8Array): Promise<ReadonlyMap<string, Buffer>> {
  if (bytes.length > MAX_BUNDLE_BYTES) throw new BundleError(`the bundle is over ${MAX_BUNDLE_BYTES} bytes`);
  return readTar(await inflate(bytes));
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
