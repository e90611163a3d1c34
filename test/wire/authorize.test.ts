import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  AuthorizeResponseSchema,
  BatchAuthorizeRequestSchema,
  BatchAuthorizeResponseSchema,
  Effect,
  Outcome,
  Remedy,
  ReportRequestSchema,
  ReportResponseSchema,
} from '../../src/gen/assent/v1/authorization_pb.js';
import type { Ask, Role } from '../../src/model/ask.ts';
import { reasonOf } from '../../src/model/reason.ts';
import { Fault, Malformed, Refusal, Rejection } from '../../src/model/refusal.ts';
import { decodeAsk } from '../../src/wire/grpc/decode.ts';
import {
  AUTHORIZE,
  asIs,
  askBytes,
  askInit,
  BATCH,
  bearer,
  decisionOn,
  detailsOf,
  json,
  KEY,
  registration,
  requestId,
  requestIdOf,
  serve,
  until,
} from './harness.ts';

const REPORT = '/assent.v1.AuthorizationService/Report';

test('an ask arrives as it was sent, and its allow comes back', async () => {
  const house = await serve();
  const id = requestId();
  const bytes = askBytes({
    requestId: id,
    action: {
      name: 'payment.send',
      resource: { type: 'invoice', id: 'INV 17', propertiesJson: json('{"due":"soon"}') },
      argumentsJson: json('{"amount":"120.50","to":"DE89"}'),
    },
    credential: {
      form: {
        case: 'dpop',
        value: { token: 'a.b.c', proof: 'd.e.f', method: 'POST', url: 'https://tool.example/pay' },
      },
      certificateThumbprint: 'A'.repeat(43),
    },
    chain: ['hop.one.sig', 'hop.two.sig'],
    operationId: 'call-1',
    contextJson: json('{"tool":"bank"}'),
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    dryRun: true,
  });
  house.decide = async (ask) =>
    decisionOn(ask, {
      obligations: [{ name: 'redact', parameters: { fields: ['iban'] } }],
      expiresAt: 1_790_000_000_123,
      executionKey: 'key-1',
      committed: { session: 'ses-1', version: 2, digest: 'd', payload: '{}' },
    });
  const reply = await house.call(AUTHORIZE, bytes);
  expect(reply.code).toBe('OK');
  const { decision } = fromBinary(AuthorizeResponseSchema, reply.bytes);
  expect(decision).toMatchObject({
    effect: Effect.ALLOW,
    reasons: [],
    executionKey: 'key-1',
    sessionId: 'ses-1',
    activation: 3n,
    recordIndex: 7n,
    dryRun: true,
    replayed: false,
    expireTime: { seconds: 1_790_000_000n, nanos: 123_000_000 },
  });
  expect(Buffer.from(decision?.obligations[0]?.parametersJson ?? []).toString()).toBe('{"fields":["iban"]}');
  const [ask] = house.asks;
  expect(ask).toMatchObject({
    requestId: id,
    proofScope: [id],
    action: 'payment.send',
    resource: { type: 'invoice', id: 'INV 17', properties: { due: 'soon' } },
    args: { amount: '120.50', to: 'DE89' },
    credential: {
      scheme: 'dpop',
      token: 'a.b.c',
      proof: 'd.e.f',
      method: 'POST',
      certificateThumbprint: 'A'.repeat(43),
    },
    session: { kind: 'id', id: 'ses-1' },
    chain: ['hop.one.sig', 'hop.two.sig'],
    operationId: 'call-1',
    claimed: { tool: 'bank' },
    dryRun: true,
  });
  expect(ask?.pep).toMatchObject({ id: 'dev', tenant: 'acme' });
});

test('a refusal tells reasons, remedy, delay and challenge', async () => {
  const house = await serve();
  house.decide = async (ask) =>
    decisionOn(ask, {
      effect: 'throttle',
      reasons: [{ ...reasonOf('session.rate'), reviewers: ['controllers'] }],
      retryDelayMs: 1500,
      causeId: 'cause-1',
      challenge: 'Bearer error="invalid_token"',
      replayed: true,
    });
  const reply = await house.call(AUTHORIZE, askBytes());
  expect(fromBinary(AuthorizeResponseSchema, reply.bytes).decision).toMatchObject({
    effect: Effect.THROTTLE,
    reasons: [{ code: 'session.rate', remedy: Remedy.RETRY_LATER, reviewers: ['controllers'] }],
    retryDelay: { seconds: 1n, nanos: 500_000_000 },
    causeId: 'cause-1',
    challenge: 'Bearer error="invalid_token"',
    replayed: true,
    sessionId: 'ses-1',
  });
});

test('details are for callers with their role alone', async () => {
  const house = await serve({
    registrations: [registration('dev', KEY), registration('plain', 'another-key-that-sees-less', ['asker'])],
  });
  house.decide = async (ask) =>
    decisionOn(ask, {
      effect: 'deny',
      reasons: [reasonOf('provenance.untrusted', { argument: 'to' }), reasonOf('session.budget')],
      provenance: { to: 'untrusted' },
      input: '{"action":{}}',
    });
  const seen = fromBinary(AuthorizeResponseSchema, (await house.call(AUTHORIZE, askBytes())).bytes).decision
    ?.details;
  expect(seen?.provenance).toEqual({ to: 'untrusted' });
  expect(Buffer.from(seen?.reasonDetailsJson ?? []).toString()).toBe('[{"argument":"to"},{}]');
  expect(Buffer.from(seen?.inputJson ?? []).toString()).toBe('{"action":{}}');
  const hidden = await house.call(AUTHORIZE, askBytes(), { key: 'another-key-that-sees-less' });
  expect(hidden.code).toBe('OK');
  expect(fromBinary(AuthorizeResponseSchema, hidden.bytes).decision?.details).toBeUndefined();
});

test('the digest covers what is asked and leaves out what a retry renews', async () => {
  const house = await serve();
  const base = askInit({ action: { name: 'a', argumentsJson: json('{"x":1,"y":2}') } });
  const same = [
    base,
    { ...base, credential: { form: { case: 'bearerToken' as const, value: 'a.fresher.token' } } },
    { ...base, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    { ...base, timeout: { seconds: 2n } },
    { ...base, action: { name: 'a', argumentsJson: json(' {"y":2, "x":1.0} ') } },
  ];
  const other = [
    // Not that it would be compared: but equal digests would tell that an argument came again.
    { ...base, requestId: requestId() },
    { ...base, action: { name: 'b', argumentsJson: json('{"x":1,"y":2}') } },
    { ...base, action: { name: 'a', argumentsJson: json('{"x":1,"y":3}') } },
    { ...base, action: { name: 'a', argumentsJson: json('{"x":1,"y":2}'), resource: { id: 'r' } } },
    { ...base, session: { reference: { case: 'id' as const, value: 'ses-2' } } },
    { ...base, chain: ['hop'] },
    { ...base, operationId: 'op' },
    { ...base, contextJson: json('{"c":1}') },
    { ...base, dryRun: true },
    {
      ...base,
      credential: {
        form: { case: 'bearerToken' as const, value: 't' },
        certificateThumbprint: 'A'.repeat(43),
      },
    },
  ];
  for (const init of [...same, ...other])
    expect((await house.call(AUTHORIZE, askBytes(init))).code).toBe('OK');
  const digests = house.asks.map(({ digest }) => digest);
  expect(new Set(digests.slice(0, same.length)).size).toBe(1);
  expect(new Set(digests).size).toBe(1 + other.length);
});

const HOUR_AWAY = { seconds: BigInt(Math.floor(Date.now() / 1000) + 3600) };

test('open-if-absent needs the opener role, and brings the mandate', async () => {
  const house = await serve({
    registrations: [registration('dev', KEY), registration('plain', 'a-key-that-may-only-ask', ['asker'])],
  });
  const bytes = askBytes({
    session: {
      reference: {
        case: 'open',
        value: {
          key: 'thread-1',
          mandate: {
            taskType: 'invoice_run',
            purpose: 'pay the invoices\nof May',
            actions: ['invoice.*', 'payment.send'],
            declared: { invoice: 'INV-17' },
            limits: { eur: '500.00' },
            expireTime: HOUR_AWAY,
            subject: { issuer: 'https://idp.example', id: 'alice' },
          },
        },
      },
    },
  });
  expect((await house.call(AUTHORIZE, bytes)).code).toBe('OK');
  expect(house.asks[0]?.session).toMatchObject({
    kind: 'open',
    key: 'thread-1',
    mandate: { taskType: 'invoice_run', declared: { invoice: 'INV-17' }, subject: { id: 'alice' } },
  });
  const refused = await house.call(AUTHORIZE, bytes, { key: 'a-key-that-may-only-ask' });
  expect(refused).toMatchObject({
    code: 'PERMISSION_DENIED',
    reason: 'CALLER_NOT_ALLOWED',
    facts: { roles: 'opener' },
  });
  expect(house.asks).toHaveLength(1);
});

const FAILURES = [
  [
    'a store that is lost',
    new Fault('SESSION_STORE_UNAVAILABLE', new Error('redis secret')),
    'UNAVAILABLE',
    'SESSION_STORE_UNAVAILABLE',
  ],
  ['a record that cannot be written', new Fault('AUDIT_UNAVAILABLE'), 'UNAVAILABLE', 'AUDIT_UNAVAILABLE'],
  [
    'a policy store that is lost',
    new Fault('POLICY_STORE_UNAVAILABLE'),
    'UNAVAILABLE',
    'POLICY_STORE_UNAVAILABLE',
  ],
  ['a newer policy that did not load', new Fault('POLICY_BEHIND'), 'UNAVAILABLE', 'POLICY_BEHIND'],
  ['a deadline that a room saw pass', new Fault('DEADLINE_PASSED'), 'DEADLINE_EXCEEDED', 'DEADLINE_PASSED'],
  ['a room that sheds', new Fault('OVERLOADED'), 'RESOURCE_EXHAUSTED', 'OVERLOADED'],
  ['a policy room with pushes enough', new Fault('TOO_MANY_PUSHES'), 'RESOURCE_EXHAUSTED', 'TOO_MANY_PUSHES'],
  ['a room that closes', new Fault('DRAINING'), 'UNAVAILABLE', 'DRAINING'],
  ['a rejection', new Rejection('ABORTED', 'VERSION_MOVED', 'the version moved'), 'ABORTED', 'VERSION_MOVED'],
  ['a refusal outside the walk', new Refusal('session.task_closed'), 'FAILED_PRECONDITION', 'REFUSED'],
  ['a session that is not there', new Refusal('session.unknown'), 'NOT_FOUND', 'REFUSED'],
  ['a session of somebody else', new Refusal('session.not_yours'), 'PERMISSION_DENIED', 'REFUSED'],
  ['a torn session', new Refusal('session.torn'), 'DATA_LOSS', 'REFUSED'],
  ['a throw that nobody foresaw', new TypeError('secret of the house'), 'INTERNAL', 'INTERNAL'],
  ['a thrown string', 'secret of the house', 'INTERNAL', 'INTERNAL'],
] as const;

test.each(FAILURES)('%s becomes one status with its reason', async (_, cause, code, reason) => {
  const house = await serve();
  house.decide = () => Promise.reject(cause);
  const reply = await house.call(AUTHORIZE, askBytes());
  expect(reply).toMatchObject({ code, reason });
  expect(reply.message).not.toContain('secret');
  expect(house.errors).toEqual([reason]);
  if (code === 'RESOURCE_EXHAUSTED') expect(reply.retryDelayMs).toBeGreaterThan(0);
  if (cause instanceof Refusal) expect(reply.facts).toEqual({ code: cause.reason.code });
  // The cause is for the log: told once, with the cause itself.
  const told = house.lines.filter(({ facts }) => 'cause' in facts);
  expect(told.map(({ facts }) => facts['cause'])).toEqual(
    cause instanceof Fault || code === 'INTERNAL' ? [cause] : [],
  );
});

test.each([
  ['a store that is lost', new Fault('SESSION_STORE_UNAVAILABLE'), 'warn', 'a call failed on our side'],
  [
    'a caller that stopped waiting',
    new Fault('DEADLINE_PASSED'),
    'info',
    'a caller stopped waiting before there was an answer',
  ],
])('%s is a line of its own kind', async (_, cause, level, message) => {
  const house = await serve();
  house.decide = () => Promise.reject(cause);
  await house.call(AUTHORIZE, askBytes());
  expect(house.lines.filter(({ facts }) => 'method' in facts)).toMatchObject([{ level, message }]);
});

test('a decision with an unknown effect never leaves', async () => {
  const house = await serve();
  house.decide = async (ask) => decisionOn(ask, JSON.parse('{"effect":"permit"}'));
  expect(await house.call(AUTHORIZE, askBytes())).toMatchObject({ code: 'INTERNAL', reason: 'INTERNAL' });
});

test('a decision that never comes is given up at the timeout of the ask', async () => {
  const house = await serve();
  let finish = () => {};
  house.decide = (ask) =>
    new Promise((resolve) => {
      finish = () => resolve(decisionOn(ask));
    });
  const reply = await house.call(AUTHORIZE, askBytes({ timeout: { nanos: 50_000_000 } }));
  expect(reply).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_PASSED' });
  // It is worked on still, and counts as such until it ends.
  expect(house.inFlight()).toBe(1);
  finish();
  await until('its place is free', () => house.inFlight() === 0);
});

test('an allow that comes after its deadline does not leave, a deny does', async () => {
  // The wire's clock is set forward while the room works, so the answer is late before any timer says so.
  let ahead = 0;
  const house = await serve({ now: () => Date.now() + ahead });
  house.decide = async (ask) => {
    ahead = 1500;
    return decisionOn(ask);
  };
  const timeout = { seconds: 1n };
  expect(await house.call(AUTHORIZE, askBytes({ timeout }))).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    reason: 'DEADLINE_PASSED',
  });
  ahead = 0;
  house.decide = async (ask) => {
    ahead = 1500;
    return decisionOn(ask, { effect: 'deny', reasons: [reasonOf('policy.unspoken')] });
  };
  const late = await house.call(AUTHORIZE, askBytes({ timeout }));
  expect(fromBinary(AuthorizeResponseSchema, late.bytes).decision?.effect).toBe(Effect.DENY);
});

test('the deadline is the earliest of call, timeout and five seconds, and one second where nothing is said', async () => {
  const house = await serve();
  const left = async (timeoutMs: number, timeout?: { seconds: bigint }) => {
    await house.call(AUTHORIZE, askBytes(timeout === undefined ? {} : { timeout }), { timeoutMs });
    return (house.asks.at(-1)?.deadline ?? 0) - Date.now();
  };
  expect(await left(60_000)).toBeGreaterThan(4000);
  expect(await left(60_000)).toBeLessThanOrEqual(5000);
  expect(await left(2000)).toBeLessThanOrEqual(2000);
  expect(await left(60_000, { seconds: 3n })).toBeLessThanOrEqual(3000);
  const client = house.client();
  await new Promise((resolve) =>
    client.makeUnaryRequest(AUTHORIZE, asIs, asIs, Buffer.from(askBytes()), bearer(), resolve),
  );
  const unsaid = (house.asks.at(-1)?.deadline ?? 0) - Date.now();
  expect(unsaid).toBeLessThanOrEqual(1000);
  expect(unsaid).toBeGreaterThan(0);
});

test('a cancelled call is decided, but nothing is written to it', async () => {
  const house = await serve();
  let decide = (_: Ask) => {};
  house.decide = (ask) =>
    new Promise((resolve) => {
      decide = () => resolve(decisionOn(ask));
    });
  const client = house.client();
  const code = new Promise((resolve) => {
    const call = client.makeUnaryRequest(AUTHORIZE, asIs, asIs, Buffer.from(askBytes()), bearer(), (error) =>
      resolve(error?.code),
    );
    until('the ask is in the house', () => house.asks.length === 1).then(() => call.cancel());
  });
  expect(await code).toBe(1);
  decide(house.asks[0] as Ask);
  await until('the place is free', () => house.inFlight() === 0);
  expect(house.errors).toEqual([]);
  house.decide = async (ask) => decisionOn(ask);
  expect((await house.call(AUTHORIZE, askBytes())).code).toBe('OK');
});

test('asks past the cap are shed with a delay, and the others are unharmed', async () => {
  const house = await serve({ maxAsks: 2 });
  const waiting: (() => void)[] = [];
  house.decide = (ask) => new Promise((resolve) => waiting.push(() => resolve(decisionOn(ask))));
  const held = [house.call(AUTHORIZE, askBytes()), house.call(AUTHORIZE, askBytes())];
  await until('both are in flight', () => house.inFlight() === 2);
  const shed = await house.call(AUTHORIZE, askBytes());
  expect(shed).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'OVERLOADED' });
  expect(shed.retryDelayMs).toBeGreaterThan(0);
  for (const finish of waiting) finish();
  expect((await Promise.all(held)).map(({ code }) => code)).toEqual(['OK', 'OK']);
});

test('a batch answers each ask in its place', async () => {
  const house = await serve();
  house.decide = async (ask) => {
    if (ask.action === 'fails') throw new Fault('SESSION_STORE_UNAVAILABLE');
    // The first takes longest: order is the batch's, not that of completion.
    await new Promise((resolve) => setTimeout(resolve, ask.action === 'slow' ? 30 : 0));
    return decisionOn(
      ask,
      ask.action === 'denied' ? { effect: 'deny', reasons: [reasonOf('policy.unspoken')] } : {},
    );
  };
  const asks = ['slow', 'denied', 'fails', 'not a name'].map((name) => askInit({ action: { name } }));
  const bytes = toBinary(BatchAuthorizeRequestSchema, create(BatchAuthorizeRequestSchema, { asks }));
  const send = async () =>
    fromBinary(BatchAuthorizeResponseSchema, (await house.call(BATCH, bytes)).bytes).answers;
  const answers = await send();
  expect(answers.map(({ requestId }) => requestId)).toEqual(asks.map(({ requestId }) => requestId));
  expect(answers.map(({ answer }) => answer.case)).toEqual(['decision', 'decision', 'status', 'status']);
  const [, , lost, malformed] = answers.map(({ answer }) =>
    answer.case === 'status' ? detailsOf(answer.value) : undefined,
  );
  expect(lost).toMatchObject({ code: 'UNAVAILABLE', reason: 'SESSION_STORE_UNAVAILABLE' });
  expect(malformed).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [{ field: 'asks[3].action.name' }] });
});

test('asks of a full batch begin over several turns of the event loop, in their order', async () => {
  const house = await serve();
  let turn = 0;
  let going = true;
  const count = (): void => {
    turn += 1;
    if (going) setImmediate(count);
  };
  const begun = new Map<number, number>();
  house.decide = async (ask) => {
    begun.set(turn, (begun.get(turn) ?? 0) + 1);
    return decisionOn(ask);
  };
  const asks = Array.from({ length: 256 }, () => askInit());
  const bytes = toBinary(BatchAuthorizeRequestSchema, create(BatchAuthorizeRequestSchema, { asks }));
  count();
  const { answers } = fromBinary(BatchAuthorizeResponseSchema, (await house.call(BATCH, bytes)).bytes);
  going = false;
  expect(answers.map(({ answer }) => answer.case)).toEqual(Array(256).fill('decision'));
  expect(house.asks.map(({ requestId: id }) => id)).toEqual(asks.map(({ requestId: id }) => id));
  expect([...begun.values()]).toEqual(Array(8).fill(32));
});

test('the timeout of an ask that begins late in its batch runs from when the batch came', async () => {
  let ahead = 0;
  const house = await serve({ now: () => Date.now() + ahead });
  house.decide = async (ask) => {
    ahead = 1500;
    return decisionOn(ask);
  };
  const asks = Array.from({ length: 34 }, (_, i) => askInit({ timeout: { seconds: i < 33 ? 4n : 1n } }));
  const bytes = toBinary(BatchAuthorizeRequestSchema, create(BatchAuthorizeRequestSchema, { asks }));
  const { answers } = fromBinary(BatchAuthorizeResponseSchema, (await house.call(BATCH, bytes)).bytes);
  expect(answers.map(({ answer }) => answer.case)).toEqual([...Array(33).fill('decision'), 'status']);
  expect(house.asks).toHaveLength(33);
});

test('asks of a batch have one proof scope with those that came with the same proof, and with no others', async () => {
  const house = await serve();
  house.decide = async (ask) => decisionOn(ask);
  const withProof = (proof: string) =>
    askInit({
      credential: {
        form: {
          case: 'dpop',
          value: { token: 'a.b.c', proof, method: 'POST', url: 'https://tool.example/' },
        },
        certificateThumbprint: 'A'.repeat(43),
      },
    });
  const asks = ['p', 'q', 'p', 'p'].map(withProof);
  const [a, b, c, d] = asks.map(({ requestId: id }) => id);
  const bytes = toBinary(BatchAuthorizeRequestSchema, create(BatchAuthorizeRequestSchema, { asks }));
  expect((await house.call(BATCH, bytes)).code).toBe('OK');
  expect(house.asks.map(({ proofScope }) => proofScope)).toEqual([[a, c, d], [b], [a, c, d], [a, c, d]]);
  expect(house.asks[2]?.proofScope).toBe(house.asks[0]?.proofScope);
});

test.each([
  ['no ask', 0, 'asks'],
  ['257 asks', 257, 'asks'],
])('a batch of %s is refused as a whole', async (_, count, field) => {
  const house = await serve();
  const asks = Array.from({ length: count }, () => askInit());
  const reply = await house.call(
    BATCH,
    toBinary(BatchAuthorizeRequestSchema, create(BatchAuthorizeRequestSchema, { asks })),
  );
  expect(reply).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [{ field }] });
  expect(house.asks).toHaveLength(0);
});

test('an allow whose own deadline passes while its batch waits for others does not leave', async () => {
  let ahead = 0;
  const house = await serve({ now: () => Date.now() + ahead });
  house.decide = async (ask) => {
    if (ask.action === 'slow') {
      await new Promise((resolve) => setTimeout(resolve, 20));
      ahead = 1500;
    }
    return decisionOn(ask);
  };
  const asks = [
    askInit({ action: { name: 'quick' }, timeout: { seconds: 1n } }),
    askInit({ action: { name: 'slow' }, timeout: { seconds: 4n } }),
  ];
  const reply = await house.call(
    BATCH,
    toBinary(BatchAuthorizeRequestSchema, create(BatchAuthorizeRequestSchema, { asks })),
  );
  const { answers } = fromBinary(BatchAuthorizeResponseSchema, reply.bytes);
  expect(answers.map(({ answer }) => answer.case)).toEqual(['status', 'decision']);
});

test('a report arrives as it was sent', async () => {
  const house = await serve();
  const bytes = toBinary(
    ReportRequestSchema,
    create(ReportRequestSchema, {
      decisionId: 'dec-1',
      sessionId: 'ses-1',
      outcome: Outcome.FAILED,
      output: json('{"iban":"DE89"}'),
      outputMediaType: 'application/json; charset=utf-8',
      outputTruncated: true,
      failureProof: 'rejected by the bank',
    }),
  );
  const reply = await house.call(REPORT, bytes);
  expect(fromBinary(ReportResponseSchema, reply.bytes).valuesRemembered).toBe(5);
  expect(house.reports[0]).toMatchObject({
    decisionId: 'dec-1',
    sessionId: 'ses-1',
    outcome: 'failed',
    mediaType: 'application/json; charset=utf-8',
    truncated: true,
    failureProof: 'rejected by the bank',
  });
  expect(Buffer.from(house.reports[0]?.output ?? []).toString()).toBe('{"iban":"DE89"}');
});

test('an id minted in the future is no request, so that no session ever keeps it', async () => {
  const house = await serve();
  const reply = await house.call(AUTHORIZE, askBytes({ requestId: requestIdOf(Date.now() + 3_600_000) }));
  expect(reply.code).toBe('INVALID_ARGUMENT');
  expect(reply.fields.map(({ field }) => field)).toEqual(['request_id']);
  expect(house.asks).toEqual([]);
});

test.each<[string, number, string]>([
  ['of now', 0, 'read'],
  ['of the first day, which is for the session to judge', -1_790_000_000_000, 'read'],
  ['five minutes ahead', 300_000, 'read'],
  ['a millisecond further ahead', 300_001, 'request_id'],
  ['as far ahead as an id can be', 2 ** 48 - 1 - 1_790_000_000_000, 'request_id'],
])('an id %s: %#', (_what, ahead, field) => {
  const at = 1_790_000_000_000;
  const pep = { id: 'pep-1', tenant: 'acme', roles: new Set<Role>(['asker']) };
  const bytes = askBytes({ requestId: requestIdOf(at + ahead) });
  let found = 'read';
  try {
    decodeAsk(bytes, { pep, at, callDeadline: at + 1000, field: '', digestAsk: (text) => text });
  } catch (cause) {
    if (!(cause instanceof Malformed)) throw cause;
    found = cause.field;
  }
  expect(found).toBe(field);
});

test.each([
  ['longer than a thumbprint is', 'A'.repeat(44)],
  ['as long as a message may be', 'A'.repeat(1024 * 1024 - 1024)],
  ['shorter', 'A'.repeat(42)],
  ['in hexadecimal', 'a1'.repeat(32)],
  ['in the alphabet of standard base64', `+/${'A'.repeat(41)}`],
  ['with bits that no digest has', `${'A'.repeat(42)}B`],
  ['with a line end', `${'A'.repeat(43)}\n`],
])('a certificate thumbprint %s is refused, naming the field and not the value', async (_, thumbprint) => {
  const house = await serve();
  const credential = {
    form: { case: 'bearerToken' as const, value: 't' },
    certificateThumbprint: thumbprint,
  };
  const reply = await house.call(AUTHORIZE, askBytes({ credential }));
  expect(reply).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'MALFORMED_REQUEST' });
  expect(reply.fields.map(({ field }) => field)).toEqual(['credential.certificate_thumbprint']);
  expect(JSON.stringify(reply.fields)).not.toContain(thumbprint.slice(0, 30));
  expect(house.asks).toHaveLength(0);
});

test('a certificate thumbprint reaches the token room as it was sent, and none is none', async () => {
  const house = await serve();
  const form = { case: 'bearerToken' as const, value: 't' };
  await house.call(AUTHORIZE, askBytes({ credential: { form, certificateThumbprint: 'A'.repeat(43) } }));
  await house.call(AUTHORIZE, askBytes({ credential: { form } }));
  expect(house.asks.map(({ credential }) => credential.certificateThumbprint)).toEqual([
    'A'.repeat(43),
    undefined,
  ]);
});
