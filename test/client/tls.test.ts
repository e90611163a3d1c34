import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClientOptions, createClient } from '../../src/client/client.ts';
import { AuthorizeResponseSchema } from '../../src/gen/assent/v1/authorization_pb.js';
import { allow, bytesOf, type FaultyWire, faultyWire } from './wire.ts';

let folder: string;
let wire: FaultyWire;
const path = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assent-tls-'));
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'pipe' });
  };
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  for (const ca of ['ca', 'other'])
    openssl(
      'req',
      '-x509',
      ...curve,
      '-keyout',
      path(`${ca}.key`),
      '-out',
      path(`${ca}.crt`),
      '-days',
      '2',
      '-subj',
      `/CN=${ca}`,
    );
  for (const name of ['server', 'pep']) {
    openssl(
      'req',
      ...curve,
      '-keyout',
      path(`${name}.key`),
      '-out',
      path(`${name}.csr`),
      '-subj',
      `/CN=${name}`,
    );
    writeFileSync(path(`${name}.ext`), `subjectAltName=DNS:${name}.test\n`);
    const signing = ['-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-CAcreateserial', '-days', '2'];
    openssl(
      'x509',
      '-req',
      '-in',
      path(`${name}.csr`),
      ...signing,
      '-extfile',
      path(`${name}.ext`),
      '-out',
      path(`${name}.crt`),
    );
  }
  const pair = {
    private_key: readFileSync(path('server.key')),
    cert_chain: readFileSync(path('server.crt')),
  };
  wire = await faultyWire(ServerCredentials.createSsl(readFileSync(path('ca.crt')), [pair], true));
  wire.unary = () => bytesOf(AuthorizeResponseSchema, { decision: allow() });
}, 30_000);
afterAll(() => {
  wire.stop();
  rmSync(folder, { recursive: true });
});

async function permitted(tls: NonNullable<ClientOptions['tls']>): Promise<boolean> {
  const client = createClient({ address: wire.address, key: 'k', tls, timeoutMs: 1000 });
  try {
    return (await client.authorize({ action: 'a.b', token: 't' })).permitted;
  } finally {
    client.close();
  }
}

describe('over TLS', () => {
  const own = (): { cert: string; key: string } => ({ cert: path('pep.crt'), key: path('pep.key') });

  test('a server of a trusted authority, under the expected name, is asked', async () => {
    expect(await permitted({ ca: path('ca.crt'), serverName: 'server.test', ...own() })).toBe(true);
  });

  test.each([
    ['of another authority', () => ({ ca: path('other.crt'), serverName: 'server.test', ...own() })],
    ['under another name', () => ({ ca: path('ca.crt'), serverName: 'other.test', ...own() })],
    ['that wants a certificate and gets none', () => ({ ca: path('ca.crt'), serverName: 'server.test' })],
  ])('a server %s permits nothing', async (_, tls) => {
    expect(await permitted(tls())).toBe(false);
  });

  test('a certificate without its key makes no client', () => {
    const tls = { ca: path('ca.crt'), cert: path('pep.crt') };
    expect(() => createClient({ address: wire.address, tls })).toThrow(TypeError);
  });
});
