import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import {
  AuthorizeStreamRequestSchema,
  type AuthorizeStreamResponse,
  AuthorizeStreamResponseSchema,
  Effect,
} from '../../src/gen/assent/v1/authorization_pb.js';
import type { Decision } from '../../src/model/decision.ts';
import { Fault } from '../../src/model/refusal.ts';
import { MAX_IN_FLIGHT } from '../../src/wire/grpc/stream.ts';
import {
  type AskInit,
  asIs,
  askInit,
  bearer,
  decisionOn,
  detailsOf,
  KEY,
  registration,
  replyOf,
  requestId,
  type Served,
  STREAM,
  serve,
  until,
} from './harness.ts';

interface Lane {
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly answers: AuthorizeStreamResponse[];
  send(overrides?: AskInit): string;
  raw(bytes: Uint8Array): void;
  /** Status and reason with which the stream ended. */
  readonly ended: Promise<{ code: string; reason: string }>;
}

function lane(house: Served, key: string | null = KEY): Lane {
  const call = house.client().makeBidiStreamRequest(STREAM, asIs, asIs, bearer(key));
  const answers: AuthorizeStreamResponse[] = [];
  call.on('data', (bytes: Buffer) => answers.push(fromBinary(AuthorizeStreamResponseSchema, bytes)));
  const ended = new Promise<{ code: string; reason: string }>((resolve) => {
    call.on('error', (error: ServiceError) => resolve(replyOf(error)));
    call.on('end', () => resolve({ code: 'OK', reason: '' }));
  });
  return {
    call,
    answers,
    ended,
    send(overrides = {}) {
      const ask = askInit(overrides);
      call.write(
        Buffer.from(toBinary(AuthorizeStreamRequestSchema, create(AuthorizeStreamRequestSchema, { ask }))),
      );
      return ask.requestId ?? '';
    },
    raw: (bytes) => call.write(Buffer.from(bytes)),
  };
}

/** Decisions that wait until they are let go, by action name. */
function holding(house: Served): Map<string, () => void> {
  const held = new Map<string, () => void>();
  house.decide = (ask) =>
    new Promise((resolve) => {
      held.set(ask.action, () => resolve(decisionOn(ask)));
    });
  return held;
}

test('answers come in order of completion, matched by request id', async () => {
  const house = await serve();
  const held = holding(house);
  const stream = lane(house);
  const first = stream.send({ action: { name: 'first' } });
  const second = stream.send({ action: { name: 'second' } });
  await until('both are in flight', () => held.size === 2);
  held.get('second')?.();
  await until('the second is answered', () => stream.answers.length === 1);
  held.get('first')?.();
  await until('the first is answered', () => stream.answers.length === 2);
  expect(stream.answers.map(({ requestId }) => requestId)).toEqual([second, first]);
  stream.call.end();
  expect(await stream.ended).toMatchObject({ code: 'OK' });
});

test('a bad message costs one status, and the other asks are unharmed', async () => {
  const house = await serve();
  const stream = lane(house);
  const good = [stream.send()];
  stream.raw(Uint8Array.of(0xff, 0xff, 0xff));
  stream.raw(new Uint8Array());
  const named = stream.send({ action: { name: 'not a name' } });
  // The ask is broken behind its id.
  const id = requestId();
  const ask = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(id)
    .raw(Uint8Array.of(0x12, 99))
    .finish();
  stream.raw(new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(ask).finish());
  stream.raw(new Uint8Array(1024 * 1024 + 1));
  good.push(stream.send());
  stream.call.end();
  expect(await stream.ended).toMatchObject({ code: 'OK' });
  const decided = stream.answers.filter(({ answer }) => answer.case === 'decision');
  expect(decided.map(({ requestId }) => requestId)).toEqual(good);
  const failed = stream.answers.flatMap(({ requestId, answer }) =>
    answer.case === 'status' ? [{ requestId, ...detailsOf(answer.value) }] : [],
  );
  expect(failed.map(({ requestId, code, fields }) => [requestId, code, fields[0]?.field])).toEqual([
    ['', 'INVALID_ARGUMENT', 'request'],
    ['', 'INVALID_ARGUMENT', 'ask'],
    [named, 'INVALID_ARGUMENT', 'ask.action.name'],
    [id, 'INVALID_ARGUMENT', 'ask.action'],
    ['', 'RESOURCE_EXHAUSTED', undefined],
  ]);
  expect(house.asks).toHaveLength(2);
});

test('a failure of ours is a status in its place', async () => {
  const house = await serve();
  house.decide = async (ask) => {
    if (ask.action === 'lost') throw new Fault('SESSION_STORE_UNAVAILABLE');
    if (ask.action === 'odd') return decisionOn(ask, JSON.parse('{"effect":"permit"}') as Partial<Decision>);
    return decisionOn(ask);
  };
  const stream = lane(house);
  for (const name of ['lost', 'odd', 'fine']) stream.send({ action: { name } });
  stream.call.end();
  await stream.ended;
  const codes = stream.answers.map(({ answer }) =>
    answer.case === 'status' ? detailsOf(answer.value).reason : answer.value?.effect,
  );
  expect(codes.toSorted()).toEqual([Effect.ALLOW, 'INTERNAL', 'SESSION_STORE_UNAVAILABLE']);
});

test('an ask on a stream that never comes back is given up at its own timeout', async () => {
  const house = await serve();
  holding(house);
  const stream = lane(house);
  const id = stream.send({ timeout: { nanos: 30_000_000 } });
  await until('it is answered', () => stream.answers.length === 1);
  const [{ requestId: answered, answer }] = stream.answers as [AuthorizeStreamResponse];
  expect(answered).toBe(id);
  expect(answer.case === 'status' && detailsOf(answer.value)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
});

test('half-close lets what is in flight finish, then the stream ends', async () => {
  const house = await serve();
  const held = holding(house);
  const stream = lane(house);
  stream.send({ action: { name: 'slow' } });
  stream.call.end();
  await until('it is in flight', () => held.size === 1);
  held.get('slow')?.();
  expect(await stream.ended).toMatchObject({ code: 'OK' });
  expect(stream.answers).toHaveLength(1);
});

test('a stream with its fill in flight is not read on until an answer leaves', async () => {
  const house = await serve();
  const held = holding(house);
  const stream = lane(house);
  const timeout = { seconds: 5n };
  const sent = MAX_IN_FLIGHT + 40;
  for (let i = 0; i < sent; i += 1) stream.send({ action: { name: `a${i}` }, timeout });
  await until('the stream is full', () => house.inFlight() === MAX_IN_FLIGHT);
  // Ample time for more to come in, if more were read.
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(house.asks).toHaveLength(MAX_IN_FLIGHT);
  held.get('a0')?.();
  await until('one more is read', () => house.asks.length === MAX_IN_FLIGHT + 1);
  await until('all are answered', () => {
    for (const finish of held.values()) finish();
    return stream.answers.length === sent;
  });
});

test('a caller that does not read its answers stops being read, and harms no other', async () => {
  const house = await serve();
  // Answers of 64 KiB fill every buffer on the way soon.
  house.decide = async (ask) => decisionOn(ask, { challenge: 'x'.repeat(64 * 1024) });
  const deaf = lane(house);
  deaf.call.pause();
  for (let i = 0; i < 2000; i += 1) deaf.send({ timeout: { seconds: 5n } });
  let before = -1;
  await until('it is no longer read', () => {
    const still = before === house.asks.length && before > 0;
    before = house.asks.length;
    return still;
  });
  const other = lane(house);
  other.send();
  await until('the other is answered', () => other.answers.length === 1);
  expect(house.asks.length).toBeLessThan(2000);
  deaf.call.cancel();
  expect(await deaf.ended).toMatchObject({ code: 'CANCELLED' });
});

test('a stream without a known enforcement point ends before anything is read', async () => {
  const house = await serve({
    registrations: [registration('dev', KEY), registration('opener', 'a-key-that-may-not-ask', ['opener'])],
  });
  for (const [key, code] of [
    [null, 'UNAUTHENTICATED'],
    ['wrong-key-wrong-key-wrong-key', 'UNAUTHENTICATED'],
    ['a-key-that-may-not-ask', 'PERMISSION_DENIED'],
  ] as const) {
    const stream = lane(house, key);
    stream.send();
    expect(await stream.ended).toMatchObject({ code });
  }
  expect(house.asks).toHaveLength(0);
});

test('draining lets a stream finish what is in flight and then sends it elsewhere', async () => {
  const house = await serve();
  const held = holding(house);
  const stream = lane(house);
  stream.send({ action: { name: 'slow' } });
  await until('it is in flight', () => held.size === 1);
  const drained = house.server.drain(5000);
  held.get('slow')?.();
  expect(await stream.ended).toMatchObject({ code: 'UNAVAILABLE', reason: 'DRAINING' });
  expect(stream.answers.map(({ answer }) => answer.case)).toEqual(['decision']);
  await drained;
});

test('a cancelled stream frees its places', async () => {
  const house = await serve();
  const held = holding(house);
  const stream = lane(house);
  stream.send({ action: { name: 'slow' } });
  await until('it is in flight', () => held.size === 1);
  stream.call.cancel();
  expect((await stream.ended).code).toBe(status[status.CANCELLED]);
  held.get('slow')?.();
  await until('the place is free', () => house.inFlight() === 0);
  const next = lane(house);
  house.decide = async (ask) => decisionOn(ask);
  next.send();
  await until('a new stream is answered', () => next.answers.length === 1);
});
