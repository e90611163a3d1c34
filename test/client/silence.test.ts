/** Networks that swallow packets: nothing is closed, and nothing comes. A real proxy does it, between real ends. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { settle } from '../../src/client/authorize.ts';
import { type Client, type ClientOptions, createClient } from '../../src/client/client.ts';
import { createUnaryLane } from '../../src/client/lane.ts';
import type { TransportOptions } from '../../src/client/options.ts';
import { createTransport } from '../../src/client/transport.ts';
import { AuthorizeResponseSchema } from '../../src/gen/assent/v1/authorization_pb.js';
import { type Authority, createAuthority } from '../wire/certificates.ts';
import {
  allow,
  bytesOf,
  type Duplex,
  type FaultyWire,
  faultyWire,
  readAsk,
  readStreamAsk,
  streamDecision,
} from './wire.ts';

/** Past this the client would not come back by itself. */
const PATIENCE_MS = 60_000;

interface Pipe {
  readonly near: Socket;
  readonly far: Socket;
  swallows: boolean;
}

interface Proxy {
  readonly address: string;
  readonly pipes: Pipe[];
  /** Connections from the next one on are taken, and swallowed from their first byte. */
  swallowNext: number;
  /** What is open stays so, and brings nothing any more; new connections are as ever. */
  swallow(): void;
  stop(): void;
}

async function proxyTo(address: string): Promise<Proxy> {
  const pipes: Pipe[] = [];
  const server: Server = createServer((near) => {
    const far = connect(Number(address.split(':').at(-1)), '127.0.0.1');
    const pipe: Pipe = { near, far, swallows: proxy.swallowNext > 0 };
    proxy.swallowNext -= 1;
    pipes.push(pipe);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes) => {
        if (!pipe.swallows) to.write(bytes);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        if (!pipe.swallows) to.destroy();
      });
    }
  });
  const proxy: Proxy = {
    address: '',
    pipes,
    swallowNext: 0,
    swallow: () => {
      for (const pipe of pipes) pipe.swallows = true;
    },
    stop: () => {
      server.close();
      for (const { near, far } of pipes) {
        near.destroy();
        far.destroy();
      }
    },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the proxy does not listen');
  return Object.assign(proxy, { address: `127.0.0.1:${bound.port}` });
}

function answering(wire: FaultyWire): void {
  wire.unary = () => bytesOf(AuthorizeResponseSchema, { decision: allow() });
  wire.stream = answeringStream;
}

function answeringStream(call: Duplex): void {
  call.on('data', (bytes: Uint8Array) => call.write(streamDecision(readStreamAsk(bytes).requestId, allow())));
}

/** Closed at the very end: the tests run side by side. */
const open: { close(): void }[] = [];
let authority: Authority;
let plain: FaultyWire;
let secured: FaultyWire;
beforeAll(async () => {
  authority = createAuthority();
  const { key, cert } = authority.issue('server', 'DNS:server.test');
  plain = await faultyWire();
  secured = await faultyWire(ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: cert }]));
  for (const wire of [plain, secured]) answering(wire);
}, 30_000);
afterAll(() => {
  for (const end of open) end.close();
  for (const wire of [plain, secured]) wire.stop();
  authority.end();
});

async function proxied(wire: FaultyWire): Promise<Proxy> {
  const proxy = await proxyTo(wire.address);
  open.push({ close: () => proxy.stop() });
  return proxy;
}

function client(options: ClientOptions): Client {
  const made = createClient({ key: 'k', timeoutMs: 1000, ...options });
  open.unshift(made);
  return made;
}

const ASK = { action: 'a.b', token: 't' };

async function code(asked: Client): Promise<string | undefined> {
  const { permitted, reasons } = await asked.authorize(ASK);
  return permitted ? 'permitted' : reasons[0]?.code;
}

/** Asks on until it is answered, or nobody would wait any more. */
async function askOn(asked: Client): Promise<string | undefined> {
  const until = performance.now() + PATIENCE_MS;
  let last: string | undefined;
  while (last !== 'permitted' && performance.now() < until) last = await code(asked);
  return last;
}

/** The client's end of it. */
async function closed(pipe: Pipe | undefined): Promise<void> {
  if (pipe === undefined) throw new Error('there was no connection');
  if (!pipe.near.destroyed) await once(pipe.near, 'close', { signal: AbortSignal.timeout(PATIENCE_MS) });
}

const LANES = ['unary', 'stream'] as const;

describe.concurrent('silence', () => {
  test.each(LANES)(
    'of a connection has it replaced, on the %s lane',
    async (lane) => {
      const proxy = await proxied(plain);
      const asked = client({ address: proxy.address, lane });
      expect(await code(asked)).toBe('permitted');
      proxy.swallow();
      expect(await code(asked)).toBe('client.late');
      expect(await askOn(asked)).toBe('permitted');
    },
    90_000,
  );

  test('of the connection of one client is not that of another', async () => {
    const proxy = await proxied(plain);
    const asked = client({ address: proxy.address });
    expect(await code(asked)).toBe('permitted');
    proxy.swallow();
    expect(await code(asked)).toBe('client.late');
    expect(await code(client({ address: proxy.address }))).toBe('permitted');
  });

  test('of a connection is found out while nothing is asked', async () => {
    const proxy = await proxied(plain);
    const asked = client({ address: proxy.address });
    expect(await code(asked)).toBe('permitted');
    proxy.swallow();
    await closed(proxy.pipes[0]);
    expect(await code(asked)).toBe('permitted');
  }, 90_000);

  test.each<[string, () => FaultyWire, (address: string) => ClientOptions]>([
    ['in the clear', () => plain, (address) => ({ address })],
    [
      'by TLS',
      () => secured,
      (address) => ({ address, tls: { ca: authority.caFile, serverName: 'server.test' } }),
    ],
  ])(
    'of a far side that took the connection %s has it given up for another',
    async (_, wire, options) => {
      const proxy = await proxied(wire());
      proxy.swallowNext = 1;
      const asked = client(options(proxy.address));
      expect(await code(asked)).toBe('client.late');
      expect(await askOn(asked)).toBe('permitted');
      await closed(proxy.pipes[0]);
    },
    90_000,
  );

  test.each<[string, (authority: Authority) => [ServerCredentials?, TransportOptions['tls']?]]>([
    ['in the clear', () => []],
    [
      'by TLS',
      (authority) => {
        const { key, cert } = authority.issue('server', 'DNS:server.test');
        return [
          ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: cert }]),
          { ca: authority.caFile, serverName: 'server.test' },
        ];
      },
    ],
  ])('is not what a connection %s keeps that is going away, and answers one ask more', async (_, made) => {
    const [credentials, tls] = made(authority);
    const wire = await faultyWire(credentials);
    const limitMs = 500;
    const transport = createTransport(
      { address: wire.address, key: 'k', ...(tls === undefined ? {} : { tls }) },
      limitMs,
    );
    open.push({ close: () => wire.stop() });
    open.unshift(transport);
    wire.unary = async () => {
      wire.drain();
      await delay(2 * limitMs);
      return bytesOf(AuthorizeResponseSchema, { decision: allow() });
    };
    const asking = { lane: createUnaryLane(transport), transport, timeoutMs: 5000, obligations: {} };
    expect((await settle(asking, ASK)).permission).toMatchObject({ permitted: true, attempts: 1 });
  });

  test('of a connection that is going away has its ask asked again at the next ping, and a push fail', async () => {
    const wire = await faultyWire();
    open.push({ close: () => wire.stop() });
    answering(wire);
    const asked = client({ address: wire.address, timeoutMs: 5000 });
    expect(await code(asked)).toBe('permitted');
    // The ping is due 10 s after the connection was made; an ask may wait for 5 s.
    await delay(7000);
    const ids: string[] = [];
    wire.unary = async (bytes) => {
      // The push: far shorter than any ask, which has an id.
      if (bytes.byteLength < 10) return 'silence';
      ids.push(readAsk(bytes).requestId);
      if (ids.length > 1) return bytesOf(AuthorizeResponseSchema, { decision: allow() });
      await wire.renew();
      return 'silence';
    };
    const pushing = asked.pushBundle({ kind: 'bundle', bytes: new Uint8Array([1]) });
    const refusal = expect(pushing).rejects.toMatchObject({ status: 'UNAVAILABLE' });
    expect(await asked.authorize(ASK)).toMatchObject({ permitted: true, attempts: 2 });
    await refusal;
    expect(ids).toEqual([ids[0], ids[0]]);
  }, 90_000);

  test('of a stream on a connection that speaks has the stream given up for another', async () => {
    const wire = await faultyWire();
    open.push({ close: () => wire.stop() });
    const proxy = await proxied(wire);
    let streams = 0;
    wire.stream = (call) => {
      streams += 1;
      if (streams === 1) call.on('data', () => undefined);
      else answeringStream(call);
    };
    const asked = client({ address: proxy.address, lane: 'stream' });
    expect(await code(asked)).toBe('client.late');
    expect(await askOn(asked)).toBe('permitted');
    expect([streams, proxy.pipes.length]).toEqual([2, 1]);
  }, 90_000);

  test('is not what a stream keeps whose answers are late', async () => {
    const wire = await faultyWire();
    open.push({ close: () => wire.stop() });
    let streams = 0;
    wire.stream = (call) => {
      streams += 1;
      call.on('data', (bytes: Uint8Array) => {
        const { requestId } = readStreamAsk(bytes);
        setTimeout(() => call.write(streamDecision(requestId, allow())), 1500);
      });
    };
    const asked = client({ address: wire.address, lane: 'stream' });
    for (let i = 0; i < 14; i += 1) expect(await code(asked)).toBe('client.late');
    expect(streams).toBe(1);
  }, 90_000);
});
