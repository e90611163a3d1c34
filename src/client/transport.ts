import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type ClientDuplexStream, connectivityState, Metadata } from '@grpc/grpc-js';
import { createChannel, HANDSHAKE_MS } from './channel.ts';
import { CLIENT_CLOSED, type Failure, failureOfCall, localFailure, retryable } from './failure.ts';
import { bareKey, type TransportOptions } from './options.ts';

/** What a call came to. */
export type Reply<T> =
  | { readonly ok: true; readonly message: T }
  | { readonly ok: false; readonly failure: Failure };

/** What calls are made with. */
export interface Calls {
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageInitShape<I>,
    timeoutMs: number,
  ): Promise<Reply<MessageShape<O>>>;
  /**
   * Has `end` called when a close cuts these calls, at once where it has already; never for calls that outlast it.
   * Returns what takes that back.
   */
  whenCut(end: () => void): () => void;
}

/** One connection to a PDP. */
export interface Transport extends Calls {
  /** Opens a stream of raw messages. */
  stream(path: string): ClientDuplexStream<Uint8Array, Uint8Array>;
  /** True once connected; false when it could not within `timeoutMs`. */
  ready(timeoutMs: number): Promise<boolean>;
  /** True from the moment that `close` is called. */
  closed(): boolean;
  /**
   * Does what `close` must not cut: the calls that `work` is given are made and answered until it settles, and the
   * connection lasts as long. `work` bounds its own time. Begun after `close`, it is given calls that are refused.
   */
  outlasting<T>(work: (calls: Calls) => Promise<T>): Promise<T>;
  /** Ends every call and wait but streams, which are their opener's; then, after what outlasts it, the connection. */
  close(): void;
}

// Bytes pass through: decoding happens where a throw can be caught and named.
const outward = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const inward = (bytes: Buffer): Uint8Array => bytes;

/**
 * A connection to the address, made by the first call. For options that were looked at.
 * @throws TypeError when the key would travel in the clear
 */
export function createTransport(options: TransportOptions, handshakeMs = HANDSHAKE_MS): Transport {
  const ending = new AbortController();
  const client = createChannel(options, { handshakeMs, ending: ending.signal });
  let isClosed = false;
  /** What a close ends: calls in flight, and what waits between them. */
  const toEnd = new Set<() => void>();
  /** Works that outlast `close`, not settled yet. */
  let outlasts = 0;
  const metadata = new Metadata();
  if (options.key !== undefined) metadata.set('authorization', `Bearer ${bareKey(options.key)}`);

  const whenCut = (end: () => void): (() => void) => {
    // Each its own: the same function may be handed over twice.
    const once = (): void => end();
    if (isClosed) once();
    else toEnd.add(once);
    return () => toEnd.delete(once);
  };
  const calls = (outlasting: boolean): Calls => ({
    whenCut: outlasting ? () => () => undefined : whenCut,
    unary: (method, message, timeoutMs) =>
      new Promise((resolve) => {
        const cut = (): boolean => isClosed && !outlasting;
        if (cut()) return resolve({ ok: false, failure: CLIENT_CLOSED });
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
            takeBack();
            if (error === null) return resolve(decoded(method.output, bytes));
            const failure = failureOfCall(error);
            // A failure that passes is our own cancelling, or would be asked again, and is not: the close is why.
            resolve({ ok: false, failure: cut() && retryable(failure) ? CLIENT_CLOSED : failure });
          },
        );
        const takeBack = outlasting ? () => undefined : whenCut(() => sent.cancel());
      }),
  });
  const endWhenOver = (): void => {
    if (!isClosed || outlasts > 0) return;
    ending.abort();
    client.close();
  };

  return {
    ...calls(false),
    stream: (path) => client.makeBidiStreamRequest(path, outward, inward, metadata),
    ready: (timeoutMs) =>
      new Promise((resolve) => {
        const channel = client.getChannel();
        const deadline = Date.now() + timeoutMs;
        // The library's own wait looks again after a close, and so has a closed channel connect.
        const look = (late?: Error): void => {
          if (isClosed || late !== undefined) {
            resolve(false);
            return;
          }
          const state = channel.getConnectivityState(true);
          if (state === connectivityState.READY) resolve(true);
          else channel.watchConnectivityState(state, deadline, look);
        };
        look();
      }),
    closed: () => isClosed,
    outlasting: async (work) => {
      if (isClosed) return work(calls(false));
      outlasts += 1;
      try {
        return await work(calls(true));
      } finally {
        outlasts -= 1;
        endWhenOver();
      }
    },
    close: () => {
      isClosed = true;
      for (const end of toEnd) end();
      endWhenOver();
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
