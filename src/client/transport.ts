import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type ClientDuplexStream, type ClientUnaryCall, connectivityState, Metadata } from '@grpc/grpc-js';
import { AuthorizationService } from '../gen/assent/v1/authorization_pb.js';
import { createChannel, HANDSHAKE_MS } from './channel.ts';
import { type Failure, failureOfCall, localFailure } from './failure.ts';
import { bareKey, type TransportOptions } from './options.ts';

/** What a call came to. */
export type Reply<T> =
  | { readonly ok: true; readonly message: T }
  | { readonly ok: false; readonly failure: Failure };

/** One connection to a PDP. */
export interface Transport {
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageInitShape<I>,
    timeoutMs: number,
  ): Promise<Reply<MessageShape<O>>>;
  /** Opens a stream of raw messages. */
  stream(path: string): ClientDuplexStream<Uint8Array, Uint8Array>;
  /** True once connected; false when it could not within `timeoutMs`. */
  ready(timeoutMs: number): Promise<boolean>;
  /** True from the moment that `close` is called. */
  closed(): boolean;
  /** Ends every call but streams, which are their opener's, and reports: their tools have run. Never connects again. */
  close(): void;
}

const { report } = AuthorizationService.method;
const CLOSED = localFailure('CANCELLED', 'the client was closed');

// Bytes pass through: decoding happens where a throw can be caught and named.
const outward = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const inward = (bytes: Buffer): Uint8Array => bytes;

/**
 * A connection to the address, made by the first call. For options that were looked at.
 * @throws TypeError when the key would travel in the clear
 */
export function createTransport(options: TransportOptions, handshakeMs = HANDSHAKE_MS): Transport {
  const closing = new AbortController();
  const closed = (): boolean => closing.signal.aborted;
  const client = createChannel(options, { handshakeMs, closing: closing.signal });
  /** In flight, to be cancelled. */
  const calls = new Set<ClientUnaryCall>();
  const metadata = new Metadata();
  if (options.key !== undefined) metadata.set('authorization', `Bearer ${bareKey(options.key)}`);

  return {
    unary: (method, message, timeoutMs) =>
      new Promise((resolve) => {
        if (closed()) return resolve({ ok: false, failure: CLOSED });
        const request = encoded(method.input, message);
        if (!request.ok) return resolve(request);
        const path = `/${method.parent.typeName}/${method.name}`;
        const deadline = Date.now() + timeoutMs;
        const sent = client.makeUnaryRequest(
          path,
          outward,
          inward,
          request.message,
          metadata,
          { deadline },
          (error, bytes) => {
            calls.delete(sent);
            if (error === null) resolve(decoded(method.output, bytes));
            else resolve({ ok: false, failure: closed() ? CLOSED : failureOfCall(error) });
          },
        );
        if (method.name !== report.name) calls.add(sent);
      }),
    stream: (path) => client.makeBidiStreamRequest(path, outward, inward, metadata),
    ready: (timeoutMs) =>
      new Promise((resolve) => {
        const channel = client.getChannel();
        const deadline = Date.now() + timeoutMs;
        // The library's own wait looks again after a close, and so has a closed channel connect.
        const look = (late?: Error): void => {
          if (closed() || late !== undefined) {
            resolve(false);
            return;
          }
          const state = channel.getConnectivityState(true);
          if (state === connectivityState.READY) resolve(true);
          else channel.watchConnectivityState(state, deadline, look);
        };
        look();
      }),
    closed,
    close: () => {
      closing.abort();
      for (const sent of calls) sent.cancel();
      client.close();
    },
  };
}

/** A message as bytes, or the failure to write them: plain JavaScript may have put anything in its fields. */
export function encoded<I extends DescMessage>(schema: I, message: MessageInitShape<I>): Reply<Uint8Array> {
  try {
    return { ok: true, message: toBinary(schema, create(schema, message)) };
  } catch {
    // The encoder's own words quote the value, which may be a token.
    return { ok: false, failure: localFailure('INVALID_ARGUMENT', 'a field has the wrong type') };
  }
}

/** Bytes as a message, or the failure to read them. */
export function decoded<O extends DescMessage>(
  schema: O,
  bytes: Uint8Array | undefined,
): Reply<MessageShape<O>> {
  try {
    if (bytes !== undefined) return { ok: true, message: fromBinary(schema, bytes) };
  } catch {
    // What the bytes say cannot be known; the failure says so, and nothing is permitted by it.
  }
  return { ok: false, failure: localFailure('DATA_LOSS', 'the answer cannot be read') };
}
