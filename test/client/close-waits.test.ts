/** Whoever waits when the client is closed, for another try or for an obligation, is told at once, and holds nothing. */
import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ask, type Client, type ClientOptions, createClient } from '../../src/client/client.ts';
import { createTransport } from '../../src/client/transport.ts';
import {
  AuthorizeResponseSchema,
  BatchAuthorizeRequestSchema,
  BatchAuthorizeResponseSchema,
} from '../../src/gen/assent/v1/authorization_pb.js';
import { SessionService } from '../../src/gen/assent/v1/session_pb.js';
import {
  allow,
  bytesOf,
  type FaultyWire,
  faultyWire,
  readStreamAsk,
  statusOf,
  streamDecision,
  streamStatus,
} from './wire.ts';

const ASK: Ask = { action: 'payment.send', token: 't', session: 's-1' };
const CLOSED_NO = {
  permitted: false,
  reasons: [{ code: 'client.closed', words: 'the client was closed' }],
};
/** Longer than `beforeLong` waits, and shorter than an ask may take. */
const LATER = statusOf(status.UNAVAILABLE, 'later', 4500);

let wire: FaultyWire;
let arrived: number;
const clients: Client[] = [];

beforeEach(async () => {
  wire = await faultyWire();
  arrived = 0;
});
afterEach(() => {
  for (const made of clients.splice(0)) made.close();
  wire.stop();
});

function client(options: Partial<ClientOptions> = {}): Client {
  const made = createClient({ address: wire.address, key: 'k', timeoutMs: 5000, ...options });
  clients.push(made);
  return made;
}

/** Sooner than any pause, or any allow, ends. */
function beforeLong<T>(asked: Promise<T>): Promise<T> {
  const over = delay(3000, undefined, { ref: false }).then(() => Promise.reject(new Error('still waiting')));
  return Promise.race([asked, over]);
}

async function pausing(): Promise<void> {
  while (arrived === 0) await delay(5);
  // For the answer to be read.
  await delay(100);
}

describe('closing between two tries', () => {
  beforeEach(() => {
    wire.unary = () => {
      arrived += 1;
      return { code: status.UNAVAILABLE, status: LATER };
    };
    wire.stream = (call) =>
      call.on('data', (bytes: Uint8Array) => {
        arrived += 1;
        call.write(streamStatus(readStreamAsk(bytes).requestId, LATER));
      });
  });

  test.each(['unary', 'stream'] as const)('ends an ask on the %s lane', async (lane) => {
    const asked = client({ lane });
    const answer = asked.authorize(ASK);
    await pausing();
    asked.close();
    expect(await beforeLong(answer)).toMatchObject({ ...CLOSED_NO, attempts: 1 });
    expect(arrived).toBe(1);
  });

  test('ends a batch, whose asks that were answered are a no too', async () => {
    wire.unary = (bytes) => {
      arrived += 1;
      const [first, second] = fromBinary(BatchAuthorizeRequestSchema, bytes).asks;
      const answers = [
        { requestId: first?.requestId ?? '', answer: { case: 'decision' as const, value: allow() } },
        { requestId: second?.requestId ?? '', answer: { case: 'status' as const, value: LATER } },
      ];
      return bytesOf(BatchAuthorizeResponseSchema, { answers });
    };
    const asked = client();
    const answers = asked.authorizeBatch([ASK, ASK]);
    await pausing();
    asked.close();
    const no = { ...CLOSED_NO, attempts: 1 };
    expect(await beforeLong(answers)).toMatchObject([no, { ...no, failure: { reason: 'CLIENT_CLOSED' } }]);
    expect(arrived).toBe(1);
  });

  test('ends a verb', async () => {
    const asked = client();
    const closing = asked.closeSession('s-1');
    await Promise.all([
      expect(beforeLong(closing)).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' }),
      pausing().then(() => asked.close()),
    ]);
    expect(arrived).toBe(1);
  });
});

test.each(['unary', 'stream'] as const)(
  'an ask of a closed client says once that it was: %s',
  async (lane) => {
    const asked = client({ lane });
    asked.close();
    expect(await asked.authorize(ASK)).toMatchObject(CLOSED_NO);
    expect(await asked.authorizeBatch([ASK])).toMatchObject([CLOSED_NO]);
  },
);

describe('closing while the handler of an obligation runs', () => {
  /** Permits all that is asked, with one obligation. */
  beforeEach(() => {
    const decision = allow({ obligations: [{ name: 'note' }] });
    wire.unary = (bytes) => {
      try {
        const { asks } = fromBinary(BatchAuthorizeRequestSchema, bytes);
        const answers = asks.map(({ requestId }) => ({
          requestId,
          answer: { case: 'decision' as const, value: decision },
        }));
        return bytesOf(BatchAuthorizeResponseSchema, { answers });
      } catch {
        // Field 1 is a request id, and no ask.
        return bytesOf(AuthorizeResponseSchema, { decision });
      }
    };
    wire.stream = (call) =>
      call.on('data', (bytes: Uint8Array) =>
        call.write(streamDecision(readStreamAsk(bytes).requestId, decision)),
      );
  });

  const asks: readonly (readonly [string, (asked: Client) => Promise<unknown>])[] = [
    ['an ask', (asked) => asked.authorize(ASK)],
    ['an ask of a batch', async (asked) => (await asked.authorizeBatch([ASK]))[0]],
    ['a guarded ask', async (asked) => (await asked.guard(ASK, () => expect.unreachable())).permission],
  ];
  describe.each<[string, (close: () => void) => Promise<void>]>([
    [
      'never ends',
      (close) => {
        setImmediate(close);
        return new Promise(() => undefined);
      },
    ],
    [
      'throws just then',
      (close) => {
        close();
        throw new Error('no note');
      },
    ],
    [
      'throws later',
      async (close) => {
        close();
        await delay(20);
        throw new Error('no note');
      },
    ],
  ])('that %s', (_, note) => {
    test.each(asks)('makes a no of %s at once, because the client is closed', async (_ask, ask) => {
      for (const lane of ['unary', 'stream'] as const) {
        const asked = client({ lane, obligations: { note: () => note(() => asked.close()) } });
        expect(await beforeLong(ask(asked))).toMatchObject(CLOSED_NO);
      }
    });
  });
});

test('a refusal that had been read as the client was closed is told as it is', async () => {
  wire.unary = () => ({ code: status.PERMISSION_DENIED, details: 'a role is missing' });
  const told: string[] = [];
  // From a refusal's being read to its being told it is a few ticks: the client is closed at each of them.
  for (let ticks = 0; ticks < 12; ticks += 1) {
    const transport = createTransport({ address: wire.address, key: 'k' });
    const order: string[] = [];
    const closeSoon = (left: number): void => {
      if (left > 0) {
        process.nextTick(closeSoon, left - 1);
        return;
      }
      // Queued where the reply's own reaction is: no tick comes between.
      queueMicrotask(() => void order.push('closed'));
      transport.close();
    };
    const read = (): void => closeSoon(ticks);
    subscribe('http2.client.stream.finish', read);
    await transport.unary(SessionService.method.getSession, { sessionId: 's-1' }, 3000).then((reply) => {
      order.push(reply.ok ? 'no failure' : reply.failure.message);
    });
    unsubscribe('http2.client.stream.finish', read);
    told.push(order.join(', '));
  }
  expect(told).toContain('closed, the client was closed');
  expect(told).toContain('closed, a role is missing');
  // Else the ticks would not reach past the refusal's being told.
  expect(told).toContain('a role is missing, closed');
});

test.each<[string, string]>([
  ['a pause between two tries', `client.getSession('s-1').catch(() => undefined)`],
  ['the handler of an obligation', 'client.authorize({ action: "payment.send", token: "t" })'],
])(
  '%s holds no process once the client is closed',
  async (_, work) => {
    wire.unary = (bytes) => {
      arrived += 1;
      // An ask holds more than the id of a session.
      return bytes.length < 10
        ? { code: status.UNAVAILABLE, status: LATER }
        : bytesOf(AuthorizeResponseSchema, { decision: allow({ obligations: [{ name: 'note' }] }) });
    };
    const module = new URL('../../src/client/client.ts', import.meta.url).href;
    const script = `
    import { createClient } from '${module}';
    const note = () => new Promise(() => undefined);
    const client = createClient({ address: '${wire.address}', key: 'k', timeoutMs: 5000, obligations: { note } });
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    process.stdin.once('data', async () => {
      const before = timers();
      client.close();
      await asked;
      console.log(JSON.stringify([before > 0, timers()]));
      process.stdin.destroy();
    });
    const asked = ${work};`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
      timeout: 20_000,
    });
    const ended = once(child, 'exit');
    const said = text(child.stdout);
    await pausing();
    child.stdin.write('close');
    expect([await ended, await said]).toEqual([[0, null], '[true,0]\n']);
  },
  30_000,
);
