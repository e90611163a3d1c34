import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { settle } from '../../src/client/authorize.ts';
import { type Ask, type Client, type ClientOptions, createClient } from '../../src/client/client.ts';
import { createTransport } from '../../src/client/transport.ts';
import {
  AuthorizeResponseSchema,
  DecisionSchema,
  Effect,
  Remedy,
} from '../../src/gen/assent/v1/authorization_pb.js';
import { allow, bytesOf, type Fate, type FaultyWire, faultyWire, readAsk, statusOf } from './wire.ts';

const ASK: Ask = {
  action: 'payment.send',
  token: 'token-secret',
  session: 's-1',
  arguments: { amount: '12.50' },
};
const answered = (decision: Parameters<typeof allow>[0]): Fate =>
  bytesOf(AuthorizeResponseSchema, { decision: allow(decision) });

let wire: FaultyWire;
const clients: Client[] = [];

function client(options: Partial<ClientOptions> = {}): Client {
  const made = createClient({ address: wire.address, key: 'pep-secret', timeoutMs: 400, ...options });
  clients.push(made);
  return made;
}

beforeEach(async () => {
  wire = await faultyWire();
});
afterEach(() => {
  for (const made of clients.splice(0)) made.close();
  wire.stop();
});

describe('a permission', () => {
  test('comes of a fresh allow, and carries what the tool needs', async () => {
    wire.unary = () => answered({});
    const permission = await client().authorize(ASK);
    expect(permission).toMatchObject({
      permitted: true,
      effect: 'allow',
      reasons: [],
      attempts: 1,
      decision: { id: 'd-1', executionKey: 'key-1', activation: 7 },
    });
  });

  const NOES: [string, () => Fate, string][] = [
    ['nobody answers', () => 'silence', 'client.late'],
    ['the effect is unspecified', () => answered({ effect: Effect.UNSPECIFIED }), 'client.unknown_effect'],
    ['the effect is of a later version', () => answered({ effect: 99 as Effect }), 'client.unknown_effect'],
    ['there is no decision', () => bytesOf(AuthorizeResponseSchema, {}), 'client.malformed_answer'],
    [
      'the bytes are garbage',
      () => ({ bytes: new Uint8Array([255, 255, 255, 255]) }),
      'client.malformed_answer',
    ],
    ['the allow has no id', () => answered({ decisionId: '' }), 'client.malformed_answer'],
    [
      'the allow does not expire',
      () => bytesOf(AuthorizeResponseSchema, { decision: { decisionId: 'd', effect: Effect.ALLOW } }),
      'client.malformed_answer',
    ],
    [
      'the allow has expired',
      () => answered({ expireTime: timestampFromMs(Date.now() - 1) }),
      'client.expired',
    ],
    ['the allow says that it is a dry run', () => answered({ dryRun: true }), 'client.dry_run'],
    [
      'an obligation is not claimed',
      () => answered({ obligations: [{ name: 'mask' }] }),
      'client.obligation_unclaimed',
    ],
    [
      'an obligation is named like a built-in',
      () => answered({ obligations: [{ name: 'constructor' }] }),
      'client.obligation_unclaimed',
    ],
    [
      'an obligation cannot be read',
      () => answered({ obligations: [{ name: 'mask', parametersJson: new Uint8Array([123]) }] }),
      'client.malformed_answer',
    ],
    [
      'the PDP is overloaded for long',
      () => ({ code: status.RESOURCE_EXHAUSTED, status: statusOf(8, 'busy', 900) }),
      'client.unavailable',
    ],
    ['the message is too large', () => ({ code: status.RESOURCE_EXHAUSTED }), 'client.overloaded'],
    ['the ask is malformed', () => ({ code: status.INVALID_ARGUMENT }), 'client.rejected'],
    ['the key is refused', () => ({ code: status.UNAUTHENTICATED }), 'client.rejected'],
    ['the role is missing', () => ({ code: status.PERMISSION_DENIED }), 'client.rejected'],
    ['the PDP breaks', () => ({ code: status.INTERNAL }), 'client.unavailable'],
    ['the status is none of gRPC', () => ({ code: 99 }), 'client.unavailable'],
    [
      'the status details are garbage',
      () => ({ code: status.UNAVAILABLE, raw: new Uint8Array([255, 1, 2]) }),
      'client.unavailable',
    ],
    [
      'the status details say OK',
      () => ({ code: status.ABORTED, status: statusOf(0, '') }),
      'client.unavailable',
    ],
  ];
  test.each(NOES)('is withheld when %s', async (_, fate, code) => {
    wire.unary = fate;
    const permission = await client().authorize(ASK);
    expect(permission.permitted).toBe(false);
    expect(permission.effect).toBe('deny');
    expect(permission.reasons.map((reason) => reason.code)).toEqual([code]);
  });

  test.each([
    ['deny', Effect.DENY],
    ['escalate', Effect.ESCALATE],
    ['throttle', Effect.THROTTLE],
  ])('is withheld on %s, with the reasons of the PDP', async (effect, code) => {
    const reasons = [
      { code: 'session.rate', words: 'too fast', remedy: Remedy.RETRY_LATER, reviewers: ['ops'] },
    ];
    wire.unary = () => answered({ effect: code, reasons, retryDelay: { seconds: 1n, nanos: 500_000_000 } });
    const permission = await client().authorize(ASK);
    expect(permission).toMatchObject({
      permitted: false,
      effect,
      reasons: [{ code: 'session.rate', words: 'too fast', remedy: 'retry_later', reviewers: ['ops'] }],
      decision: { retryDelayMs: 1500 },
    });
  });

  test('is withheld from a dry run, which still tells what would be said', async () => {
    wire.unary = () => answered({ dryRun: true });
    const permission = await client().authorize({ ...ASK, dryRun: true });
    expect(permission).toMatchObject({
      permitted: false,
      effect: 'allow',
      reasons: [{ code: 'client.dry_run' }],
    });
  });

  test('is withheld when nobody listens, and when the client was closed', async () => {
    wire.stop();
    const made = client();
    expect(await made.authorize(ASK)).toMatchObject({
      permitted: false,
      reasons: [{ code: 'client.unavailable' }],
    });
    made.close();
    expect(await made.authorize(ASK)).toMatchObject({
      permitted: false,
      reasons: [{ code: 'client.closed' }],
    });
  });

  test('is withheld when the connection drops before the answer', async () => {
    wire.unary = () => {
      wire.cut();
      return 'silence';
    };
    expect(await client().authorize(ASK)).toMatchObject({
      permitted: false,
      reasons: [{ code: 'client.unavailable' }],
    });
  });
});

test.each(['action', 'arguments', 'session', 'token', 'timeoutMs', 'dryRun'])(
  'an ask whose %s throws, at whichever look, throws nothing at its asker',
  async (name) => {
    wire.unary = () => answered({});
    const refused: boolean[] = [];
    for (let good = 0; good < 8; good += 1) {
      let looks = 0;
      const ask = Object.defineProperty({ ...ASK }, name, {
        enumerable: true,
        get: () => {
          looks += 1;
          if (looks > good) throw new Error('no');
          return Reflect.get(ASK, name);
        },
      });
      refused.push(!(await client().authorize(ask)).permitted);
    }
    expect([refused.at(0), refused.at(-1)]).toEqual([true, false]);
  },
);

test('an allow that is read after the time of its ask is a no', async () => {
  // The process was busy: the answer lay there in time, and nobody looked.
  const lane = {
    send: () => {
      const until = performance.now() + 30;
      while (performance.now() <= until);
      return Promise.resolve({ ok: true as const, message: create(DecisionSchema, allow()) });
    },
    close: () => undefined,
  };
  const transport = createTransport({ address: wire.address, key: 'k' });
  const { permission } = await settle({ lane, transport, timeoutMs: 10, obligations: {} }, ASK);
  transport.close();
  expect(permission).toMatchObject({ permitted: false, effect: 'deny', reasons: [{ code: 'client.late' }] });
});

describe('a retry', () => {
  const contended = (): Fate =>
    answered({ effect: Effect.THROTTLE, reasons: [{ code: 'session.contended' }] });

  test('of an ask that is still decided goes on under the same id, for as long as there is time', async () => {
    const seen: string[] = [];
    wire.unary = (bytes) => {
      seen.push(readAsk(bytes).requestId);
      if (seen.length === 1) return { code: status.UNAVAILABLE };
      return seen.length < 7 ? contended() : answered({ replayed: true });
    };
    expect(await client({ timeoutMs: 5000 }).authorize(ASK)).toMatchObject({ permitted: true, attempts: 7 });
    expect(new Set(seen).size).toBe(1);
  });

  test('of an ask that is decided for longer than there is time is a throttle, or late', async () => {
    let calls = 0;
    wire.unary = () => ((calls += 1) === 1 ? { code: status.UNAVAILABLE } : contended());
    const permission = await client({ timeoutMs: 800 }).authorize(ASK);
    // On a busy machine the last attempt may begin in time and end past it.
    expect(permission.permitted).toBe(false);
    expect(['session.contended', 'client.late']).toContain(permission.reasons[0]?.code);
    expect(permission.attempts).toBeGreaterThan(3);
    expect(permission.attempts).toBe(calls);
  });

  test.each([
    ['asked once', 1, 'session.contended', 1],
    ['asked again, but throttled for another reason', 2, 'session.rate', 2],
  ])('does not follow on a throttle of what was %s', async (_, after, code, attempts) => {
    let calls = 0;
    wire.unary = () =>
      (calls += 1) < after
        ? { code: status.UNAVAILABLE }
        : answered({ effect: Effect.THROTTLE, reasons: [{ code }] });
    expect(await client({ timeoutMs: 3000 }).authorize(ASK)).toMatchObject({ effect: 'throttle', attempts });
    expect(calls).toBe(attempts);
  });

  test('is the same message under the same id, at most three times', async () => {
    const seen: string[] = [];
    wire.unary = (bytes) => {
      seen.push(Buffer.from(bytes).toString('hex'));
      return { code: status.UNAVAILABLE };
    };
    const permission = await client({ timeoutMs: 2000 }).authorize(ASK);
    expect(permission).toMatchObject({ permitted: false, attempts: 3 });
    expect(seen).toHaveLength(3);
    expect(new Set(seen).size).toBe(1);
  });

  test.each([
    ['the PDP was unavailable', { code: status.UNAVAILABLE }],
    [
      'the PDP was overloaded and says for how long',
      { code: status.RESOURCE_EXHAUSTED, status: statusOf(8, 'busy', 30) },
    ],
  ] satisfies [string, Fate][])('finds the answer after %s', async (_, fate) => {
    let calls = 0;
    wire.unary = () => (++calls === 1 ? fate : answered({ replayed: true }));
    expect(await client({ timeoutMs: 2000 }).authorize(ASK)).toMatchObject({ permitted: true, attempts: 2 });
  });

  test.each([status.INVALID_ARGUMENT, status.INTERNAL, status.UNAUTHENTICATED, status.RESOURCE_EXHAUSTED])(
    'is not made for status %i',
    async (code) => {
      let calls = 0;
      wire.unary = () => (++calls === 1 ? { code } : answered({}));
      expect(await client().authorize(ASK)).toMatchObject({ permitted: false, attempts: 1 });
    },
  );

  test.each([
    ['was unavailable', status.UNAVAILABLE],
    ['was overloaded', status.RESOURCE_EXHAUSTED],
  ])('is not made sooner than the PDP asks for that %s', async (_, code) => {
    let calls = 0;
    wire.unary = () => (++calls === 1 ? { code, status: statusOf(code, 'busy', 900) } : answered({}));
    // By itself the client would wait 200 ms at most; the PDP's 900 ms leave no time for another attempt.
    expect(await client({ timeoutMs: 800 }).authorize(ASK)).toMatchObject({ permitted: false, attempts: 1 });
    expect(calls).toBe(1);
  });

  test('is not made of a deny', async () => {
    let calls = 0;
    wire.unary = () => (++calls === 1 ? answered({ effect: Effect.DENY }) : answered({}));
    expect(await client().authorize(ASK)).toMatchObject({ permitted: false, attempts: 1 });
    expect(calls).toBe(1);
  });
});

describe('what is sent', () => {
  test('is the ask, the key in the metadata, and a UUIDv7 of now', async () => {
    let got: ReturnType<typeof readAsk> | undefined;
    let authorization: unknown;
    wire.unary = (bytes, metadata) => {
      got = readAsk(bytes);
      authorization = metadata.get('authorization')[0];
      return answered({});
    };
    const before = Date.now();
    await client().authorize({
      ...ASK,
      operationId: 'call-1',
      resource: { type: 'invoice', id: 'INV-1', properties: { urgent: true } },
      chain: ['hop'],
      claimed: { model: 'm' },
    });
    expect(authorization).toBe('Bearer pep-secret');
    expect(got?.requestId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const minted = Number.parseInt(got?.requestId.replace('-', '').slice(0, 12) ?? '', 16);
    expect(minted).toBeGreaterThanOrEqual(before);
    expect(minted).toBeLessThanOrEqual(Date.now());
    expect(got).toMatchObject({
      operationId: 'call-1',
      chain: ['hop'],
      session: { reference: { value: 's-1' } },
    });
    expect(Buffer.from(got?.action?.argumentsJson ?? []).toString()).toBe('{"amount":"12.50"}');
    expect(Buffer.from(got?.contextJson ?? []).toString()).toBe('{"model":"m"}');
    expect(Buffer.from(got?.action?.resource?.propertiesJson ?? []).toString()).toBe('{"urgent":true}');
  });

  test.each([
    ['the client waits', {}, { seconds: 0n, nanos: 400_000_000 }],
    ['the ask names', { timeoutMs: 1250 }, { seconds: 1n, nanos: 250_000_000 }],
    ['the wire takes, where the ask names more', { timeoutMs: 60_000 }, { seconds: 5n, nanos: 0 }],
  ])('says how long an answer is of use: as long as %s', async (_, changes, timeout) => {
    let got: ReturnType<typeof readAsk> | undefined;
    wire.unary = (bytes) => {
      got = readAsk(bytes);
      return answered({});
    };
    await client().authorize({ ...ASK, ...changes });
    expect(got?.timeout).toMatchObject(timeout);
  });

  test('leaves nothing secret in what comes back', async () => {
    for (const fate of [{ code: status.INTERNAL }, { code: status.INVALID_ARGUMENT }] satisfies Fate[]) {
      wire.unary = () => fate;
      const made = client();
      const shown = JSON.stringify([await made.authorize(ASK), made]);
      expect(shown).not.toMatch(/token-secret|pep-secret/);
    }
  });

  const hostile = Object.create(null, { trap: { get: () => 1, enumerable: true } });
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  test.each([
    ['NaN', { amount: Number.NaN }],
    ['infinity', { amount: Number.POSITIVE_INFINITY }],
    ['an integer past 2^53', { amount: 2 ** 53 }],
    ['a bigint', { amount: 1n }],
    ['a date', { when: new Date(0) }],
    ['a map', { items: new Map() }],
    ['a function', { run: () => 1 }],
    ['an accessor', hostile],
    ['a cycle', cycle],
    ['a hole', { items: new Array(1) }],
    ['undefined in a list', { items: [undefined] }],
    ['a lone surrogate', { text: '\ud800' }],
    ['__proto__', JSON.parse('{"__proto__": {"amount": "1"}}')],
    ['a list', ['amount']],
    ['a string', 'amount=1' as unknown as object],
  ])('is nothing at all where an argument is %s', async (_, args) => {
    let calls = 0;
    wire.unary = () => {
      calls += 1;
      return answered({});
    };
    const permission = await client().authorize({ ...ASK, arguments: args });
    expect(permission).toMatchObject({
      permitted: false,
      attempts: 0,
      reasons: [{ code: 'client.malformed_ask' }],
    });
    expect(calls).toBe(0);
  });

  test.each([
    ['chain', { chain: 5 as never }],
    ['session', { session: { key: 'k' } as never }],
    ['token', { token: undefined as never }],
    ['timeout', { timeoutMs: Number.NaN }],
  ])('is nothing at all where the %s has the wrong type', async (_, changes) => {
    const permission = await client().authorize({ ...ASK, ...changes });
    expect(permission).toMatchObject({
      permitted: false,
      attempts: 0,
      reasons: [{ code: 'client.malformed_ask' }],
    });
  });
});

describe('a client', () => {
  test.each([
    ['without any credential', { address: '127.0.0.1:1' }],
    ['with a key that would travel in the clear', { address: 'pdp.example.com:7443', key: 'k' }],
    ['with a name that only looks like loopback', { address: '127.0.0.1.example.com:7443', key: 'k' }],
    ...[
      '127.999.1.1',
      '127.0.0.1.',
      '127.0.0.01',
      '127.1',
      '[127.0.0.1]',
      '[localhost]',
      '::1',
      'LOCALHOST',
    ].map((host): [string, ClientOptions] => [
      `with ${host}, which is no loopback address`,
      { address: `${host}:7443`, key: 'k' },
    ]),
    ['with a timeout of nothing', { address: '127.0.0.1:1', key: 'k', timeoutMs: 0 }],
    ['with a timeout past what the wire takes', { address: '127.0.0.1:1', key: 'k', timeoutMs: 5001 }],
  ])('is not made %s', (_, options) => {
    expect(() => createClient(options)).toThrow(TypeError);
  });

  test.each(['127.0.0.1', '127.255.3.4:7443', 'localhost:7443', '[::1]:7443', 'unix:/run/assent.sock'])(
    'is made for %s, which stays on this machine',
    (address) => {
      clients.push(createClient({ address, key: 'k' }));
    },
  );

  test.each([
    ['options', 'is not a plain object', new Map([['address', '127.0.0.1:1']])],
    ['adress', 'is not a known name', { adress: '127.0.0.1:1' }],
    ['failOpen', 'is not a known name', { failOpen: true }],
    ['address', 'is not a string', { address: undefined }],
    ['lane', 'is not unary or stream', { lane: 'foo' }],
    ['timeoutMs', 'is not a number', { timeoutMs: '2000' }],
    ['maxInFlight', 'is not a whole number, 1 or more', { maxInFlight: Number.NaN }],
    ['obligations', 'is not an object of functions', { obligations: null }],
    ['onUnreported', 'is not a function', { onUnreported: true }],
    ['tls', 'is not a plain object', { tls: true }],
    ['tls.caFile', 'is not a known name', { tls: { caFile: 'ca.pem' } }],
    ['tls.ca', 'is not a string', { tls: { ca: Buffer.from('pem') } }],
    ...['', ' \n', 'SECRET\nSECRET', 'SECRET SECRET', 'SECRET\u00e9', '\ufeffSECRET', 'S'.repeat(513), 5].map(
      (key) => ['key', 'is not 1 to 512 visible ascii characters', { key }] as const,
    ),
  ] as const)('is not made with the `%s` that %s', (field, problem, changes) => {
    const options = changes instanceof Map ? changes : { address: '127.0.0.1:1', key: 'k', ...changes };
    // The words are all that is said: they quote no key.
    expect(() => createClient(options as never)).toThrow(new TypeError(`\`${field}\` ${problem}`));
  });

  test('shows its key without the line end that a file has', async () => {
    let shown: unknown;
    wire.unary = (_, metadata) => {
      shown = metadata.get('authorization');
      return answered({});
    };
    expect(await client({ key: ' pep-secret\r\n' }).authorize(ASK)).toMatchObject({ permitted: true });
    expect(shown).toEqual(['Bearer pep-secret']);
  });
});
