import { readFileSync } from 'node:fs';
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type ChannelCredentials,
  type ClientDuplexStream,
  credentials,
  Client as GrpcClient,
  Metadata,
} from '@grpc/grpc-js';
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
  close(): void;
}

// Bytes pass through: decoding happens where a throw can be caught and named.
const outward = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const inward = (bytes: Buffer): Uint8Array => bytes;

/**
 * Goes to the address itself, whatever proxy the environment names. For options that were looked at.
 * @throws TypeError when the key would travel in the clear
 */
export function createTransport(options: TransportOptions): Transport {
  const { address } = options;
  const client = new GrpcClient(address, channelCredentials(options), {
    // A proxy named in the environment would read keys and tokens that must not leave this machine, and answer for
    // the PDP: bytes go to the address and nowhere else, with TLS too.
    'grpc.enable_http_proxy': 0,
    // Retries are ours: they keep the request id and the remaining time.
    'grpc.enable_retries': 0,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2000,
    'grpc.max_receive_message_length': 16 * 1024 * 1024,
    ...(options.tls?.serverName === undefined
      ? {}
      : {
          'grpc.ssl_target_name_override': options.tls.serverName,
          'grpc.default_authority': options.tls.serverName,
        }),
  });
  const metadata = new Metadata();
  if (options.key !== undefined) metadata.set('authorization', `Bearer ${bareKey(options.key)}`);

  return {
    unary: (method, message, timeoutMs) =>
      new Promise((resolve) => {
        const request = encoded(method.input, message);
        if (!request.ok) return resolve(request);
        const path = `/${method.parent.typeName}/${method.name}`;
        const deadline = Date.now() + timeoutMs;
        try {
          client.makeUnaryRequest(
            path,
            outward,
            inward,
            request.message,
            metadata,
            { deadline },
            (error, bytes) => {
              if (error !== null) resolve({ ok: false, failure: failureOfCall(error) });
              else resolve(decoded(method.output, bytes));
            },
          );
        } catch {
          // grpc-js throws for one thing only: a channel that was shut down.
          resolve({ ok: false, failure: localFailure('CANCELLED', 'the client was closed') });
        }
      }),
    stream: (path) => client.makeBidiStreamRequest(path, outward, inward, metadata),
    ready: (timeoutMs) =>
      new Promise((resolve) => {
        client.waitForReady(Date.now() + timeoutMs, (error) => resolve(error === undefined));
      }),
    close: () => client.close(),
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

function channelCredentials({ address, key, tls }: TransportOptions): ChannelCredentials {
  if (key === undefined && tls?.cert === undefined)
    throw new TypeError('an enforcement point shows either its `key` or a TLS client certificate');
  if (tls === undefined) {
    if (!isLocal(address))
      throw new TypeError(
        'without `tls` the key would travel in the clear: only loopback and unix sockets may',
      );
    return credentials.createInsecure();
  }
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw new TypeError('`tls.cert` and `tls.key` come together');
  const read = (path: string | undefined): Buffer | null => (path === undefined ? null : readFileSync(path));
  return credentials.createSsl(read(tls.ca), read(tls.key), read(tls.cert));
}

function isLocal(address: string): boolean {
  return address.startsWith('unix:') || /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)(?::\d+)?$/.test(address);
}
