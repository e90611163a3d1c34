import { setTimeout as delay } from 'node:timers/promises';
import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { settleBatch } from '../../src/client/batch.ts';
import { type Ask, type Client, createClient } from '../../src/client/client.ts';
import { createUnaryLane } from '../../src/client/lane.ts';
import { createTransport, type Transport } from '../../src/client/transport.ts';
import {
  type BatchAnswerSchema,
  BatchAuthorizeRequestSchema,
  BatchAuthorizeResponseSchema,
  Effect,
} from '../../src/gen/assent/v1/authorization_pb.js';
import { allow, bytesOf, type FaultyWire, faultyWire, statusOf } from './wire.ts';

const ask = (action: string): Ask => ({ action, token: 't', session: 's' });
let wire: FaultyWire;
let client: Client;
/** Ids of each call, in the order of the calls. */
let calls: string[][];

beforeEach(async () => {
  wire = await faultyWire();
  client = createClient({ address: wire.address, key: 'k', timeoutMs: 1500 });
  calls = [];
});
afterEach(() => {
  client.close();
  wire.stop();
});

interface Told {
  readonly effect?: Effect;
  /** Of the only reason. */
  readonly reason?: string;
  readonly code?: number;
  readonly retryMs?: number;
}
/** A list: as many answers to one ask. */
type Answer = Told | readonly Told[] | 'none';

function answering(answer: (action: string, call: number) => Answer, strays: readonly string[] = []): void {
  wire.unary = (bytes) => {
    const { asks } = fromBinary(BatchAuthorizeRequestSchema, bytes);
    calls.push(asks.map(({ requestId }) => requestId));
    const answers: MessageInitShape<typeof BatchAnswerSchema>[] = [];
    for (const { requestId, action } of asks) {
      const given = answer(action?.name ?? '', calls.length);
      if (given === 'none') continue;
      const list = Array.isArray(given) ? (given as readonly Told[]) : [given as Told];
      answers.unshift(...list.map((told) => answerOf(requestId, action?.name ?? '', told)));
    }
    for (const id of strays) answers.push(answerOf(id, 'nothing that was asked', {}));
    return bytesOf(BatchAuthorizeResponseSchema, { answers });
  };
}

function answerOf(requestId: string, action: string, { effect = Effect.ALLOW, reason, code, retryMs }: Told) {
  const reasons = reason === undefined ? [] : [{ code: reason }];
  const decision = allow({ decisionId: `of ${action}`, effect, reasons });
  const answer: MessageInitShape<typeof BatchAnswerSchema>['answer'] =
    code === undefined
      ? { case: 'decision', value: decision }
      : { case: 'status', value: statusOf(code, 'no', retryMs) };
  return { requestId, answer };
}

/** A list that throws when that of it is read. */
function throwing(asks: Ask[], at: string | symbol): Ask[] {
  return new Proxy(asks, {
    get: (list, name) => {
      if (name === at) throw new Error('no');
      return Reflect.get(list, name);
    },
  });
}

describe('a batch', () => {
  test('brings each ask its own permission, whatever the order of the answers', async () => {
    answering((action) => ({ effect: action === 'b' ? Effect.DENY : Effect.ALLOW }));
    const permissions = await client.authorizeBatch([ask('a'), ask('b'), ask('c')]);
    expect(permissions.map(({ permitted, decision }) => [permitted, decision?.id])).toEqual([
      [true, 'of a'],
      [false, 'of b'],
      [true, 'of c'],
    ]);
  });

  test('asks again only for what failed and passes, under the same ids', async () => {
    answering((action, call) => (action === 'b' && call === 1 ? { code: status.UNAVAILABLE } : {}));
    const permissions = await client.authorizeBatch([ask('a'), ask('b')]);
    expect(permissions.map(({ permitted, attempts }) => [permitted, attempts])).toEqual([
      [true, 1],
      [true, 2],
    ]);
    expect(calls).toHaveLength(2);
    expect(calls[1]).toEqual([calls[0]?.[1]]);
  });

  test.each([
    ['first', 'a'],
    ['last', 'b'],
  ])('asks again no sooner than any of it was told to: the %s', async (_, slow) => {
    answering((action, call) =>
      call > 1 ? {} : { code: status.UNAVAILABLE, retryMs: action === slow ? 900 : 5 },
    );
    // 5 ms would leave time for another call, 900 ms leave none.
    const asks = ['a', 'b'].map((action) => ({ ...ask(action), timeoutMs: 800 }));
    expect((await client.authorizeBatch(asks)).map(({ permitted }) => permitted)).toEqual([false, false]);
    expect(calls).toHaveLength(1);
  });

  test('asks again, for as long as there is time, for what an earlier attempt of it is still decided', async () => {
    answering((action, call) => {
      if (action === 'b' && call === 1) return { code: status.UNAVAILABLE };
      return action === 'b' && call < 6 ? { effect: Effect.THROTTLE, reason: 'session.contended' } : {};
    });
    const permissions = await client.authorizeBatch([ask('a'), ask('b')]);
    expect(permissions.map(({ permitted, attempts }) => [permitted, attempts])).toEqual([
      [true, 1],
      [true, 6],
    ]);
    expect(calls.slice(1)).toEqual(Array.from({ length: 5 }, () => [calls[0]?.[1]]));
  });

  test('believes that an ask is contended which it asked once', async () => {
    answering((action, call) =>
      action === 'a'
        ? { effect: Effect.THROTTLE, reason: 'session.contended' }
        : call === 1
          ? { code: status.UNAVAILABLE }
          : {},
    );
    const permissions = await client.authorizeBatch([ask('a'), ask('b')]);
    expect(permissions.map(({ effect, attempts }) => [effect, attempts])).toEqual([
      ['throttle', 1],
      ['allow', 2],
    ]);
  });

  test('waits as long as the most impatient of its asks', async () => {
    answering(() => ({}));
    const { unary } = wire;
    wire.unary = async (...call) => {
      const fate = unary(...call);
      await delay(600);
      return fate;
    };
    const permissions = await client.authorizeBatch([ask('a'), { ...ask('b'), timeoutMs: 150 }]);
    expect(permissions.map(({ permitted, reasons }) => [permitted, reasons[0]?.code])).toEqual([
      [false, 'client.late'],
      [false, 'client.late'],
    ]);
  });

  test('permits nothing by answers that are read after their time', async () => {
    answering(() => ({}));
    const transport = createTransport({ address: wire.address, key: 'k' });
    // The process is busy when the answer is there, and looks at it too late.
    const unary: Transport['unary'] = async (method, message) => {
      const reply = await transport.unary(method, message, 5000);
      const until = performance.now() + 400;
      while (performance.now() <= until);
      return reply;
    };
    const lane = createUnaryLane(transport);
    const asking = { lane, transport: { ...transport, unary }, timeoutMs: 300, obligations: {} };
    const permissions = await settleBatch(asking, [ask('a'), ask('b')]);
    transport.close();
    expect(
      permissions.map(({ permitted, decision, reasons }) => [permitted, decision?.id, reasons[0]?.code]),
    ).toEqual([
      [false, 'of a', 'client.late'],
      [false, 'of b', 'client.late'],
    ]);
  });

  test.each([
    ['null', null],
    ['nothing', undefined],
    ['one ask', ask('a')],
    ['a set', new Set([ask('a')])],
    ['a list whose length cannot be read', throwing([ask('a')], 'length')],
    ['a list that cannot be gone through', throwing([ask('a')], Symbol.iterator)],
  ])('of %s is one refusal, by name', async (_, asks) => {
    answering(() => ({}));
    expect(await client.authorizeBatch(asks as never)).toMatchObject([
      {
        permitted: false,
        attempts: 0,
        reasons: [
          { code: 'client.malformed_ask', words: 'the ask cannot be sent as it is: `asks` is not a list' },
        ],
      },
    ]);
    expect(calls).toEqual([]);
  });

  test('with a hole refuses the hole, in its place', async () => {
    answering(() => ({}));
    const asks = [ask('a'), ask('b'), ask('c')];
    delete asks[1];
    const permissions = await client.authorizeBatch(asks);
    expect(permissions.map((permission) => [permission?.permitted, permission?.reasons[0]?.code])).toEqual([
      [true, undefined],
      [false, 'client.malformed_ask'],
      [true, undefined],
    ]);
  });

  test('permits nothing that was not answered, was answered badly, or could not be sent', async () => {
    answering((action) =>
      action === 'missing' ? 'none' : action === 'bad' ? { code: 3 } : { effect: 42 as Effect },
    );
    const asks = [ask('missing'), ask('bad'), ask('odd'), { ...ask('nan'), arguments: { n: Number.NaN } }];
    const permissions = await client.authorizeBatch(asks);
    expect(permissions.map(({ permitted, reasons }) => [permitted, reasons[0]?.code])).toEqual([
      [false, 'client.malformed_answer'],
      [false, 'client.rejected'],
      [false, 'client.unknown_effect'],
      [false, 'client.malformed_ask'],
    ]);
  });

  test.each<[string, Told[]]>([
    ['an error and an allow', [{ code: status.INVALID_ARGUMENT }, {}]],
    ['an error that passes and an allow', [{ code: status.UNAVAILABLE }, {}]],
    ['an allow and an error', [{}, { code: status.INVALID_ARGUMENT }]],
    ['a deny and an allow', [{ effect: Effect.DENY }, {}]],
    ['the same allow twice', [{}, {}]],
    ['an allow three times', [{}, {}, {}]],
  ])('believes neither when one ask is answered with %s, and the others as ever', async (_, told) => {
    answering((action) => (action === 'b' ? told : {}));
    const permissions = await client.authorizeBatch([ask('a'), ask('b'), ask('c')]);
    expect(permissions.map(({ permitted, reasons }) => [permitted, reasons[0]?.code])).toEqual([
      [true, undefined],
      [false, 'client.malformed_answer'],
      [true, undefined],
    ]);
    expect(calls).toHaveLength(1);
  });

  test('permits nothing when an answer is to an ask that was not in it', async () => {
    answering(() => ({}), ['01890000-0000-7000-8000-000000000000']);
    const permissions = await client.authorizeBatch([ask('a'), ask('b')]);
    expect(permissions.map(({ permitted, reasons }) => [permitted, reasons[0]?.code])).toEqual([
      [false, 'client.malformed_answer'],
      [false, 'client.malformed_answer'],
    ]);
  });

  test('of more than the wire takes is not sent', async () => {
    answering(() => ({}));
    const permissions = await client.authorizeBatch(Array.from({ length: 257 }, () => ask('a')));
    expect(permissions).toHaveLength(257);
    expect(permissions.some(({ permitted }) => permitted)).toBe(false);
    expect(calls).toEqual([]);
  });

  test('of nothing is nothing', async () => {
    expect(await client.authorizeBatch([])).toEqual([]);
  });
});
