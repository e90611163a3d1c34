const MOST_BYTES = 256 * 1024;
const TIMEOUT_MS = 5_000;

export interface Source {
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
}

/**
 * What stands at a URL now, of bounded size and within bounded time.
 * @throws Error when it does not answer 200 with a body within bounds
 */
export async function download({ url, fetch }: Source, closing: AbortSignal): Promise<Uint8Array> {
  const response = await fetch(url, {
    // A redirect would let whoever can plant one choose our keys.
    redirect: 'error',
    headers: { accept: 'application/jwk-set+json, application/json' },
    signal: AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`answered with status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop by a throw cancels the body.
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > MOST_BYTES) throw new Error(`answered with more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
