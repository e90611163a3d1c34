import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { anyPack, durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import {
  AuthorizationService,
  type AuthorizeRequest,
  AuthorizeRequestSchema,
  AuthorizeStreamRequestSchema,
  AuthorizeStreamResponseSchema,
  DecisionSchema,
  Effect,
} from '../../src/gen/assent/v1/authorization_pb.js';
import { PolicyService } from '../../src/gen/assent/v1/policy_pb.js';
import { SessionService } from '../../src/gen/assent/v1/session_pb.js';
import { RetryInfoSchema } from '../../src/gen/google/rpc/error_details_pb.js';
import { type Status, StatusSchema } from '../../src/gen/google/rpc/status_pb.js';

/** What the wire does with one call: answer with bytes, fail, or say nothing at all. */
export type Fate =
  | { readonly bytes: Uint8Array }
  | { readonly code: number; readonly details?: string; readonly status?: Status; readonly raw?: Uint8Array }
  | 'silence';
type Unary = (bytes: Uint8Array, metadata: Metadata) => Fate | Promise<Fate>;
export type Duplex = ServerDuplexStream<Uint8Array, Uint8Array>;

export interface FaultyWire {
  readonly address: string;
  unary: Unary;
  stream: (call: Duplex) => void;
  /** Takes no new connection or call, and lets those in flight end. */
  drain(): void;
  /** Drains, and takes new connections on the same port. */
  renew(): Promise<void>;
  /** Cuts every connection. */
  cut(): void;
  /** Cuts, then listens again on the same port. */
  restart(): Promise<void>;
  stop(): void;
}

const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

/** A peer that speaks gRPC and misbehaves as told: faults are put on the wire, where they happen. */
export async function faultyWire(credentials = ServerCredentials.createInsecure()): Promise<FaultyWire> {
  const wire: Omit<FaultyWire, 'address' | 'drain' | 'renew' | 'cut' | 'restart' | 'stop'> = {
    unary: () => 'silence',
    stream: () => undefined,
  };
  let server = new Server();
  const drained: Server[] = [];
  const listen = async (port: number): Promise<number> => {
    server = new Server();
    for (const service of [AuthorizationService, SessionService, PolicyService]) {
      const definition: Record<string, ServiceDefinition[string]> = {};
      const handlers: Record<string, (...args: never[]) => void> = {};
      for (const method of service.methods) {
        const streaming = method.methodKind === 'bidi_streaming';
        definition[method.name] = {
          path: `/${service.typeName}/${method.name}`,
          requestStream: streaming,
          responseStream: streaming,
          requestSerialize: same,
          requestDeserialize: (bytes: Buffer) => bytes,
          responseSerialize: same,
          responseDeserialize: (bytes: Buffer) => bytes,
        };
        handlers[method.name] = streaming
          ? (call: Duplex) => {
              call.on('error', () => undefined);
              wire.stream(call);
            }
          : (
              call: { request: Uint8Array; metadata: Metadata },
              done: (error: object | null, bytes?: Uint8Array) => void,
            ) =>
              void Promise.resolve(wire.unary(call.request, call.metadata)).then((fate) =>
                settle(fate, done),
              );
      }
      server.addService(definition, handlers as never);
    }
    return new Promise((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
  };
  const port = await listen(0);
  return Object.assign(wire, {
    address: `127.0.0.1:${port}`,
    drain: () => server.tryShutdown(() => undefined),
    renew: async () => {
      server.tryShutdown(() => undefined);
      drained.push(server);
      await listen(port);
    },
    cut: () => server.forceShutdown(),
    restart: async () => {
      server.forceShutdown();
      await listen(port);
    },
    stop: () => {
      for (const listened of [...drained, server]) listened.forceShutdown();
    },
  });
}

function settle(fate: Fate, done: (error: object | null, bytes?: Uint8Array) => void): void {
  if (fate === 'silence') return;
  if ('bytes' in fate) {
    done(null, fate.bytes);
    return;
  }
  const metadata = new Metadata();
  const details = fate.raw ?? (fate.status === undefined ? undefined : toBinary(StatusSchema, fate.status));
  if (details !== undefined) metadata.set('grpc-status-details-bin', Buffer.from(details));
  done({ code: fate.code, details: fate.details ?? '', metadata });
}

export function bytesOf<D extends DescMessage>(schema: D, init: MessageInitShape<D>): { bytes: Uint8Array } {
  return { bytes: toBinary(schema, create(schema, init)) };
}

export function readAsk(bytes: Uint8Array): AuthorizeRequest {
  return fromBinary(AuthorizeRequestSchema, bytes);
}

/** A good allow, valid for five seconds, but for what `changes` changes. */
export function allow(
  changes: MessageInitShape<typeof DecisionSchema> = {},
): MessageInitShape<typeof DecisionSchema> {
  return {
    decisionId: 'd-1',
    effect: Effect.ALLOW,
    expireTime: timestampFromMs(Date.now() + 5000),
    executionKey: 'key-1',
    sessionId: 's-1',
    activation: 7n,
    ...changes,
  };
}

export function statusOf(code: number, message: string, retryMs?: number): Status {
  const details =
    retryMs === undefined
      ? []
      : [anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: durationFromMs(retryMs) }))];
  return create(StatusSchema, { code, message, details });
}

export function readStreamAsk(bytes: Uint8Array): AuthorizeRequest {
  const { ask } = fromBinary(AuthorizeStreamRequestSchema, bytes);
  if (ask === undefined) throw new Error('a stream message without an ask');
  return ask;
}

export function streamDecision(
  requestId: string,
  decision: MessageInitShape<typeof DecisionSchema>,
): Uint8Array {
  return toBinary(
    AuthorizeStreamResponseSchema,
    create(AuthorizeStreamResponseSchema, {
      requestId,
      answer: { case: 'decision', value: create(DecisionSchema, decision) },
    }),
  );
}

export function streamStatus(requestId: string, status: Status): Uint8Array {
  return toBinary(
    AuthorizeStreamResponseSchema,
    create(AuthorizeStreamResponseSchema, { requestId, answer: { case: 'status', value: status } }),
  );
}
