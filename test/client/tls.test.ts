import { ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClientOptions, createClient } from '../../src/client/client.ts';
import { AuthorizeResponseSchema } from '../../src/gen/assent/v1/authorization_pb.js';
import { type Authority, createAuthority, type Pair } from '../wire/certificates.ts';
import { allow, bytesOf, type FaultyWire, faultyWire } from './wire.ts';

let trusted: Authority;
let other: Authority;
let own: Pair;
let wire: FaultyWire;

beforeAll(async () => {
  trusted = createAuthority();
  other = createAuthority();
  own = trusted.issue('pep', 'DNS:pep.test');
  const { key, cert } = trusted.issue('server', 'DNS:server.test');
  wire = await faultyWire(
    ServerCredentials.createSsl(trusted.ca, [{ private_key: key, cert_chain: cert }], true),
  );
  wire.unary = () => bytesOf(AuthorizeResponseSchema, { decision: allow() });
}, 30_000);
afterAll(() => {
  wire.stop();
  trusted.end();
  other.end();
});

/** Why a client that connects so gets no session. */
async function whyNot(options: ClientOptions): Promise<unknown> {
  const client = createClient({ timeoutMs: 1000, ...options });
  return client
    .getSession('s-1')
    .then(
      () => undefined,
      (cause: unknown) => cause,
    )
    .finally(() => client.close());
}

async function permitted(tls: NonNullable<ClientOptions['tls']>): Promise<boolean> {
  const client = createClient({ address: wire.address, key: 'k', tls, timeoutMs: 1000 });
  try {
    return (await client.authorize({ action: 'a.b', token: 't' })).permitted;
  } finally {
    client.close();
  }
}

describe('over TLS', () => {
  const shown = () => ({ cert: own.certFile, key: own.keyFile });

  test('a server of a trusted authority, under the expected name, is asked', async () => {
    expect(await permitted({ ca: trusted.caFile, serverName: 'server.test', ...shown() })).toBe(true);
  });

  test.each([
    ['of another authority', () => ({ ca: other.caFile, serverName: 'server.test', ...shown() })],
    ['under another name', () => ({ ca: trusted.caFile, serverName: 'other.test', ...shown() })],
    ['that wants a certificate and gets none', () => ({ ca: trusted.caFile, serverName: 'server.test' })],
  ])('a server %s permits nothing', async (_, tls) => {
    expect(await permitted(tls())).toBe(false);
  });

  test('a certificate without its key makes no client', () => {
    const tls = { ca: trusted.caFile, cert: own.certFile };
    expect(() => createClient({ address: wire.address, tls })).toThrow(TypeError);
  });

  test('a client without `tls` is told that the server may expect it', async () => {
    expect(await whyNot({ address: wire.address, key: 'k' })).toMatchObject({
      status: 'UNAVAILABLE',
      message: 'no connection: the server hung up at once; it may expect TLS, or a client certificate',
    });
  });

  test('a client with `tls` is told that the server has none', async () => {
    const bare = await faultyWire();
    const why = await whyNot({
      address: bare.address,
      key: 'k',
      tls: { ca: trusted.caFile, serverName: 'server.test' },
    });
    bare.stop();
    expect(why).toMatchObject({ message: 'no connection: the server does not speak TLS' });
  });
});
