import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ClientOptions, createClient } from '../../src/client/client.ts';
import { AuthorizeResponseSchema } from '../../src/gen/assent/v1/authorization_pb.js';
import { type Authority, createAuthority } from '../wire/certificates.ts';
import { allow, bytesOf, type FaultyWire, faultyWire, readStreamAsk, streamDecision } from './wire.ts';

let authority: Authority;
let proxy: Server;
/** Connections that the proxy saw. */
let seen: Socket[];
let plain: FaultyWire;
let secured: FaultyWire;

beforeAll(async () => {
  authority = createAuthority();
  const { key, cert } = authority.issue('server', 'DNS:server.test');
  plain = await faultyWire();
  secured = await faultyWire(ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: cert }]));
  for (const wire of [plain, secured]) {
    wire.unary = () => bytesOf(AuthorizeResponseSchema, { decision: allow() });
    wire.stream = (call) =>
      call.on('data', (bytes: Uint8Array) =>
        call.write(streamDecision(readStreamAsk(bytes).requestId, allow())),
      );
  }
}, 30_000);
afterAll(() => {
  for (const wire of [plain, secured]) wire.stop();
  authority.end();
});

beforeEach(async () => {
  seen = [];
  proxy = createServer((socket) => {
    seen.push(socket);
    socket.destroy();
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
});
afterEach(() => {
  vi.unstubAllEnvs();
  proxy.close();
});

/** Has the environment name the proxy, and spare no address. */
function nameProxy(variable: string): void {
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
  for (const name of ['grpc_proxy', 'https_proxy', 'http_proxy', 'no_grpc_proxy', 'no_proxy'])
    vi.stubEnv(name, undefined);
  vi.stubEnv(variable, `http://127.0.0.1:${address.port}`);
}

const NAMES = ['grpc_proxy', 'https_proxy', 'http_proxy'];
const WAYS: [string, () => ClientOptions][] = [
  ['in the clear', () => ({ address: plain.address, key: 'k' })],
  ['on a stream', () => ({ address: plain.address, key: 'k', lane: 'stream' })],
  [
    'by TLS',
    () => ({
      address: secured.address,
      key: 'k',
      tls: { ca: authority.caFile, serverName: 'server.test' },
    }),
  ],
];

describe.each(NAMES)('a proxy that %s names', (variable) => {
  test.each(WAYS)('sees nothing of what is asked %s', async (_, options) => {
    nameProxy(variable);
    const client = createClient(options());
    const { permitted } = await client.authorize({ action: 'a.b', token: 't' });
    client.close();
    expect({ permitted, seen: seen.length }).toEqual({ permitted: true, seen: 0 });
  });
});
