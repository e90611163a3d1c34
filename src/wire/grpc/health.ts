import { create, toBinary } from '@bufbuild/protobuf';
import type { handleServerStreamingCall, handleUnaryCall } from '@grpc/grpc-js';
import {
  Health,
  HealthCheckRequestSchema,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthListRequestSchema,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../gen/grpc/health/v1/health_pb.js';
import { failureOf, serviceError, WireError } from './errors.ts';
import { drained, type House } from './house.ts';
import { bufferOf } from './methods.ts';
import { decodeStrictly } from './strict.ts';

/** Watches at a time, of all callers: they need no credential, so they must not add up. */
const MAX_WATCHES = 64;
/** Readiness is asked for while somebody watches; parts of the house do not announce themselves. */
const POLL_MS = 200;

/** Serves while the process runs; everything else serves only when it is ready. */
const LIVENESS = 'liveness';

export interface HealthHandlers {
  readonly check: handleUnaryCall<Buffer, Buffer>;
  readonly list: handleUnaryCall<Buffer, Buffer>;
  readonly watch: handleServerStreamingCall<Buffer, Buffer>;
}

/**
 * The `grpc.health.v1` protocol. It tells only whether the server takes asks, so it needs no credential: probes
 * have none to show.
 * @param services full names that share the readiness of the server
 */
export function createHealth(
  house: House,
  services: readonly string[],
  ready: () => boolean,
): HealthHandlers {
  const names = ['', 'readiness', ...services];
  let watches = 0;

  const serving = (): ServingStatus => (ready() ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
  function statusOf(name: string): ServingStatus | undefined {
    if (name === LIVENESS) return ServingStatus.SERVING;
    return names.includes(name) ? serving() : undefined;
  }

  return {
    check: (call, respond) => {
      try {
        const { service } = decodeStrictly(HealthCheckRequestSchema, call.request);
        const status = statusOf(service);
        if (status === undefined)
          throw new WireError('NOT_FOUND', 'SERVICE_UNKNOWN', 'there is no such service');
        respond(null, encode(status));
      } catch (cause) {
        respond(serviceError(failureOf(cause)));
      }
    },
    list: (call, respond) => {
      try {
        decodeStrictly(HealthListRequestSchema, call.request);
        const statuses: Record<string, HealthCheckResponse> = {};
        for (const name of [...names, LIVENESS])
          statuses[name] = create(HealthCheckResponseSchema, {
            status: statusOf(name) ?? ServingStatus.UNKNOWN,
          });
        respond(
          null,
          bufferOf(toBinary(HealthListResponseSchema, create(HealthListResponseSchema, { statuses }))),
        );
      } catch (cause) {
        respond(serviceError(failureOf(cause)));
      }
    },
    watch: (call) => {
      let told: ServingStatus | undefined;
      try {
        const { service } = decodeStrictly(HealthCheckRequestSchema, call.request);
        if (watches >= MAX_WATCHES)
          throw new WireError('RESOURCE_EXHAUSTED', 'TOO_MANY_WATCHES', 'too many watches are open');
        const tell = (): void => {
          const status = statusOf(service) ?? ServingStatus.SERVICE_UNKNOWN;
          // A watcher that does not read is told the latest when it reads again, not everything in between.
          if (status === told || call.writableNeedDrain) return;
          told = status;
          call.write(encode(status));
        };
        const timer = setInterval(tell, POLL_MS);
        const end = (): void => {
          tell();
          call.emit('error', serviceError(failureOf(drained())));
        };
        watches += 1;
        house.drains.add(end);
        call.once('close', () => {
          watches -= 1;
          house.drains.delete(end);
          clearInterval(timer);
        });
        tell();
      } catch (cause) {
        call.emit('error', serviceError(failureOf(cause)));
      }
    },
  };
}

/** The name under which the service itself is served. */
export const HEALTH: typeof Health = Health;

function encode(status: ServingStatus): Buffer {
  return bufferOf(toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status })));
}
