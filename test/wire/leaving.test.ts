/** No allow leaves after its deadline, whatever the caller's side does not take. The callers here are bare HTTP/2. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect, createServer, type Socket } from 'node:net';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Metadata, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import {
  AuthorizeStreamRequestSchema,
  type AuthorizeStreamResponse,
  AuthorizeStreamResponseSchema,
  BatchAuthorizeRequestSchema,
} from '../../src/gen/assent/v1/authorization_pb.js';
import { exitOf, openExit } from '../../src/wire/grpc/exit.ts';
import { MAX_IN_FLIGHT } from '../../src/wire/grpc/stream.ts';
import {
  type AskInit,
  AUTHORIZE,
  askBytes,
  askInit,
  BATCH,
  decisionOn,
  KEY,
  requestId,
  STREAM,
  serve,
  until,
} from './harness.ts';

const SOON = { nanos: 150_000_000 };
const LATER = { seconds: 5n };
const WIDE = 2 ** 31 - 1;
/** Answers of a stream that the transport takes when none of them leaves. */
const MAX_UNSENT = 64;

interface Line {
  readonly session: ClientHttp2Session;
  open(path: string, headers?: OutgoingHttpHeaders): Taker;
}

interface Taker {
  readonly stream: ClientHttp2Stream;
  send(message: Uint8Array): void;
  /** Messages that came whole; nothing comes, and no window is given, before `take`. */
  readonly messages: Buffer[];
  take(): void;
  trailers(): OutgoingHttpHeaders;
}

/** A connection on which each stream may bring so many bytes that nobody has read. */
async function line(address: string, initialWindowSize: number): Promise<Line> {
  const session = connectHttp2(`http://${address}`, { settings: { initialWindowSize } });
  session.on('error', () => {
    // A connection that is cut is what some of these tests are about: they see it closed.
  });
  onTestFinished(() => session.destroy());
  await new Promise((resolve) => session.once('localSettings', resolve));
  return { session, open: (path, headers) => open(session, path, headers) };
}

function open(session: ClientHttp2Session, path: string, headers: OutgoingHttpHeaders = {}): Taker {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${KEY}`,
    ...headers,
  });
  stream.on('error', () => {
    // As above.
  });
  let trailers: OutgoingHttpHeaders = {};
  stream.on('trailers', (came) => {
    trailers = came;
  });
  const messages: Buffer[] = [];
  let rest = Buffer.alloc(0);
  return {
    stream,
    messages,
    trailers: () => trailers,
    send(message) {
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      stream.write(Buffer.concat([head, message]));
    },
    take() {
      stream.on('data', (bytes: Buffer) => {
        rest = Buffer.concat([rest, bytes]);
        while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
          const end = 5 + rest.readUInt32BE(1);
          messages.push(rest.subarray(5, end));
          rest = rest.subarray(end);
        }
      });
    },
  };
}

function streamAsk(overrides: AskInit): Uint8Array {
  return toBinary(
    AuthorizeStreamRequestSchema,
    create(AuthorizeStreamRequestSchema, { ask: askInit(overrides) }),
  );
}

function answersOf({ messages }: Taker): AuthorizeStreamResponse[] {
  return messages.map((bytes) => fromBinary(AuthorizeStreamResponseSchema, bytes));
}

/** Opens the windows of all streams of a connection, and waits until whatever the server held has come. */
async function openWindows({ session }: Line): Promise<void> {
  await new Promise<void>((resolve) => session.settings({ initialWindowSize: WIDE }, () => resolve()));
  // Answered in order, behind all that the settings let go.
  for (let i = 0; i < 3; i += 1) await new Promise((resolve) => session.ping(resolve));
}

const isAllow = ({ answer }: AuthorizeStreamResponse): boolean => answer.case === 'decision';

test('of many allows to a caller that reads too late, only those that were taken in time arrive', async () => {
  const house = await serve();
  house.decide = async (ask) => decisionOn(ask, { challenge: 'x'.repeat(1000) });
  const window = 8192;
  const caller = await line(house.addresses[0] ?? '', window);
  const taker = caller.open(STREAM);
  for (let i = 0; i < 100; i += 1) taker.send(streamAsk({ timeout: SOON }));
  await until('the stream is ended for what is stuck on it', () => taker.stream.closed);
  expect(taker.stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
  await openWindows(caller);
  taker.take();
  await new Promise((resolve) => caller.session.ping(resolve));
  // What the window took had left in time; not one byte came of the others.
  const bytes = taker.messages.reduce((sum, { length }) => sum + length + 5, 0);
  expect(bytes).toBeLessThanOrEqual(window);
  expect(house.errors).toContain('DEADLINE_PASSED');
  // The connection is good for another stream.
  const next = caller.open(STREAM);
  next.take();
  next.send(streamAsk({}));
  await until('the next stream is answered', () => next.messages.length === 1);
  expect(answersOf(next).every(isAllow)).toBe(true);
});

test('an allow that waits behind what the transport took is judged when its turn comes', async () => {
  const house = await serve();
  let letGo = (): void => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  // Denials fill the transport: no lateness of theirs ends the stream.
  house.decide = async (ask) => {
    await gate;
    return ask.action === 'no'
      ? decisionOn(ask, { effect: 'deny', challenge: 'x'.repeat(4096) })
      : decisionOn(ask);
  };
  const caller = await line(house.addresses[0] ?? '', 0);
  const taker = caller.open(STREAM);
  for (let i = 0; i < 40; i += 1) taker.send(streamAsk({ action: { name: 'no' } }));
  const soon = requestId();
  const later = requestId();
  taker.send(streamAsk({ requestId: soon, timeout: SOON }));
  taker.send(streamAsk({ requestId: later, timeout: LATER }));
  await until('all are read', () => house.asks.length === 42);
  letGo();
  await until('all are decided', () => house.inFlight() === 0);
  const due = house.asks.find((ask) => ask.requestId === soon)?.deadline ?? 0;
  await until('the first deadline has passed', () => Date.now() >= due);
  taker.take();
  await openWindows(caller);
  await until('all are answered', () => taker.messages.length === 42);
  const cases = new Map(answersOf(taker).map((answer) => [answer.requestId, answer.answer.case]));
  expect([cases.get(soon), cases.get(later)]).toEqual(['status', 'decision']);
  expect(house.errors).toEqual(['DEADLINE_PASSED']);
});

const BATCH_OF_TWO = (): Uint8Array =>
  toBinary(
    BatchAuthorizeRequestSchema,
    create(BatchAuthorizeRequestSchema, { asks: [askInit({ timeout: SOON }), askInit({ timeout: LATER })] }),
  );

test.each<[what: string, path: string, message: () => Uint8Array, headers: OutgoingHttpHeaders]>([
  ['of a call, past its own timeout', AUTHORIZE, () => askBytes({ timeout: SOON }), {}],
  ["of a call, past the call's deadline", AUTHORIZE, () => askBytes(), { 'grpc-timeout': '150m' }],
  ['of a batch, past the earliest timeout in it', BATCH, BATCH_OF_TWO, {}],
  ["of a batch, past the call's deadline", BATCH, BATCH_OF_TWO, { 'grpc-timeout': '150m' }],
  ['of a stream, past its own timeout', STREAM, () => streamAsk({ timeout: SOON }), {}],
  ["of a stream, past the stream's deadline", STREAM, () => streamAsk({}), { 'grpc-timeout': '150m' }],
])('an allow %s never leaves, though the window opens', async (_, path, message, headers) => {
  const house = await serve();
  const caller = await line(house.addresses[0] ?? '', 0);
  const taker = caller.open(path, headers);
  taker.send(message());
  if (path !== STREAM) taker.stream.end();
  await until('it is decided', () => house.asks.length > 0 && house.inFlight() === 0);
  await until('the call is ended', () => taker.stream.closed);
  taker.take();
  await openWindows(caller);
  expect(taker.messages).toEqual([]);
  expect(taker.trailers()).toEqual({});
  expect(house.errors).toEqual(['DEADLINE_PASSED']);
});

test.each<[what: string, path: string, message: () => Uint8Array]>([
  ['of a call', AUTHORIZE, () => askBytes({ timeout: LATER })],
  ['of a stream', STREAM, () => streamAsk({ timeout: LATER })],
])('an allow %s that the window holds up leaves when it opens in time', async (_, path, message) => {
  const house = await serve();
  const caller = await line(house.addresses[0] ?? '', 0);
  const taker = caller.open(path);
  taker.send(message());
  taker.stream.end();
  taker.take();
  await until('it is decided', () => house.asks.length > 0 && house.inFlight() === 0);
  await openWindows(caller);
  await until('the call ends in good order', () => taker.stream.closed);
  expect(taker.messages).toHaveLength(1);
  expect(taker.trailers()).toMatchObject({ 'grpc-status': '0' });
  expect(house.errors).toEqual([]);
});

test('a denial is of use late as well, and ends nothing', async () => {
  const house = await serve();
  house.decide = async (ask) => decisionOn(ask, { effect: 'deny' });
  const caller = await line(house.addresses[0] ?? '', 0);
  const taker = caller.open(STREAM);
  taker.send(streamAsk({ timeout: SOON }));
  await until('it is decided', () => house.asks.length > 0 && house.inFlight() === 0);
  const due = house.asks[0]?.deadline ?? 0;
  await until('its time is over', () => Date.now() > due);
  taker.take();
  await openWindows(caller);
  await until('it has come', () => taker.messages.length === 1);
  expect(house.errors).toEqual([]);
});

/** Passes bytes on, but for those of the server while it is told to hold them: then the kernel's buffers fill. */
async function valve(to: string): Promise<{ address: string; close(): void; open(): void }> {
  const [host, port] = to.split(':');
  const upstreams: Socket[] = [];
  const server = createServer((down) => {
    const up = connect(Number(port), host);
    upstreams.push(up);
    const end = (): void => {
      up.destroy();
      down.destroy();
    };
    for (const socket of [up, down]) socket.on('error', end).on('close', end);
    down.pipe(up);
    up.on('data', (bytes) => down.write(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const up of upstreams) up.destroy();
    server.close();
  });
  const bound = server.address();
  return {
    address: `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`,
    close: () => {
      for (const up of upstreams) up.pause();
    },
    open: () => {
      for (const up of upstreams) up.resume();
    },
  };
}

test('what the socket itself does not take goes with its connection', async () => {
  const house = await serve();
  const large = 64 * 1024;
  house.decide = async (ask) => decisionOn(ask, { challenge: 'x'.repeat(large) });
  const between = await valve(house.addresses[0] ?? '');
  const caller = await line(between.address, WIDE);
  caller.session.setLocalWindowSize(WIDE);
  const taker = caller.open(STREAM);
  taker.take();
  taker.send(streamAsk({ timeout: LATER }));
  await until('the way is open', () => taker.messages.length === 1);
  between.close();
  // More than loopback's buffers hold.
  const asked = 400;
  for (let i = 0; i < asked; i += 1) taker.send(streamAsk({ timeout: { nanos: 500_000_000 } }));
  await until('some are late', () => house.errors.length > 0);
  between.open();
  await until('the connection has ended', () => caller.session.closed || caller.session.destroyed);
  expect(taker.messages.length).toBeLessThan(asked);
});

test.each([
  ['a few', 5],
  ['more than the library holds', 200],
])('time runs for asks that lie unread behind a full stream: %s', async (_, behind) => {
  const house = await serve();
  let letGo = (): void => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  house.decide = async (ask) => {
    await gate;
    return decisionOn(ask);
  };
  const caller = await line(house.addresses[0] ?? '', WIDE);
  const taker = caller.open(STREAM);
  taker.take();
  for (let i = 0; i < MAX_IN_FLIGHT; i += 1) taker.send(streamAsk({ timeout: LATER }));
  await until('the stream is full', () => house.inFlight() === MAX_IN_FLIGHT);
  const lain = Array.from({ length: behind }, requestId);
  for (const id of lain) taker.send(streamAsk({ requestId: id, timeout: SOON }));
  // Behind them in order, so that they are with the server when it answers.
  await new Promise((resolve) => caller.session.ping(resolve));
  const due = Date.now() + 1000;
  await until('their time is over', () => Date.now() > due);
  letGo();
  await until('all are answered', () => taker.messages.length === MAX_IN_FLIGHT + behind);
  const late = new Set(answersOf(taker).flatMap((answer) => (isAllow(answer) ? [] : [answer.requestId])));
  expect([...late].sort()).toEqual(lain);
  // What is sent from now on is fresh.
  taker.send(streamAsk({ timeout: { nanos: 950_000_000 } }));
  await until('it is answered', () => taker.messages.length === MAX_IN_FLIGHT + behind + 1);
  expect(answersOf(taker).slice(-1).every(isAllow)).toBe(true);
});

test('a stream is not read on while an answer waits for the transport', async () => {
  const house = await serve();
  const caller = await line(house.addresses[0] ?? '', 0);
  const taker = caller.open(STREAM);
  taker.take();
  // One by one, so that the first answer that has to wait does so before the next ask is sent.
  for (let i = 1; i <= MAX_UNSENT + 1; i += 1) {
    taker.send(streamAsk({ timeout: LATER }));
    await until('it is decided', () => house.asks.length === i && house.inFlight() === 0);
  }
  for (let i = 0; i < 20; i += 1) taker.send(streamAsk({ timeout: LATER }));
  await new Promise((resolve) => caller.session.ping(resolve));
  // Ample time for them to come in, if they were read.
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(house.asks).toHaveLength(MAX_UNSENT + 1);
  await openWindows(caller);
  await until('all are answered', () => taker.messages.length === MAX_UNSENT + 21);
  expect(answersOf(taker).every(isAllow)).toBe(true);
});

test('a call whose stream the library does not show has no way out, so nothing is decided on it', () => {
  const hidden = { sendStatus: () => undefined } as unknown as ServerInterceptingCallInterface;
  const metadata = new Metadata();
  expect(() => openExit(hidden, metadata)).toThrow(TypeError);
  expect(() => exitOf({ metadata })).toThrow(TypeError);
});
