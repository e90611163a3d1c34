/** Nothing is permitted by a client that was closed, and nothing of it is left. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { create, fromBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { settle } from '../../src/client/authorize.ts';
import {
  type Ask,
  type Client,
  type ClientOptions,
  createClient,
  type Permission,
} from '../../src/client/client.ts';
import { createTransport } from '../../src/client/transport.ts';
import {
  AuthorizeResponseSchema,
  BatchAuthorizeRequestSchema,
  BatchAuthorizeResponseSchema,
  DecisionSchema,
  ReportResponseSchema,
} from '../../src/gen/assent/v1/authorization_pb.js';
import {
  allow,
  bytesOf,
  type Fate,
  type FaultyWire,
  faultyWire,
  readStreamAsk,
  streamDecision,
} from './wire.ts';

const ASK: Ask = { action: 'payment.send', token: 't', session: 's-1' };
let wire: FaultyWire;
let decision: Parameters<typeof allow>[0];
/** Runs when an ask has arrived, before it is answered. */
let onArrival: () => void;
/** Calls that brought a batch, or anything else in its place. */
let arrivals: number;
const clients: Client[] = [];

function client(options: Partial<ClientOptions> = {}): Client {
  const made = createClient({ address: wire.address, key: 'k', timeoutMs: 3000, ...options });
  clients.push(made);
  return made;
}

beforeEach(async () => {
  wire = await faultyWire();
  decision = {};
  onArrival = () => undefined;
  arrivals = 0;
  wire.unary = () => {
    onArrival();
    return bytesOf(AuthorizeResponseSchema, { decision: allow(decision) });
  };
  wire.stream = (call) =>
    call.on('data', (bytes: Uint8Array) => {
      onArrival();
      call.write(streamDecision(readStreamAsk(bytes).requestId, allow(decision)));
    });
});
afterEach(() => {
  for (const made of clients.splice(0)) made.close();
  wire.stop();
});

/** Permits all that is asked in a batch; the last of it with `duties`. */
function answerBatches(...duties: readonly string[]): void {
  wire.unary = (bytes) => {
    arrivals += 1;
    onArrival();
    const { asks } = fromBinary(BatchAuthorizeRequestSchema, bytes);
    const answers = asks.map(({ requestId }, i) => {
      const obligations = i < asks.length - 1 ? [] : duties.map((name) => ({ name }));
      return { requestId, answer: { case: 'decision' as const, value: allow({ obligations }) } };
    });
    return bytesOf(BatchAuthorizeResponseSchema, { answers });
  };
}

const told = ({ permitted, reasons }: Permission): unknown => [permitted, reasons[0]?.code];
/** Sooner than the time that any call of these has. */
function beforeLong<T>(asked: Promise<T>): Promise<T> {
  const over = delay(3000, undefined, { ref: false }).then(() => Promise.reject(new Error('still waiting')));
  return Promise.race([asked, over]);
}

const CLOSED = [false, 'client.closed'];
const LANES = ['unary', 'stream'] as const;

describe.each(LANES)('on the %s lane, closing', (lane) => {
  test('while an ask is answered makes its allow a no', async () => {
    const asked = client({ lane });
    onArrival = () => asked.close();
    expect(told(await asked.authorize(ASK))).toEqual(CLOSED);
  });

  test('while a batch is answered makes every allow of it a no', async () => {
    const asked = client({ lane });
    onArrival = () => asked.close();
    answerBatches();
    expect((await asked.authorizeBatch([ASK, ASK])).map(told)).toEqual([CLOSED, CLOSED]);
  });

  test('while a guarded ask is answered leaves the tool alone', async () => {
    const asked = client({ lane });
    onArrival = () => asked.close();
    let ran = false;
    const { permission } = await asked.guard(ASK, () => {
      ran = true;
    });
    expect([told(permission), ran]).toEqual([CLOSED, false]);
  });

  test('while an obligation is carried out makes the allow a no', async () => {
    decision = { obligations: [{ name: 'note' }] };
    const asked = client({ lane, obligations: { note: () => asked.close() } });
    expect(told(await asked.authorize(ASK))).toEqual(CLOSED);
  });

  test('while an obligation is carried out makes those of the batch a no that had none', async () => {
    answerBatches('note');
    const note = async (): Promise<void> => {
      await delay(20);
      asked.close();
    };
    const asked = client({ lane, obligations: { note } });
    expect((await asked.authorizeBatch([ASK, ASK])).map(told)).toEqual([CLOSED, CLOSED]);
  });

  test.each<[string, (asked: Client) => Promise<readonly Permission[]>]>([
    ['an ask', async (asked) => [await asked.authorize(ASK)]],
    ['a batch', (asked) => asked.authorizeBatch([ASK])],
  ])('while the first of two obligations is carried out begins no second: %s', async (what, ask) => {
    decision = { obligations: [{ name: 'note' }, { name: 'mail' }] };
    if (what === 'a batch') answerBatches('note', 'mail');
    const note = async (): Promise<void> => {
      await delay(20);
      asked.close();
    };
    const mail = (): void => expect.unreachable();
    const asked = client({ lane, obligations: { note, mail } });
    expect((await ask(asked)).map(told)).toEqual([CLOSED]);
  });

  test('while a batch is answered begins none of its obligations', async () => {
    const asked = client({ lane, obligations: { note: () => expect.unreachable() } });
    onArrival = () => asked.close();
    answerBatches('note');
    expect((await asked.authorizeBatch([ASK, ASK])).map(told)).toEqual([CLOSED, CLOSED]);
  });

  test('by an obligation of a batch sends no report, and takes none: no tool may have run', async () => {
    answerBatches('note');
    const unreported: unknown[] = [];
    const asked = client({
      lane,
      obligations: { note: () => asked.close() },
      onUnreported: (...all) => void unreported.push(all),
    });
    const [first, last] = await asked.authorizeBatch([ASK, ASK]);
    // What was decided is there to be seen: it counts as open at the PDP until it has run out.
    expect([first, last]).toMatchObject([
      { permitted: false, decision: { id: 'd-1' } },
      { permitted: false, decision: { id: 'd-1' } },
    ]);
    const report = { decisionId: 'd-1', sessionId: 's-1', outcome: 'failed' } as const;
    await expect(asked.report(report)).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
    expect([arrivals, unreported]).toEqual([1, []]);
  });

  test('at any moment after the answer leaves the tool alone, if it does not run yet', async () => {
    decision = { obligations: [{ name: 'note' }] };
    let ranClosed = 0;
    let ranOpen = 0;
    for (let moments = 0; moments < 40; moments += 1) {
      let closed = false;
      const closeSoon = (left: number): void => {
        if (left > 0) {
          queueMicrotask(() => closeSoon(left - 1));
          return;
        }
        closed = true;
        asked.close();
      };
      const asked = client({ lane, obligations: { note: () => closeSoon(moments) } });
      await asked.guard(ASK, () => {
        if (closed) ranClosed += 1;
        else ranOpen += 1;
      });
    }
    expect([ranClosed, ranOpen > 0]).toEqual([0, true]);
  });

  test('waits for no answer', async () => {
    const asked = client({ lane, timeoutMs: 5000 });
    wire.unary = () => {
      asked.close();
      return 'silence';
    };
    wire.stream = (call) => call.on('data', () => asked.close());
    expect(told(await beforeLong(asked.authorize(ASK)))).toEqual(CLOSED);
  });
});

describe('closing', () => {
  test.each<[string, Fate]>([
    ['nothing', 'silence'],
    ['a refusal', { code: status.PERMISSION_DENIED, details: 'a role is missing' }],
    ['a failure that passes', { code: status.UNAVAILABLE, details: 'going away' }],
    ['a reset of the call', { code: status.CANCELLED }],
  ])('ends a verb in flight in words of its own, where %s comes just after', async (_, fate) => {
    const asked = client();
    wire.unary = () => {
      asked.close();
      return fate;
    };
    await expect(beforeLong(asked.getSession('s-1'))).rejects.toMatchObject({
      reason: 'CLIENT_CLOSED',
      message: 'the client was closed',
    });
  });

  test('lets a report through, because its tool has run', async () => {
    const asked = client();
    wire.unary = (): Fate => {
      asked.close();
      return bytesOf(ReportResponseSchema, { valuesRemembered: 2 });
    };
    const report = { decisionId: 'd-1', sessionId: 's-1', outcome: 'executed' } as const;
    expect(await asked.report(report)).toEqual({ valuesRemembered: 2 });
  });

  test('cancels a stream that the far side never ends', async () => {
    const cancelled = new Promise<void>((resolve) => {
      wire.stream = (call) => {
        call.on('cancelled', () => resolve());
        call.on('data', () => undefined);
      };
    });
    const asked = client({ lane: 'stream', timeoutMs: 100 });
    await asked.authorize(ASK);
    asked.close();
    expect(await Promise.race([cancelled, delay(8000, 'still open', { ref: false })])).toBeUndefined();
  }, 15_000);
});

test('an allow that was there as the client was closed begins no obligation', async () => {
  const transport = createTransport({ address: wire.address, key: 'k' });
  const lane = {
    send: () => {
      transport.close();
      const message = create(DecisionSchema, allow({ obligations: [{ name: 'note' }] }));
      return Promise.resolve({ ok: true as const, message });
    },
    close: () => undefined,
  };
  let begun = 0;
  const note = (): void => {
    begun += 1;
  };
  const asking = { lane, transport, timeoutMs: 1000, obligations: { note } };
  expect([told((await settle(asking, ASK)).permission), begun]).toEqual([CLOSED, 0]);
});

describe('a far side that takes connections and says nothing', () => {
  let peer: Server;
  let taken: Socket[];
  let address: string;
  beforeEach(async () => {
    taken = [];
    peer = createServer((socket) => {
      taken.push(socket);
      socket.on('error', () => undefined);
      socket.resume();
    });
    peer.listen(0, '127.0.0.1');
    await once(peer, 'listening');
    const bound = peer.address();
    if (bound === null || typeof bound === 'string') throw new Error('the peer does not listen');
    address = `127.0.0.1:${bound.port}`;
  });
  afterEach(() => {
    peer.close();
    for (const socket of taken) socket.destroy();
  });

  test.each(LANES)(
    'keeps no connection of a closed client on the %s lane, and gets no other',
    async (lane) => {
      const asked = client({ address, lane, timeoutMs: 200 });
      expect((await asked.authorize(ASK)).permitted).toBe(false);
      const [socket] = taken;
      asked.close();
      if (socket?.destroyed === false) await once(socket, 'close', { signal: AbortSignal.timeout(5000) });
      // Longer than the pause before a new attempt.
      await delay(500);
      expect(taken).toHaveLength(1);
    },
  );
});
