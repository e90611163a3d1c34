import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ask, type Client, createClient } from '../../src/client/client.ts';
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

function answerOf(requestId: string, action: string, { effect = Effect.ALLOW, code, retryMs }: Told) {
  const decision = allow({ decisionId: `of ${action}`, effect });
  const answer: MessageInitShape<typeof BatchAnswerSchema>['answer'] =
    code === undefined
      ? { case: 'decision', value: decision }
      : { case: 'status', value: statusOf(code, 'no', retryMs) };
  return { requestId, answer };
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
