import { once } from 'node:events';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { fromBinary } from '@bufbuild/protobuf';
import { type Client, credentials, type Metadata, type ServiceError } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { StatusSchema } from '../../src/gen/google/rpc/status_pb.js';
import {
  AUTHORIZE,
  asIs,
  askBytes,
  bearer,
  detailsOf,
  KEY,
  type Reply,
  registration,
  replyOf,
  type Served,
  STREAM,
  serve,
  unaryCall,
  until,
} from './harness.ts';

const MIB = 1024 * 1024;

function callWith(client: Client, metadata: Metadata, path = AUTHORIZE): Promise<Reply> {
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + 5000 };
    client.makeUnaryRequest(path, asIs, asIs, Buffer.from(askBytes()), metadata, options, (error) =>
      resolve(replyOf(error ?? ({ code: 0, details: '' } as ServiceError))),
    );
  });
}

/** One call on HTTP/2 itself, with whatever headers and bytes; what its trailers say. */
async function rawCall(
  house: Served,
  headers: Record<string, string>,
  body: Buffer | undefined,
): Promise<Partial<Reply>> {
  const session: ClientHttp2Session = connect(`http://${house.addresses[0]}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': AUTHORIZE,
    'content-type': 'application/grpc',
    authorization: `Bearer ${KEY}`,
    te: 'trailers',
    ...headers,
  });
  stream.setTimeout(5000, () => stream.destroy(new Error('nothing came back')));
  const [trailers] = await Promise.all([
    new Promise<IncomingHttpHeaders>((resolve) => {
      stream.on('response', (found) => 'grpc-status' in found && resolve(found));
      stream.on('trailers', resolve);
    }),
    body === undefined ? undefined : stream.end(body),
  ]);
  const raw = String(trailers['grpc-status-details-bin'] ?? '');
  return detailsOf(fromBinary(StatusSchema, Buffer.from(raw, 'base64')));
}

function framed(bytes: Uint8Array, compressed = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed, 0);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

test.each([
  ['a method that the service does not have', '/assent.v1.SessionService/WatchSession'],
  ['a service that nobody serves', '/acme.v1.Nothing/Call'],
  ['a path of characters that no method has', '/assent.v1.AuthorizationService/Auth%20orize'],
])('%s is UNIMPLEMENTED with a reason', async (_, path) => {
  const house = await serve();
  for (const key of [KEY, null])
    expect(await house.call(path, askBytes(), { key })).toMatchObject({
      code: 'UNIMPLEMENTED',
      reason: 'METHOD_UNKNOWN',
      message: `\`${path}\` is not served here`,
    });
  expect(house.errors).toEqual(['METHOD_UNKNOWN', 'METHOD_UNKNOWN']);
});

test('a stream of a method that nobody serves is UNIMPLEMENTED with a reason', async () => {
  const house = await serve();
  const stream = house.client().makeBidiStreamRequest('/acme.v1.Nothing/Stream', asIs, asIs, bearer());
  const [error] = await once(stream.resume(), 'error').catch((cause: unknown) => [cause]);
  expect(replyOf(error as ServiceError)).toMatchObject({ code: 'UNIMPLEMENTED', reason: 'METHOD_UNKNOWN' });
});

test('a message larger than the transport takes has the reason of any other that is too large', async () => {
  const house = await serve();
  const wanted = {
    code: 'RESOURCE_EXHAUSTED',
    reason: 'MESSAGE_TOO_LARGE',
    facts: { max_bytes: String(4 * MIB) },
  };
  expect(await house.call(AUTHORIZE, new Uint8Array(4 * MIB + 1))).toMatchObject(wanted);
  expect(await house.call(AUTHORIZE, new Uint8Array(32 * MIB))).toMatchObject(wanted);
  const gzip = house.client(credentials.createInsecure(), { 'grpc.default_compression_algorithm': 2 });
  expect(await unaryCall(gzip, AUTHORIZE, new Uint8Array(64 * MIB))).toMatchObject(wanted);
  expect(house.errors).toEqual(Array(3).fill('MESSAGE_TOO_LARGE'));
  expect(await house.call(AUTHORIZE, askBytes())).toMatchObject({ code: 'OK' });
});

test('a message larger than the transport takes ends its stream with a reason', async () => {
  const house = await serve();
  const stream = house.client().makeBidiStreamRequest(STREAM, asIs, asIs, bearer());
  stream.write(Buffer.alloc(5 * MIB));
  const [error] = await once(stream.resume(), 'error').catch((cause: unknown) => [cause]);
  expect(replyOf(error as ServiceError)).toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'MESSAGE_TOO_LARGE',
  });
});

test('metadata above 16 KiB is refused with a reason, whoever calls', async () => {
  const house = await serve();
  const metadata = bearer();
  metadata.set('novel', 'a'.repeat(16 * 1024 - 600));
  expect(await callWith(house.client(), metadata)).toMatchObject({ code: 'OK' });
  metadata.set('novel', 'a'.repeat(16 * 1024));
  const wanted = {
    code: 'RESOURCE_EXHAUSTED',
    reason: 'METADATA_TOO_LARGE',
    facts: { max_bytes: String(16 * 1024) },
  };
  expect(await callWith(house.client(), metadata)).toMatchObject(wanted);
  expect(await callWith(house.client(), metadata, '/grpc.health.v1.Health/Check')).toMatchObject(wanted);
  expect(house.asks).toHaveLength(1);
});

test('metadata beyond what HTTP/2 takes resets the call, and the server lives on', async () => {
  const house = await serve();
  const many = bearer();
  for (let i = 0; i < 200; i += 1) many.set(`x-${i}`, 'a');
  const huge = bearer();
  huge.set('novel', 'a'.repeat(512 * 1024));
  for (const metadata of [many, huge]) {
    const reply = await callWith(house.client(), metadata);
    expect(reply.code).not.toBe('OK');
    expect(reply.reason).toBe('');
  }
  expect(house.asks).toHaveLength(0);
  expect(await house.call(AUTHORIZE, askBytes())).toMatchObject({ code: 'OK' });
});

test.each([
  ['a compression that nobody knows', { 'grpc-encoding': 'zstd' }, framed(askBytes(), 1), 'UNIMPLEMENTED'],
  [
    'what is not the compression that it says',
    { 'grpc-encoding': 'gzip' },
    framed(askBytes(), 1),
    'INTERNAL',
  ],
  ['a timeout that cannot be read', { 'grpc-timeout': 'soon' }, framed(askBytes()), 'INTERNAL'],
  ['no message', {}, Buffer.alloc(0), 'UNIMPLEMENTED'],
  ['two messages', {}, Buffer.concat([framed(askBytes()), framed(askBytes())]), 'UNIMPLEMENTED'],
])('a call with %s is refused with a reason', async (_, headers, body, code) => {
  const house = await serve();
  expect(await rawCall(house, headers, body)).toMatchObject({ code, reason: 'MALFORMED_CALL' });
  expect(house.errors).toEqual(['MALFORMED_CALL']);
  expect(house.asks).toHaveLength(0);
});

test('a deadline that only the transport watches has a reason', async () => {
  const house = await serve();
  // A stream without asks: nothing of ours runs.
  const headers = { ':path': STREAM, 'grpc-timeout': '100m' };
  expect(await rawCall(house, headers, undefined)).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    reason: 'DEADLINE_PASSED',
  });
});

test.each([
  [
    'without a credential',
    'UNAUTHENTICATED',
    'CALLER_NOT_AUTHENTICATED',
    { authorization: 'Bearer nobodys' },
  ],
  [
    'without the role',
    'PERMISSION_DENIED',
    'CALLER_NOT_ALLOWED',
    { ':path': '/assent.v1.PolicyService/PushBundle' },
  ],
])('a caller %s is refused before the message is read', async (_, code, reason, headers) => {
  const house = await serve({ registrations: [registration('dev', KEY, ['asker'])] });
  const session = connect(`http://${house.addresses[0]}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': AUTHORIZE,
    'content-type': 'application/grpc',
    authorization: `Bearer ${KEY}`,
    ...headers,
  });
  // The call says that a message comes, and never sends it.
  stream.write(framed(new Uint8Array(MIB)).subarray(0, 5));
  const [answer] = (await once(stream, 'response', { signal: AbortSignal.timeout(5000) })) as [
    IncomingHttpHeaders,
  ];
  const status = fromBinary(StatusSchema, Buffer.from(String(answer['grpc-status-details-bin']), 'base64'));
  expect(detailsOf(status)).toMatchObject({ code, reason });
  await until('it is counted once', () => house.errors.length === 1);
});
