/** A connection is begun, the client is closed, and only then does it come to be: nothing may be left of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttp2 } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ClientOptions, createClient } from '../../src/client/client.ts';
import { type Authority, createAuthority } from '../wire/certificates.ts';

const ASK = { action: 'a.b', token: 't' };
/** More than it takes from the ask to the connection. */
const MOMENTS = 60;

let authority: Authority;
let peer: Server;
let taken: Socket[];
beforeAll(() => {
  authority = createAuthority();
}, 30_000);
afterAll(() => authority.end());
afterEach(() => {
  peer.close();
  for (const socket of taken) socket.destroy();
});

const PEERS: readonly [string, () => Server][] = [
  ['says nothing', () => createServer((socket) => socket.resume())],
  ['speaks HTTP/2', () => createHttp2()],
];

async function listen(made: Server): Promise<string> {
  taken = [];
  peer = made;
  peer.on('connection', (socket: Socket) => {
    taken.push(socket);
    socket.on('error', () => undefined);
  });
  peer.listen(0, '127.0.0.1');
  await once(peer, 'listening');
  return `127.0.0.1:${(peer.address() as AddressInfo).port}`;
}

/** Asks, and closes after so many steps, each as small as the loop has one; true: the connection came after that. */
async function closeAfter(steps: number, options: ClientOptions): Promise<boolean> {
  const before = taken.length;
  const client = createClient({ ...options, timeoutMs: 500 });
  const asked = client.authorize(ASK);
  for (let step = 0; step < steps; step += 1)
    await new Promise<void>((resolve) =>
      step % 4 === 3 ? setImmediate(resolve) : process.nextTick(resolve),
    );
  const early = taken.length > before;
  client.close();
  expect((await asked).permitted).toBe(false);
  // What was begun has arrived by then: it is a matter of two turns on one machine.
  for (let turns = 0; turns < 10; turns += 1) await turn();
  return !early && taken.length > before;
}

describe.each(PEERS)('to a far side that %s', (_, makePeer) => {
  test.each<[string, () => Partial<ClientOptions>]>([
    ['in the clear', () => ({})],
    ['by TLS', () => ({ tls: { ca: authority.caFile, serverName: 'server.test' } })],
  ])(
    'a connection %s that arrives after the close is ended',
    async (_, options) => {
      const address = await listen(makePeer());
      let late = 0;
      for (let moment = 0; moment < MOMENTS; moment += 1)
        if (await closeAfter(moment, { address, key: 'k', ...options() })) late += 1;
      expect(late).toBeGreaterThan(0);
      // Far less than a far side has for its first word.
      const signal = AbortSignal.timeout(5000);
      for (const socket of taken) if (!socket.destroyed) await once(socket, 'close', { signal });
    },
    30_000,
  );

  test('a connection that arrives after the close holds no process', async () => {
    const address = await listen(makePeer());
    const module = new URL('../../src/client/client.ts', import.meta.url).href;
    const script = `
      import { createClient } from '${module}';
      for (let moment = 0; moment < ${MOMENTS}; moment += 1) {
        const client = createClient({ address: '${address}', key: 'k', timeoutMs: 500 });
        const asked = client.authorize(${JSON.stringify(ASK)});
        for (let step = 0; step < moment; step += 1)
          await new Promise((resolve) => (step % 4 === 3 ? setImmediate(resolve) : process.nextTick(resolve)));
        client.close();
        await asked;
      }`;
    // Killed (a signal, no code) where something holds it for longer.
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: 12_000,
    });
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(taken.length).toBeGreaterThan(0);
  }, 30_000);
});
