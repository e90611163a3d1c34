import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { ServiceError } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as Serving,
} from '../../src/gen/grpc/health/v1/health_pb.js';
import { asIs, bearer, replyOf, type Served, serve, until } from './harness.ts';

const NAMES = [
  '',
  'readiness',
  'assent.v1.AuthorizationService',
  'assent.v1.SessionService',
  'assent.v1.PolicyService',
];

function checkBytes(service: string): Uint8Array {
  return toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service }));
}

async function check(house: Served, service: string): Promise<string> {
  const reply = await house.call('/grpc.health.v1.Health/Check', checkBytes(service), { key: null });
  return reply.code === 'OK'
    ? (Serving[fromBinary(HealthCheckResponseSchema, reply.bytes).status] ?? '')
    : reply.code;
}

test('readiness follows the house, liveness does not, and no credential is needed', async () => {
  const house = await serve();
  for (const name of [...NAMES, 'liveness']) expect(await check(house, name)).toBe('SERVING');
  house.ready = false;
  for (const name of NAMES) expect(await check(house, name)).toBe('NOT_SERVING');
  expect(await check(house, 'liveness')).toBe('SERVING');
  house.ready = true;
  house.server.setReady(false);
  expect(await check(house, '')).toBe('NOT_SERVING');
  house.server.setReady(true);
  expect(await check(house, '')).toBe('SERVING');
});

test('an unknown service is NOT_FOUND', async () => {
  const house = await serve();
  expect(await check(house, 'assent.v2.AuthorizationService')).toBe('NOT_FOUND');
});

test('all states are listed', async () => {
  const house = await serve();
  house.ready = false;
  const reply = await house.call('/grpc.health.v1.Health/List', new Uint8Array(), { key: null });
  const { statuses } = fromBinary(HealthListResponseSchema, reply.bytes);
  expect(
    Object.fromEntries(Object.entries(statuses).map(([name, { status }]) => [name, Serving[status]])),
  ).toEqual({
    ...Object.fromEntries(NAMES.map((name) => [name, 'NOT_SERVING'])),
    liveness: 'SERVING',
  });
});

function watch(house: Served, service: string) {
  const call = house
    .client()
    .makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      asIs,
      asIs,
      Buffer.from(checkBytes(service)),
      bearer(null),
    );
  const seen: string[] = [];
  call.on('data', (bytes: Buffer) =>
    seen.push(Serving[fromBinary(HealthCheckResponseSchema, bytes).status] ?? ''),
  );
  const ended = new Promise<string>((resolve) =>
    call.on('error', (error: ServiceError) => resolve(replyOf(error).code)),
  );
  return { call, seen, ended };
}

test('a watch is told at once, at every change, and when the server goes away', async () => {
  const house = await serve();
  const watched = watch(house, '');
  await until('it is told at once', () => watched.seen.length === 1);
  house.ready = false;
  await until('it is told the change', () => watched.seen.length === 2);
  house.ready = true;
  await until('it is told the next', () => watched.seen.length === 3);
  await house.server.drain(5000);
  expect(watched.seen).toEqual(['SERVING', 'NOT_SERVING', 'SERVING', 'NOT_SERVING']);
  expect(await watched.ended).toBe('UNAVAILABLE');
});

test('a watch of an unknown service stays open and says that it is unknown', async () => {
  const house = await serve();
  const watched = watch(house, 'nobody');
  await until('it is told', () => watched.seen.length === 1);
  expect(watched.seen).toEqual(['SERVICE_UNKNOWN']);
  watched.call.cancel();
  expect(await watched.ended).toBe('CANCELLED');
});

test('watches have an end, and a closed one makes room', async () => {
  const house = await serve();
  const open = Array.from({ length: 64 }, () => watch(house, ''));
  await until('all are open', () => open.every(({ seen }) => seen.length === 1));
  expect(await watch(house, '').ended).toBe('RESOURCE_EXHAUSTED');
  for (const { call } of open) call.cancel();
  const getsIn = async (): Promise<boolean> => {
    const next = watch(house, '');
    await Promise.race([next.ended, until('it is told', () => next.seen.length > 0)]);
    return next.seen.length > 0;
  };
  // The server hears of the cancellations a moment later.
  let tries = 1;
  while (!(await getsIn()) && tries < 100) tries += 1;
  expect(tries).toBeLessThan(100);
});
