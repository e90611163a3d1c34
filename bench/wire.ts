/** Raw calls to a server: bytes in, bytes out, so that the load's own coding is the same for all. */
import { create, toBinary } from '@bufbuild/protobuf';
import { Client, type ClientDuplexStream, credentials, Metadata, status } from '@grpc/grpc-js';
import { PatchDataRequestSchema } from '../src/gen/assent/v1/policy_pb.js';

/** Methods of the server under test. */
export const PATHS = {
  open: '/assent.v1.SessionService/OpenSession',
  patch: '/assent.v1.PolicyService/PatchData',
  unary: '/assent.v1.AuthorizationService/Authorize',
  stream: '/assent.v1.AuthorizationService/AuthorizeStream',
} as const;

/** Times that something unavailable is asked again, and the pause before each. */
const RETRIES = 3;
const RETRY_PAUSE_MS = 200;
let retries = 0;

/** Asks in this process so far that were answered UNAVAILABLE and asked again. */
export const askedAgain = (): number => retries;

/**
 * Asks, and asks the same again while the answer is UNAVAILABLE, a bounded number of times: what the same request id
 * is asked for again is answered once. The pauses count as latency.
 */
export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask();
    } catch (cause) {
      if (attempt === RETRIES || (cause as { code?: unknown }).code !== status.UNAVAILABLE) throw cause;
      retries += 1;
      await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
    }
  }
}

export interface Wire {
  /** Patient: see `patiently`. */
  unary(path: string, request: Uint8Array): Promise<Buffer>;
  /** Opens one stream; each call sends a message and resolves with the answer whose key it names. */
  stream(
    path: string,
    keyOf: (answer: Buffer) => string,
  ): (request: Uint8Array, key: string) => Promise<Buffer>;
  close(): void;
}

/** Patches data of the server behind the wire; `value` is JSON. */
export function patch(wire: Wire, path: string, value: string): Promise<Buffer> {
  const change = { case: 'valueJson' as const, value: Buffer.from(value) };
  const request = create(PatchDataRequestSchema, { path, change });
  return wire.unary(PATHS.patch, toBinary(PatchDataRequestSchema, request));
}

const toBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const asIs = (bytes: Buffer): Buffer => bytes;

export function connect(address: string, key?: string): Wire {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
  const metadata = new Metadata();
  if (key !== undefined) metadata.set('authorization', `Bearer ${key}`);
  const streams: ClientDuplexStream<Uint8Array, Buffer>[] = [];
  return {
    unary: (path, request) =>
      patiently(
        () =>
          new Promise((resolve, reject) => {
            const deadline = Date.now() + 5000;
            client.makeUnaryRequest(
              path,
              toBuffer,
              asIs,
              request,
              metadata,
              { deadline },
              (error, answer) => {
                if (error !== null || answer === undefined) reject(error ?? new Error('no answer'));
                else resolve(answer);
              },
            );
          }),
      ),
    stream(path, keyOf) {
      const waiting = new Map<string, PromiseWithResolvers<Buffer>>();
      const stream = client.makeBidiStreamRequest(path, toBuffer, asIs, metadata, {});
      streams.push(stream);
      let broken: Error | undefined;
      stream.on('data', (answer: Buffer) => {
        const key = keyOf(answer);
        waiting.get(key)?.resolve(answer);
        waiting.delete(key);
      });
      // After close(), nobody waits.
      stream.on('error', (error) => {
        broken = error;
        for (const waiter of waiting.values()) waiter.reject(error);
        waiting.clear();
      });
      return (request, key) => {
        if (broken !== undefined) return Promise.reject(broken);
        const waiter = Promise.withResolvers<Buffer>();
        waiting.set(key, waiter);
        stream.write(request);
        return waiter.promise;
      };
    },
    close() {
      for (const stream of streams) stream.cancel();
      client.close();
    },
  };
}
