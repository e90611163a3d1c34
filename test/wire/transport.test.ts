import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type ChannelCredentials, Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { OpenSessionRequestSchema } from '../../src/gen/assent/v1/session_pb.js';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
} from '../../src/gen/grpc/health/v1/health_pb.js';
import { readPem } from '../../src/wire/grpc/listen.ts';
import { createGrpcServer } from '../../src/wire/grpc/serve.ts';
import type { Registration } from '../../src/wire/pep.ts';
import { type Authority, createAuthority, type Pair } from './certificates.ts';
import {
  AUTHORIZE,
  asIs,
  askBytes,
  bearer,
  decisionOn,
  KEY,
  registration,
  rememberingHouse,
  replyOf,
  serve,
  unaryCall,
  until,
} from './harness.ts';

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'assent-wire-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

/** An authority that lives as long as its test. */
function authority(): Authority {
  const made = createAuthority();
  onTestFinished(() => made.end());
  return made;
}

const SILENT_LOG = { info: () => {}, warn: () => {}, error: () => {} };

function serverOn(listen: readonly string[], over: object = {}) {
  const server = createGrpcServer({
    verbs: rememberingHouse().verbs,
    registrations: [registration('dev', KEY)],
    listen,
    dev: true,
    digestAsk: (text) => text,
    now: Date.now,
    log: SILENT_LOG,
    ...over,
  });
  onTestFinished(() => server.drain(200));
  return server;
}

function clientOf(address: string, channel: ChannelCredentials = credentials.createInsecure()): Client {
  const client = new Client(address, channel);
  onTestFinished(() => client.close());
  return client;
}

// The name in the certificate; an address cannot be sent as a server name.
const BY_NAME = { 'grpc.ssl_target_name_override': 'localhost' };

test('over TLS an enforcement point shows its key', async () => {
  const { ca, issue } = authority();
  const house = await serve({ tls: issue('server', 'DNS:localhost,IP:127.0.0.1'), dev: false });
  const trusting = house.client(credentials.createSsl(ca), BY_NAME);
  expect(await unaryCall(trusting, AUTHORIZE, askBytes())).toMatchObject({ code: 'OK' });
  expect(await unaryCall(trusting, AUTHORIZE, askBytes(), { key: null })).toMatchObject({
    code: 'UNAUTHENTICATED',
  });
  const plain = house.client(credentials.createInsecure());
  expect((await unaryCall(plain, AUTHORIZE, askBytes(), { timeoutMs: 500 })).code).not.toBe('OK');
  expect(house.asks).toHaveLength(1);
});

test('over mutual TLS the certificate of a known authority tells who calls', async () => {
  const { ca, issue } = authority();
  const byName = (id: string, name: string): Registration => ({
    id,
    tenant: 'acme',
    roles: ['asker'],
    proof: { kind: 'certificate', name },
  });
  const house = await serve({
    tls: { ...issue('server', 'DNS:localhost,IP:127.0.0.1'), clientCa: ca },
    registrations: [
      byName('by-dns', 'pep.example'),
      byName('by-uri', 'spiffe://acme/pep'),
      registration('by-key', KEY),
    ],
  });
  const askAs = (alt: string | undefined, key: string | null, from = issue): Promise<{ code: string }> => {
    const pair = alt === undefined ? undefined : from(`client-${alt.length}-${house.asks.length}`, alt);
    const channel = credentials.createSsl(ca, pair?.key ?? null, pair?.cert ?? null);
    return unaryCall(house.client(channel, BY_NAME), AUTHORIZE, askBytes(), { key, timeoutMs: 3000 });
  };
  expect(await askAs('DNS:pep.example', null)).toMatchObject({ code: 'OK' });
  expect(house.asks.at(-1)?.pep.id).toBe('by-dns');
  expect(await askAs('URI:spiffe://acme/pep', null)).toMatchObject({ code: 'OK' });
  expect(house.asks.at(-1)?.pep.id).toBe('by-uri');
  // A key on top of any certificate of the authority decides, and a wrong one is not made good by it.
  expect(await askAs('DNS:pep.example', KEY)).toMatchObject({ code: 'OK' });
  expect(house.asks.at(-1)?.pep.id).toBe('by-key');
  const decided = house.asks.length;
  expect(await askAs('DNS:pep.example', 'a-key-that-is-nobodys')).toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(await askAs('DNS:other.example', null)).toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(await askAs('IP:127.0.0.1', null)).toMatchObject({ code: 'UNAUTHENTICATED' });
  // Without a certificate, or with one of another authority, TLS itself lets nobody in.
  expect((await askAs(undefined, KEY)).code).toBe('UNAVAILABLE');
  expect((await askAs('DNS:pep.example', KEY, authority().issue)).code).toBe('UNAVAILABLE');
  expect(house.asks).toHaveLength(decided);
}, 60_000);

test('a unix socket serves in plaintext, is closed to strangers, and is gone after the drain', async () => {
  const path = join(folder(), 'assent.sock');
  const server = serverOn([`unix:${path}`, '127.0.0.1:0'], { dev: true });
  const [unix, tcp] = await server.listen();
  expect(unix).toBe(`unix:${path}`);
  expect(tcp).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
  expect(statSync(path).mode & 0o007).toBe(0);
  for (const address of [unix ?? '', tcp ?? ''])
    expect(await unaryCall(clientOf(address), AUTHORIZE, askBytes())).toMatchObject({ code: 'OK' });
  await server.drain(1000);
  expect(existsSync(path)).toBe(false);
});

test('a socket that a killed process left is taken over', async () => {
  const path = join(folder(), 'assent.sock');
  const child = spawn(process.execPath, [
    '-e',
    `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`,
  ]);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(statSync(path).isSocket()).toBe(true);
  const server = serverOn([`unix:${path}`]);
  await server.listen();
  expect(await unaryCall(clientOf(`unix:${path}`), AUTHORIZE, askBytes())).toMatchObject({ code: 'OK' });
});

test('a socket that somebody answers on is left alone', async () => {
  const path = join(folder(), 'assent.sock');
  await serverOn([`unix:${path}`]).listen();
  await expect(serverOn([`unix:${path}`]).listen()).rejects.toThrow(
    `\`listen\`: \`unix:${path}\` is in use by a running process`,
  );
  expect(await unaryCall(clientOf(`unix:${path}`), AUTHORIZE, askBytes())).toMatchObject({ code: 'OK' });
});

test('a file in the place of a socket is left alone', async () => {
  const path = join(folder(), 'precious');
  writeFileSync(path, 'precious');
  await expect(serverOn([`unix:${path}`]).listen()).rejects.toThrow(/^`listen`: .* is no socket$/);
  expect(readFileSync(path, 'utf8')).toBe('precious');
});

test('a socket in a folder that is not there is not listened on, and the folder is what is wrong', async () => {
  const path = join(folder(), 'none', 'assent.sock');
  await expect(serverOn([`unix:${path}`]).listen()).rejects.toThrow(
    `\`listen\`: \`unix:${path}\` lies in a folder that does not exist`,
  );
});

const CLOSED: readonly (readonly [string, string, boolean, RegExp])[] = [
  ['plaintext without dev', '127.0.0.1:0', false, /needs `tls`/],
  ['plaintext beyond loopback', '0.0.0.0:0', true, /is not loopback/],
  ['plaintext on every IPv6 address', '[::]:0', true, /is not loopback/],
  ['plaintext on a name that begins like loopback', '127.0.0.1.example:0', true, /is not loopback/],
  ['plaintext on what has no such octet', '127.999.1.1:0', true, /is not loopback/],
  ['plaintext on octets that some read as octal', '127.0.0.01:0', true, /is not loopback/],
  ['plaintext on an IPv4 address in brackets', '[127.0.0.1]:0', true, /is not loopback/],
  ['no port', '127.0.0.1', true, /is no address/],
  ['a port past the last', '127.0.0.1:65536', true, /is no address/],
  ['nothing', '', true, /is no address/],
];

test.each(CLOSED)('%s is not listened on', async (_, address, dev, problem) => {
  const refused = serverOn([address], { dev }).listen();
  await expect(refused).rejects.toThrow(problem);
  await expect(refused).rejects.toThrow(`\`listen\`: \`${address}\` `);
});

test('when one address is taken, none stays bound', async () => {
  const first = serverOn(['127.0.0.1:0']);
  const [taken] = await first.listen();
  const path = join(folder(), 'assent.sock');
  await expect(serverOn([`unix:${path}`, taken ?? '']).listen()).rejects.toThrow(
    `\`listen\`: \`${taken}\` is in use: stop`,
  );
  await until('the socket is gone', () => !existsSync(path));
});

test.each([
  ['a key of another certificate', (one: Pair, other: Pair) => ({ cert: one.cert, key: other.key })],
  ['a certificate that is none', (one: Pair) => ({ cert: Buffer.from('-----BEGIN x-----'), key: one.key })],
  ['authorities that are a key', (one: Pair) => ({ cert: one.cert, key: one.key, clientCa: one.key })],
])('with %s nothing is listened on', async (_, mixed) => {
  const { issue } = authority();
  const tls = mixed(issue('one', 'DNS:localhost'), issue('other', 'DNS:localhost'));
  await expect(serverOn(['127.0.0.1:0'], { tls }).listen()).rejects.toThrow(/`tls` does not hold/);
});

test.each([
  ['in development', {}, 'OK'],
  ['in development, told not to', { reflection: false }, 'UNIMPLEMENTED'],
  ['elsewhere', { dev: false }, 'UNIMPLEMENTED'],
  ['elsewhere, told to', { dev: false, reflection: true }, 'OK'],
])('reflection %s: %s', async (_, over, code) => {
  const path = join(folder(), 'assent.sock');
  await serverOn([`unix:${path}`], over).listen();
  const call = clientOf(`unix:${path}`).makeBidiStreamRequest(
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    asIs,
    asIs,
    bearer(null),
  );
  const ended = new Promise<string>((resolve) => {
    call.on('error', (error: ServiceError) => resolve(replyOf(error).code));
    call.on('data', () => resolve('OK'));
  });
  // Field 7: list the services.
  call.end(Buffer.from([0x3a, 0x00]));
  expect(await ended).toBe(code);
});

test('a key file that holds no pem is named', () => {
  const file = join(folder(), 'key');
  writeFileSync(file, 'not pem');
  expect(() => readPem(file, 'tls.key')).toThrow(/`tls.key` holds no pem/);
  expect(() => readPem('/nowhere/key', 'tls.key')).toThrow(/`tls.key` cannot be read/);
});

test('draining finishes what is in flight, refuses what is new, and then ends', async () => {
  const house = await serve();
  let finish = () => {};
  house.decide = (ask) =>
    new Promise((resolve) => {
      finish = () => resolve(decisionOn(ask));
    });
  const inFlight = house.call(AUTHORIZE, askBytes(), { timeoutMs: 5000 });
  await until('it is in flight', () => house.asks.length === 1);
  let ended = false;
  const drained = house.server.drain(5000).then(() => {
    ended = true;
  });
  expect((await unaryCall(house.client(), AUTHORIZE, askBytes(), { timeoutMs: 500 })).code).not.toBe('OK');
  expect((await house.call(AUTHORIZE, askBytes(), { timeoutMs: 500 })).code).not.toBe('OK');
  expect(ended).toBe(false);
  finish();
  expect((await inFlight).code).toBe('OK');
  await drained;
  expect(house.asks).toHaveLength(1);
});

test('draining does not wait for ever', async () => {
  const house = await serve();
  house.decide = () => new Promise(() => {});
  const stuck = house.call(AUTHORIZE, askBytes({ timeout: { seconds: 5n } }));
  await until('it is in flight', () => house.asks.length === 1);
  await house.server.drain(50);
  // Cut by the server, not ended by the ask's own time.
  expect((await stuck).code).toMatch(/^(CANCELLED|UNAVAILABLE)$/);
});

test('a compressed request is read, and its size is told after it is unpacked', async () => {
  const house = await serve();
  const gzip = { 'grpc.default_compression_algorithm': 2 };
  const client = house.client(credentials.createInsecure(), gzip);
  expect(await unaryCall(client, AUTHORIZE, askBytes())).toMatchObject({ code: 'OK' });
  const bomb = await unaryCall(client, AUTHORIZE, new Uint8Array(3 * 1024 * 1024));
  expect(bomb).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'MESSAGE_TOO_LARGE' });
  expect((await unaryCall(client, AUTHORIZE, new Uint8Array(64 * 1024 * 1024))).code).toBe(
    'RESOURCE_EXHAUSTED',
  );
  expect(house.asks).toHaveLength(1);
});

test('a peer that speaks no HTTP/2 harms nobody', async () => {
  const house = await serve();
  const [host = '', port = ''] = (house.addresses[0] ?? '').split(':');
  const socket = connect(Number(port), host);
  onTestFinished(() => {
    socket.destroy();
  });
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\n\r\n');
  socket.write(Buffer.alloc(4096, 0xff));
  expect(await house.call(AUTHORIZE, askBytes())).toMatchObject({ code: 'OK' });
});

test('health answers over every transport, and other methods are UNIMPLEMENTED', async () => {
  const house = await serve();
  const request = toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, {}));
  const reply = await house.call('/grpc.health.v1.Health/Check', request, { key: null });
  expect(fromBinary(HealthCheckResponseSchema, reply.bytes).status).toBe(1);
  const unknown = toBinary(OpenSessionRequestSchema, create(OpenSessionRequestSchema, {}));
  expect((await house.call('/assent.v1.SessionService/WatchSession', unknown)).code).toBe('UNIMPLEMENTED');
});
