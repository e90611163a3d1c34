import { Server } from '@grpc/grpc-js';
import { AuthorizationService } from '../../gen/assent/v1/authorization_pb.js';
import { PolicyService } from '../../gen/assent/v1/policy_pb.js';
import { SessionService } from '../../gen/assent/v1/session_pb.js';
import { file_google_rpc_error_details } from '../../gen/google/rpc/error_details_pb.js';
import type { KeyedDigest } from '../../model/keyed-digest.ts';
import type { Verbs } from '../../model/verbs.ts';
import { createPepRegistry, type PepRegistry, type Registration } from '../pep.ts';
import { ACCESS, type Access, MAX_MESSAGE } from './access.ts';
import { authorize, batchAuthorize, report } from './authorize.ts';
import { answerUnknownMethods, createDoor } from './door.ts';
import { createHealth, HEALTH } from './health.ts';
import { createHouse, type House, type Log, type WireMetrics } from './house.ts';
import { hushTransport, listenOn, type TlsMaterial } from './listen.ts';
import { type Answer, addService, pathOf, unary } from './methods.ts';
import { policyAnswers } from './policies.ts';
import { addReflection } from './reflection.ts';
import { sessionAnswers } from './sessions.ts';
import { authorizeStream } from './stream.ts';

export interface GrpcServerOptions {
  readonly verbs: Verbs;
  readonly registrations: readonly Registration[];
  /** `host:port` (port 0: any) or `unix:/path`. */
  readonly listen: readonly string[];
  readonly tls?: TlsMaterial | undefined;
  /** Stands for an ask's content in records and session entries; the same on every replica. */
  readonly digestAsk: KeyedDigest;
  /** Allows plaintext on loopback. */
  readonly dev: boolean;
  /** Tells the contract to whoever asks, without a credential; default: with `dev` alone. */
  readonly reflection?: boolean;
  /** Asks in flight, of all callers; more are shed. */
  readonly maxAsks?: number;
  /** Unix ms of the wall clock: gRPC deadlines are told by it. */
  readonly now: () => number;
  readonly log: Log;
  readonly metrics?: WireMetrics;
}

export interface GrpcServer {
  /** Binds all addresses, or none. @returns them as bound @throws Error naming the address */
  listen(): Promise<readonly string[]>;
  /** Takes the server out of, or back into, readiness; asks are answered either way. */
  setReady(ready: boolean): void;
  /** Refuses what is new, lets what is in flight finish for at most `graceMs`, and ends. Idempotent. */
  drain(graceMs: number): Promise<void>;
}

const DEFAULT_MAX_ASKS = 4096;
const SILENT: WireMetrics = { inFlight: () => {}, countError: () => {}, countReport: () => {} };

const CHANNEL = {
  'grpc.max_receive_message_length': MAX_MESSAGE,
  'grpc.max_concurrent_streams': 1000,
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // Connections are renewed so that load moves to new replicas.
  'grpc.max_connection_age_ms': 30 * 60_000,
  'grpc.max_connection_age_grace_ms': 30_000,
  // Tracing that nobody reads took a few microseconds a call.
  'grpc.enable_channelz': 0,
};

/** The gRPC face of the house: it translates and holds no opinion. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { verbs, now, log, metrics = SILENT, maxAsks = DEFAULT_MAX_ASKS, digestAsk, dev, tls } = options;
  const bound: string[] = [];
  let ready = true;
  let draining = false;
  let drained: Promise<void> | undefined;
  const house = createHouse({ verbs, now, log, metrics, digestAsk, maxAsks, draining: () => draining });
  const peps = createPepRegistry(options.registrations);
  hushTransport();
  const server = new Server({ ...CHANNEL, interceptors: [createDoor(house, peps)] });
  answerUnknownMethods(server, house);
  serveAll(server, house, peps);
  const services = [AuthorizationService, SessionService, PolicyService];
  const health = createHealth(
    house,
    services.map(({ typeName }) => typeName),
    () => ready && !draining && verbs.ready(),
  );
  addService(server, HEALTH, { ...health });
  if (options.reflection ?? dev) {
    // No service imports the details of errors, yet tools that show an error look them up.
    addReflection(server, [...services.map(({ file }) => file), HEALTH.file, file_google_rpc_error_details]);
  }

  return {
    async listen() {
      try {
        for (const address of options.listen) bound.push(await listenOn(server, address, { tls, dev }));
      } catch (cause) {
        server.forceShutdown();
        throw cause;
      }
      log.info({ addresses: bound, tls: tls !== undefined }, 'listening');
      return [...bound];
    },
    setReady(value) {
      ready = value;
    },
    drain(graceMs) {
      draining = true;
      drained ??= drainServer({ server, house, bound }, graceMs);
      return drained;
    },
  };
}

function serveAll(server: Server, house: House, peps: PepRegistry): void {
  const answered = (
    service: { readonly method: Readonly<Record<string, Parameters<typeof pathOf>[0]>> },
    answers: Readonly<Record<string, Answer>>,
    access: Readonly<Record<string, Access>>,
  ) =>
    Object.fromEntries(
      Object.entries(answers).map(([name, answer]) => {
        const method = service.method[name];
        const rule = access[name];
        if (method === undefined || rule === undefined)
          throw new TypeError(`${name} has no line in the table`);
        return [name, unary(house, peps, { path: pathOf(method), access: rule, answer })];
      }),
    );
  const asks = { authorize: authorize(house), batchAuthorize: batchAuthorize(house), report: report(house) };
  addService(server, AuthorizationService, {
    ...answered(AuthorizationService, asks, ACCESS.authorization),
    authorizeStream: authorizeStream(house, peps, ACCESS.authorization.authorizeStream),
  });
  addService(server, SessionService, answered(SessionService, sessionAnswers(house), ACCESS.session));
  addService(server, PolicyService, answered(PolicyService, policyAnswers(house), ACCESS.policy));
}

function drainServer(
  {
    server,
    house,
    bound,
  }: { readonly server: Server; readonly house: House; readonly bound: readonly string[] },
  graceMs: number,
): Promise<void> {
  return new Promise((resolve) => {
    // Forcing alone would leave connections open: without channelz the library forgets which there are.
    for (const address of bound) server.drain(address, graceMs);
    const force = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
    // Long-lived calls finish what they have in flight; without this they would last until forced.
    for (const end of [...house.drains]) end();
  });
}
