import { fromBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type Ask,
  type Client,
  type ClientOptions,
  createClient,
  EffectFailed,
  type UnreportedHandler,
} from '../../src/client/client.ts';
import {
  AuthorizeResponseSchema,
  Effect,
  Outcome,
  type ReportRequest,
  ReportRequestSchema,
  ReportResponseSchema,
} from '../../src/gen/assent/v1/authorization_pb.js';
import { allow, bytesOf, type Fate, type FaultyWire, faultyWire } from './wire.ts';

const ASK: Ask = {
  action: 'payment.send',
  token: 't',
  session: 's-1',
  arguments: { amount: '12.50', to: ['a'] },
};
let wire: FaultyWire;
let decision: Parameters<typeof allow>[0];
let reports: ReportRequest[];
let reportFates: Fate[];
const clients: Client[] = [];

function client(options: Partial<ClientOptions> = {}): Client {
  const made = createClient({ address: wire.address, key: 'k', timeoutMs: 1000, ...options });
  clients.push(made);
  return made;
}

beforeEach(async () => {
  wire = await faultyWire();
  decision = {};
  reports = [];
  reportFates = [];
  wire.unary = (bytes) => {
    // Field 1 of a report is its decision's id; of an ask, a UUID.
    const told = fromBinary(ReportRequestSchema, bytes.subarray(0, 2 + (bytes[1] ?? 0)));
    if (!told.decisionId.startsWith('d-'))
      return bytesOf(AuthorizeResponseSchema, { decision: allow(decision) });
    reports.push(fromBinary(ReportRequestSchema, bytes));
    return reportFates.shift() ?? bytesOf(ReportResponseSchema, { valuesRemembered: 1 });
  };
});
afterEach(() => {
  for (const made of clients.splice(0)) made.close();
  wire.stop();
});

describe('a guarded tool', () => {
  test('runs with what was judged, and its output is reported', async () => {
    const args = { amount: '12.50', to: ['a'] };
    const done = await client().guard({ ...ASK, arguments: args }, (permit) => {
      args.amount = '99999';
      args.to.push('b');
      return { paid: permit.arguments, key: permit.executionKey };
    });
    expect(done).toMatchObject({
      permitted: true,
      reported: true,
      output: { paid: { amount: '12.50', to: ['a'] }, key: 'key-1' },
    });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({
      decisionId: 'd-1',
      sessionId: 's-1',
      outcome: Outcome.EXECUTED,
      outputMediaType: 'application/json',
      outputTruncated: false,
    });
    expect(JSON.parse(Buffer.from(reports[0]?.output ?? []).toString())).toEqual(
      done.permitted && done.output,
    );
  });

  test('gets arguments that nobody can change', async () => {
    await client().guard(ASK, ({ arguments: args }) => {
      expect(Object.isFrozen(args)).toBe(true);
      expect(Object.isFrozen(args['to'])).toBe(true);
    });
  });

  test.each([
    ['deny', { effect: Effect.DENY }],
    ['escalate', { effect: Effect.ESCALATE }],
    ['throttle', { effect: Effect.THROTTLE }],
    ['an effect that is unknown', { effect: 12 as Effect }],
    ['an allow that has run out', { expireTime: timestampFromMs(Date.now() - 1) }],
    ['an allow with an obligation that nobody claims', { obligations: [{ name: 'mask' }] }],
  ])('does not run, and nothing is reported, on %s', async (_, changes) => {
    decision = changes;
    let ran = false;
    const done = await client().guard(ASK, () => {
      ran = true;
    });
    expect(done.permitted).toBe(false);
    expect(ran).toBe(false);
    expect(reports).toEqual([]);
  });

  test('does not run on a dry run', async () => {
    const done = await client().guard({ ...ASK, dryRun: true }, () => expect.unreachable());
    expect(done.permitted).toBe(false);
  });

  test('that throws leaves its outcome unknown, and its error goes to the caller', async () => {
    const failing = client().guard(ASK, () => {
      throw new RangeError('connection lost');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(reports).toMatchObject([{ outcome: Outcome.UNKNOWN, outputMediaType: 'text/plain' }]);
    // What the agent is shown may be somebody else's words.
    expect(Buffer.from(reports[0]?.output ?? []).toString()).toBe('connection lost');
  });

  test('that says that nothing took place is reported as failed, with its proof', async () => {
    const failing = client().guard(ASK, () =>
      Promise.reject(new EffectFailed('the bank declined', 'receipt 17')),
    );
    await expect(failing).rejects.toThrow(EffectFailed);
    expect(reports).toMatchObject([{ outcome: Outcome.FAILED, failureProof: 'receipt 17' }]);
  });

  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  test.each<[string, unknown, string, boolean]>([
    ['a text', 'IBAN DE89', 'IBAN DE89', false],
    ['an object without a prototype', Object.create(null), '{}', false],
    ['an object', { to: 'DE89' }, '{"to":"DE89"}', false],
    ['nothing', undefined, '', false],
    ['a symbol', Symbol('DE89'), '', true],
    ['what cannot be looked at', revoked.proxy, '', true],
    [
      'an error that does not show its words',
      Object.defineProperty(new Error(), 'message', { get: () => expect.unreachable() }),
      '{}',
      true,
    ],
    ['an EffectFailed whose proof is no text', new EffectFailed('bounced', 5 as never), 'bounced', false],
    ['an EffectFailed whose proof no bytes say', new EffectFailed('bounced', 'a\ud800'), 'bounced', false],
  ])(
    'may throw %s: that is what comes out, and it is reported as unknown',
    async (_, thrown, text, truncated) => {
      let caught: unknown = 'nothing';
      const failing = client().guard(ASK, () => Promise.reject(thrown));
      await failing.catch((cause: unknown) => {
        caught = cause;
      });
      // Compared by identity alone: one of them cannot be printed.
      expect(caught === thrown).toBe(true);
      expect(reports).toMatchObject([
        { outcome: Outcome.UNKNOWN, failureProof: '', outputTruncated: truncated },
      ]);
      expect(Buffer.from(reports[0]?.output ?? []).toString()).toBe(text);
    },
  );

  test('that returns what cannot be looked at is reported as executed', async () => {
    await client().guard(ASK, () => [revoked.proxy]);
    expect(reports).toMatchObject([{ outcome: Outcome.EXECUTED, outputTruncated: true }]);
  });

  test.each<[string, UnreportedHandler]>([
    ['is told', () => undefined],
    [
      'is told, and what it throws goes no further',
      () => {
        throw new Error('of the handler');
      },
    ],
    ['is told, and what it rejects with goes no further', () => Promise.reject(new Error('of the handler'))],
  ])(
    'whose report is lost is not left alone, whether it returned or threw: the handler %s',
    async (_, then) => {
      reportFates = [{ code: status.FAILED_PRECONDITION }, { code: status.FAILED_PRECONDITION }];
      const told: unknown[] = [];
      const onUnreported: UnreportedHandler = (of, failure) => {
        told.push([of.id, failure.status]);
        return then(of, failure);
      };
      const guarding = client({ onUnreported });
      const bounced = new Error('bounced');
      await expect(guarding.guard(ASK, () => Promise.reject(bounced))).rejects.toBe(bounced);
      expect(told).toEqual([['d-1', 'FAILED_PRECONDITION']]);
      expect(await guarding.guard(ASK, () => 'paid')).toMatchObject({ output: 'paid', reported: false });
      expect(told).toHaveLength(2);
      await guarding.guard(ASK, () => 'paid');
      expect(told).toHaveLength(2);
    },
  );

  test('keeps its output when the report is lost, and says so', async () => {
    reportFates = [{ code: status.FAILED_PRECONDITION }];
    const done = await client().guard(ASK, () => 'paid');
    expect(done).toMatchObject({
      output: 'paid',
      reported: false,
      reportFailure: { status: 'FAILED_PRECONDITION' },
    });
  });

  test('is reported again, in the same words, when the answer was lost', async () => {
    reportFates = [{ code: status.UNAVAILABLE }];
    expect(await client().guard(ASK, () => 'paid')).toMatchObject({ reported: true });
    expect(reports).toHaveLength(2);
    expect(reports[1]).toEqual(reports[0]);
  });

  test('of a stateless ask is not reported', async () => {
    decision = { sessionId: '' };
    expect(await client().guard(ASK, () => 'rate')).toMatchObject({ permitted: true, reported: true });
    expect(reports).toEqual([]);
  });

  const cycle: Record<string, unknown> = { a: 1 };
  cycle['self'] = cycle;
  test.each([
    ['text', 'hello', 'text/plain', false, 'hello'],
    ['nothing', undefined, '', false, ''],
    ['json', { a: [1, null] }, 'application/json', false, '{"a":[1,null]}'],
    ['bytes', new Uint8Array([1, 2]), 'application/octet-stream', false, '\u0001\u0002'],
    ['text that has no bytes', 'a\ud800', 'text/plain', true, 'a\ufffd'],
    ['a date', { at: new Date(0) }, 'text/plain', true, '{"at":"1970-01-01T00:00:00.000Z"}'],
    ['a bigint', { n: 2n ** 70n }, 'text/plain', true, '{"n":"1180591620717411303424"}'],
    ['a cycle', cycle, 'text/plain', true, ''],
  ])('may return %s', async (_, output, mediaType, truncated, text) => {
    await client().guard(ASK, () => output);
    expect(reports).toMatchObject([{ outputMediaType: mediaType, outputTruncated: truncated }]);
    expect(Buffer.from(reports[0]?.output ?? []).toString()).toBe(text);
  });

  test('may return more than the wire takes: the rest is cut, and no longer called json', async () => {
    await client().guard(ASK, () => ({ text: 'x'.repeat(600_000) }));
    expect(reports).toMatchObject([{ outputMediaType: 'text/plain', outputTruncated: true }]);
    expect(reports[0]?.output).toHaveLength(512 * 1024);
  });
});

describe('an obligation', () => {
  test('is carried out before the tool runs, in order, with its parameters', async () => {
    decision = {
      obligations: [
        { name: 'notify', parametersJson: Buffer.from('{"to":"ops"}') },
        { name: 'mask', parametersJson: new Uint8Array() },
      ],
    };
    const story: unknown[] = [];
    const obligations = {
      notify: async (parameters: object) => void story.push(['notify', parameters]),
      mask: (parameters: object) => void story.push(['mask', parameters]),
    };
    await client({ obligations }).guard(ASK, () => void story.push('ran'));
    expect(story).toEqual([['notify', { to: 'ops' }], ['mask', {}], 'ran']);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('secret of the handler');
      },
      'client.obligation_failed',
    ],
    ['rejects', () => Promise.reject(new Error('secret of the handler')), 'client.obligation_failed'],
    ['outlives the permission', () => new Promise<void>(() => undefined), 'client.obligation_failed'],
  ])('whose handler %s makes the allow a no', async (_, handler, code) => {
    decision = { obligations: [{ name: 'mask' }], expireTime: timestampFromMs(Date.now() + 300) };
    const done = await client({ obligations: { mask: handler } }).guard(ASK, () => expect.unreachable());
    expect(done).toMatchObject({ permitted: false, permission: { effect: 'deny', reasons: [{ code }] } });
    expect(JSON.stringify(done)).not.toContain('secret of the handler');
  });

  test('that takes longer than the permission lasts, without a pause, makes it a no', async () => {
    const expiresAt = Date.now() + 200;
    decision = { obligations: [{ name: 'mask' }], expireTime: timestampFromMs(expiresAt) };
    const mask = (): void => {
      while (Date.now() <= expiresAt);
    };
    const done = await client({ obligations: { mask } }).guard(ASK, () => expect.unreachable());
    expect(done).toMatchObject({ permitted: false, permission: { reasons: [{ code: 'client.expired' }] } });
  });

  test('is not begun when another of the same allow is not claimed', async () => {
    decision = { obligations: [{ name: 'notify' }, { name: 'mask' }] };
    const obligations = { notify: () => expect.unreachable() };
    const permission = await client({ obligations }).authorize(ASK);
    expect(permission).toMatchObject({
      permitted: false,
      reasons: [{ code: 'client.obligation_unclaimed' }],
    });
  });

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['a word', 'mail'],
    ['an object', { notify: true }],
  ])('whose handler is %s makes no client', (_, handler) => {
    const obligations = { mask: () => undefined, notify: handler } as never;
    expect(() => client({ obligations })).toThrow(new TypeError('`obligations.notify` is not a function'));
  });

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['a word', 'mail'],
  ])('whose handler became %s since is not claimed, and no other is begun', async (_, handler) => {
    decision = { obligations: [{ name: 'notify' }, { name: 'mask' }] };
    const obligations: Record<string, () => void> = { notify: () => expect.unreachable(), mask: () => {} };
    const made = client({ obligations });
    obligations['mask'] = handler as never;
    expect(await made.authorize(ASK)).toMatchObject({
      permitted: false,
      reasons: [{ code: 'client.obligation_unclaimed' }],
    });
  });

  test('of a deny is nobody’s business', async () => {
    decision = { effect: Effect.DENY, obligations: [{ name: 'mask' }] };
    const obligations = { mask: () => expect.unreachable() };
    expect(await client({ obligations }).authorize(ASK)).toMatchObject({ permitted: false, effect: 'deny' });
  });
});
