import { constants, type ServerHttp2Stream } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ask, type Client, createClient } from '../../src/client/client.ts';
import type { LaneReply } from '../../src/client/lane.ts';
import { createStreamLane } from '../../src/client/stream-lane.ts';
import { createTransport, type Transport } from '../../src/client/transport.ts';
import { AuthorizeRequestSchema, Effect } from '../../src/gen/assent/v1/authorization_pb.js';
import {
  allow,
  type Duplex,
  type FaultyWire,
  faultyWire,
  readStreamAsk,
  statusOf,
  streamDecision,
  streamStatus,
} from './wire.ts';

const ASK: Ask = { action: 'invoice.read', token: 't', session: 's-1' };
let wire: FaultyWire;
let client: Client;

beforeEach(async () => {
  wire = await faultyWire();
  client = createClient({
    address: wire.address,
    key: 'k',
    timeoutMs: 3000,
    lane: 'stream',
    maxInFlight: 200,
  });
});
afterEach(() => {
  client.close();
  wire.stop();
});

/** Answers every ask of a stream by `answer`, which may hold it back. */
function answering(answer: (id: string, action: string, call: Duplex) => void): (call: Duplex) => void {
  return (call) => {
    call.on('data', (bytes: Uint8Array) => {
      const ask = readStreamAsk(bytes);
      answer(ask.requestId, ask.action?.name ?? '', call);
    });
  };
}

/** Ends a stream below gRPC, without a status. */
function reset(call: Duplex): void {
  const below: unknown = Reflect.get(call, 'call');
  const stream = Reflect.get(below as object, 'stream') as ServerHttp2Stream;
  stream.close(constants.NGHTTP2_CANCEL);
}

describe('the stream lane', () => {
  test('gives each ask its own answer, whatever the order of completion', async () => {
    const held: [string, string][] = [];
    wire.stream = answering((id, action, call) => {
      held.push([id, action]);
      if (held.length < 50) return;
      for (const [askedId, asked] of held.reverse())
        call.write(streamDecision(askedId, allow({ decisionId: `of ${asked}` })));
    });
    const permissions = await Promise.all(
      Array.from({ length: 50 }, (_, i) => client.authorize({ ...ASK, action: `a.${i}` })),
    );
    expect(permissions.map(({ permitted, decision }) => [permitted, decision?.id])).toEqual(
      Array.from({ length: 50 }, (_, i) => [true, `of a.${i}`]),
    );
  });

  test('uses one stream for all asks', async () => {
    let streams = 0;
    const answer = answering((id, _, call) => call.write(streamDecision(id, allow())));
    wire.stream = (call) => {
      streams += 1;
      answer(call);
    };
    for (let i = 0; i < 5; i += 1) await client.authorize(ASK);
    expect(streams).toBe(1);
  });

  test('asks again on a new stream, under the same ids, when one breaks', async () => {
    const seen: string[][] = [];
    wire.stream = (call) => {
      const ids: string[] = [];
      seen.push(ids);
      const last = seen.length > 1;
      answering((id) => {
        ids.push(id);
        if (last) call.write(streamDecision(id, allow({ replayed: true })));
        else if (ids.length === 10) void wire.restart();
      })(call);
    };
    const permissions = await Promise.all(Array.from({ length: 10 }, () => client.authorize(ASK)));
    expect(permissions.every(({ permitted }) => permitted)).toBe(true);
    expect(seen).toHaveLength(2);
    expect([...(seen[1] ?? [])].sort()).toEqual([...(seen[0] ?? [])].sort());
  });

  test('asks again under the same ids what a stream had in flight that the server reset', async () => {
    const seen: string[][] = [];
    wire.stream = (call) => {
      const ids: string[] = [];
      seen.push(ids);
      const last = seen.length > 1;
      answering((id) => {
        ids.push(id);
        if (last) call.write(streamDecision(id, allow({ replayed: true })));
        else if (ids.length === 10) reset(call);
      })(call);
    };
    const permissions = await Promise.all(Array.from({ length: 10 }, () => client.authorize(ASK)));
    expect(permissions.every(({ permitted, attempts }) => permitted && attempts === 2)).toBe(true);
    expect(seen.map((ids) => [...ids].sort())).toEqual(
      [seen[0], seen[0]].map((ids) => [...(ids ?? [])].sort()),
    );
  });

  test('follows an ask on which a stream broke until it is decided', async () => {
    const seen: string[] = [];
    const contended = { effect: Effect.THROTTLE, reasons: [{ code: 'session.contended' }] };
    wire.stream = answering((id, _, call) => {
      seen.push(id);
      if (seen.length === 1) reset(call);
      else call.write(streamDecision(id, allow(seen.length < 6 ? contended : { replayed: true })));
    });
    expect(await client.authorize(ASK)).toMatchObject({ permitted: true, attempts: 6 });
    expect(new Set(seen).size).toBe(1);
  });

  test('survives a stream that the server ends in good order', async () => {
    let streams = 0;
    wire.stream = (call) => {
      streams += 1;
      const last = streams > 1;
      answering((id) => (last ? call.write(streamDecision(id, allow())) : call.end()))(call);
    };
    expect(await client.authorize(ASK)).toMatchObject({ permitted: true, attempts: 2 });
  });

  test('lets one bad message cost one ask', async () => {
    wire.stream = answering((id, action, call) =>
      call.write(
        action === 'bad' ? streamStatus(id, statusOf(3, 'action is not known')) : streamDecision(id, allow()),
      ),
    );
    const [good, bad, other] = await Promise.all([
      client.authorize(ASK),
      client.authorize({ ...ASK, action: 'bad' }),
      client.authorize(ASK),
    ]);
    expect([good.permitted, bad.permitted, other.permitted]).toEqual([true, false, true]);
    expect(bad).toMatchObject({
      reasons: [{ code: 'client.rejected' }],
      failure: { status: 'INVALID_ARGUMENT' },
    });
  });

  test('asks again after a status that passes', async () => {
    let asked = 0;
    wire.stream = answering((id, _, call) =>
      call.write(++asked === 1 ? streamStatus(id, statusOf(14, 'store', 25)) : streamDecision(id, allow())),
    );
    expect(await client.authorize(ASK)).toMatchObject({ permitted: true, attempts: 2 });
  });

  test.each([
    ['nothing comes', () => undefined, 'client.late'],
    [
      'only an answer to somebody else comes',
      (call: Duplex) => call.write(streamDecision('other', allow())),
      'client.late',
    ],
    [
      'the answer is garbage',
      (call: Duplex) => call.write(new Uint8Array([255, 255])),
      'client.malformed_answer',
    ],
    [
      'the answer holds neither decision nor status',
      (call: Duplex, id: string) => call.write(new Uint8Array([10, id.length, ...Buffer.from(id)])),
      'client.malformed_answer',
    ],
    [
      'the effect is unknown',
      (call: Duplex, id: string) => call.write(streamDecision(id, allow({ effect: 77 as Effect }))),
      'client.unknown_effect',
    ],
    [
      'the stream is refused',
      (call: Duplex) => call.emit('error', { code: status.UNAUTHENTICATED }),
      'client.rejected',
    ],
  ] as const)('permits nothing when %s', async (_, fate, code) => {
    wire.stream = answering((id, __, call) => void fate(call, id));
    const permission = await client.authorize({ ...ASK, timeoutMs: 400 });
    expect(permission).toMatchObject({ permitted: false, reasons: [{ code }] });
  });

  test('ignores an allow that comes after its ask gave up', async () => {
    const held: (() => void)[] = [];
    wire.stream = answering((id, action, call) => {
      const write = (): void => void call.write(streamDecision(id, allow({ decisionId: action })));
      if (action === 'slow') held.push(write);
      else {
        for (const late of held) late();
        write();
      }
    });
    const slow = await client.authorize({ ...ASK, action: 'slow', timeoutMs: 100 });
    const next = await client.authorize({ ...ASK, action: 'next' });
    expect(slow).toMatchObject({ permitted: false, reasons: [{ code: 'client.late' }] });
    expect(next.decision?.id).toBe('next');
  });

  test('keeps to the time of an ask when no stream can be had', async () => {
    wire.stop();
    const permission = await client.authorize({ ...ASK, timeoutMs: 150 });
    expect(permission).toMatchObject({ permitted: false, reasons: [{ code: 'client.unavailable' }] });
  });

  test('refuses more in flight than it was told to hold', async () => {
    const asks = Array.from({ length: 201 }, () => client.authorize({ ...ASK, timeoutMs: 200 }));
    const codes = (await Promise.all(asks)).map(({ reasons }) => reasons[0]?.code);
    expect(codes.filter((code) => code === 'client.overloaded')).toHaveLength(1);
    expect(codes.filter((code) => code === 'client.late')).toHaveLength(200);
  });

  test('holds back what a slow reader does not take, and delivers all of it later', async () => {
    const big = 'x'.repeat(100_000);
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    wire.stream = (call) => {
      call.pause();
      void gate.then(() => {
        answering((id) => call.write(streamDecision(id, allow())))(call);
        call.resume();
      });
    };
    const asks = Array.from({ length: 60 }, () => client.authorize({ ...ASK, arguments: { note: big } }));
    setTimeout(release, 200);
    expect((await Promise.all(asks)).every(({ permitted }) => permitted)).toBe(true);
  });

  test('spends an attempt only on what was sent before the stream broke', async () => {
    const big = 'x'.repeat(100_000);
    let streams = 0;
    wire.stream = (call) => {
      streams += 1;
      if (streams > 1) answering((id) => call.write(streamDecision(id, allow())))(call);
      else {
        // Nobody reads: windows fill, and the rest waits on this side.
        call.pause();
        setTimeout(() => void wire.restart(), 300);
      }
    };
    const asks = Array.from({ length: 60 }, () => client.authorize({ ...ASK, arguments: { note: big } }));
    const permissions = await Promise.all(asks);
    expect(permissions.every(({ permitted }) => permitted)).toBe(true);
    expect(new Set(permissions.map(({ attempts }) => attempts))).toEqual(new Set([1, 2]));
  });

  test('is not slow to come back once an answer came, however often it broke before', async () => {
    // Ten breaks in a row would keep the next stream closed for a second at least.
    wire.stream = answering((id, _, call) => {
      call.write(streamDecision(id, allow()));
      call.end();
    });
    const permitted: boolean[] = [];
    for (let i = 0; i < 10; i += 1)
      permitted.push((await client.authorize({ ...ASK, timeoutMs: 900 })).permitted);
    expect(permitted).toEqual(Array.from({ length: 10 }, () => true));
  });

  test('refuses those that wait to be sent as well when its stream is refused', async () => {
    const big = 'x'.repeat(100_000);
    let streams = 0;
    wire.stream = (call) => {
      streams += 1;
      // Nobody reads: windows fill, and the rest waits on this side.
      call.pause();
      setTimeout(() => call.emit('error', { code: status.UNAUTHENTICATED }), 200);
    };
    const asks = Array.from({ length: 60 }, () => client.authorize({ ...ASK, arguments: { note: big } }));
    const codes = (await Promise.all(asks)).map(({ reasons }) => reasons[0]?.code);
    expect([new Set(codes), streams]).toEqual([new Set(['client.rejected']), 1]);
  });

  test('ends a stream on which it cannot read an answer', async () => {
    const ended = new Promise<void>((resolve) => {
      wire.stream = (call) => {
        call.on('cancelled', () => resolve());
        answering(() => call.write(new Uint8Array([255, 255])))(call);
      };
    });
    await client.authorize(ASK);
    await expect(Promise.race([ended, delay(5000, 'still open', { ref: false })])).resolves.toBeUndefined();
  });

  test('takes nothing more from a stream that it gave up', async () => {
    const transport = createTransport({ address: wire.address, key: 'k' });
    const streams: ReturnType<Transport['stream']>[] = [];
    const stream: Transport['stream'] = (path) => {
      const opened = transport.stream(path);
      streams.push(opened);
      return opened;
    };
    const lane = createStreamLane({ ...transport, stream }, { maxInFlight: 2 });
    wire.stream = answering((id, _, call) => {
      if (streams.length === 1) call.write(new Uint8Array([255, 255]));
      else {
        // What the first stream still had on the way arrives while the second is asked.
        streams[0]?.emit('data', streamDecision(id, allow({ decisionId: 'of the first' })));
        call.write(streamDecision(id, allow({ decisionId: 'of the second' })));
      }
    });
    const send = (requestId: string): Promise<LaneReply> =>
      lane.send(create(AuthorizeRequestSchema, { requestId }), 3000);
    const replies = [await send('a'), await send('b')];
    lane.close();
    transport.close();
    expect(replies).toMatchObject([
      { ok: false, failure: { status: 'DATA_LOSS' } },
      { ok: true, message: { decisionId: 'of the second' } },
    ]);
  });

  test('answers those in flight when it is closed', async () => {
    let arrived = (): void => undefined;
    const there = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    wire.stream = answering(() => arrived());
    const asked = client.authorize(ASK);
    await there;
    client.close();
    expect(await asked).toMatchObject({ permitted: false, reasons: [{ code: 'client.closed' }] });
  });
});
