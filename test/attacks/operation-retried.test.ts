/** An allow asked for once more: after authority or policy changed, after its outcome is known, or before there is a session. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuthorizeRequest } from '../../src/gen/assent/v1/authorization_pb.js';
import { read, request } from '../system/asking.ts';
import { ask, createGuarded, decided, type Guarded, pay, thousand } from './guarded.ts';

let house: Guarded;
let token: string;
let weak: string;

beforeAll(async () => {
  house = await createGuarded();
  token = await house.token();
  weak = await house.token('payer', 'customers');
}, 30_000);

afterAll(() => house?.end());

const open = async (): Promise<string> => (await house.first.client.openSession(thousand())).id;

/** The same request id and content under another token. */
function under(message: AuthorizeRequest, bearer: string): AuthorizeRequest {
  const copy = structuredClone(message);
  if (copy.credential !== undefined) copy.credential.form = { case: 'bearerToken', value: bearer };
  return copy;
}

describe('what was allowed before', () => {
  const EXCEEDED = ['authority.exceeded', false];
  const codes = async (message: AuthorizeRequest) =>
    (await decided(house.first, message)).reasons.map(({ code }) => code);

  test('is not allowed again to a token that may no longer do it', async () => {
    const session = await open();
    const message = pay(session, 'INV-1', { operationId: 'o', token });
    expect(await ask(house.first, message)).toEqual(['allow', false]);
    expect(await ask(house.first, under(message, weak))).toEqual(EXCEEDED);
    expect(await codes(pay(session, 'INV-1', { operationId: 'o', token: weak }))).toContain(
      'authority.exceeded',
    );
    expect(await ask(house.first, message)).toEqual(['allow', true]);
  });

  test('is not allowed again once the mandate took the action away', async () => {
    const session = await open();
    const message = pay(session, 'INV-1', { operationId: 'o', token });
    expect(await ask(house.first, message)).toEqual(['allow', false]);
    await house.first.client.amendSession(session, thousand({ actions: ['invoice.*'] }));
    expect(await ask(house.first, message)).toEqual(EXCEEDED);
    expect(await codes(pay(session, 'INV-1', { operationId: 'o', token }))).toContain('authority.exceeded');
  });

  test('is judged by the policy of now under a new request id', async () => {
    const session = await open();
    const asked = () => pay(session, 'INV-1', { operationId: 'o', token });
    expect(await ask(house.first, asked())).toEqual(['allow', false]);
    await house.first.client.patchData('finance/blocked_vendors/acme', { value: true });
    try {
      const [said] = await ask(house.first, asked());
      expect(said).toMatch(/^policy\./);
    } finally {
      await house.first.client.patchData('finance/blocked_vendors/acme', { remove: true });
    }
    expect(await ask(house.first, asked())).toEqual(['allow', false]);
    expect((await house.first.client.getSession(session)).spent).toEqual({ payments: '900' });
  });

  test.each([
    ['executed', 'session.duplicate', 'session.duplicate', '900'],
    ['unknown', 'session.operation_unknown', 'session.operation_unknown', '900'],
    ['failed', 'request.too_old', 'allow', '900'],
  ] as const)(
    'and was reported %s: its retry is %s, its operation %s',
    async (outcome, retry, anew, spent) => {
      const session = await open();
      const message = pay(session, 'INV-1', { operationId: 'o', token });
      const { id } = await decided(house.first, message);
      const failureProof = outcome === 'failed' ? 'returned by the bank' : '';
      await house.first.client.report({ decisionId: id, sessionId: session, outcome, failureProof });
      expect(await ask(house.first, message)).toEqual([retry, false]);
      expect(await ask(house.first, pay(session, 'INV-1', { operationId: 'o', token }))).toEqual([
        anew,
        false,
      ]);
      expect((await house.first.client.getSession(session)).spent).toEqual({ payments: spent });
    },
  );

  test('and failed frees its budget once, not for its own retry as well', async () => {
    const session = await open();
    const message = pay(session, 'INV-1', { token });
    const { id } = await decided(house.first, message);
    const report = {
      decisionId: id,
      sessionId: session,
      outcome: 'failed',
      failureProof: 'none left',
    } as const;
    await house.first.client.report(report);
    expect(await ask(house.first, pay(session, 'INV-2', { token }))).toEqual(['allow', false]);
    expect(await ask(house.first, message)).toEqual(['request.too_old', false]);
    await house.first.client.report(report);
    expect((await house.first.client.getSession(session)).spent).toEqual({ payments: '900' });
  });
});

test('what was reported as failed and took effect after all is spent, and its act done', async () => {
  const session = await open();
  const { client } = house.first;
  const { id } = await decided(house.first, pay(session, 'INV-1', { operationId: 'o', token }));
  const told = { decisionId: id, sessionId: session };
  await client.report({ ...told, outcome: 'failed', failureProof: 'returned by the bank' });
  expect((await client.getSession(session)).spent).toEqual({ payments: '0' });
  await client.report({ ...told, outcome: 'executed' });
  expect((await client.getSession(session)).spent).toEqual({ payments: '900' });
  expect(await ask(house.first, pay(session, 'INV-1', { operationId: 'p', token, amount: '1' }))).toEqual([
    'session.duplicate',
    false,
  ]);
  await expect(client.report({ ...told, outcome: 'failed', failureProof: 'x' })).rejects.toThrow();
});

test('a report made again with another output brings no record\u2019s word, and what others said once', async () => {
  const session = await open();
  const { id } = await decided(house.first, request({ ...read(session), token }));
  const report = { decisionId: id, sessionId: session, outcome: 'executed' } as const;
  const tell = async (output: object) =>
    (await house.first.client.report({ ...report, output })).valuesRemembered;
  expect(await tell({ memo: 'nothing' })).toBeGreaterThan(0);
  expect(await tell({ vendor: { account: 'DE77' } })).toBe(0);
  expect(await tell({ memo: 'nothing' })).toBe(0);
  expect(await tell({ memo: 'elsewhere' })).toBe(1);
  expect(await tell({ memo: 'elsewhere' })).toBe(0);
});

describe('a thread without a session', () => {
  const listed = async (): Promise<number> =>
    (await house.first.client.listSessions({ size: 200 })).sessions.length;

  test('is not opened, nor its mandate fixed, by a dry run', async () => {
    const before = await listed();
    const first = (limit: string, dryRun: boolean) =>
      request({
        ...read(''),
        session: { key: 'thread-dry', mandate: thousand({ limits: { payments: limit } }) },
        token,
        dryRun,
      });
    const tried = await decided(house.first, first('1000', true));
    expect([tried.effect, tried.sessionId]).toEqual(['allow', '']);
    expect(await listed()).toBe(before);
    const { sessionId } = await decided(house.first, first('5', false));
    expect((await house.first.client.getSession(sessionId)).remaining).toEqual({ payments: '5' });
  });

  test('is not opened under a mandate that is over, which leaves its key free', async () => {
    const before = await listed();
    const asked = (expiresAt: number) =>
      request({ ...read(''), session: { key: 'thread-over', mandate: thousand({ expiresAt }) }, token });
    expect(await ask(house.first, asked(Date.now() - 1000))).toEqual(['session.expired', false]);
    expect(await listed()).toBe(before);
    expect(await ask(house.first, asked(Date.now() + 600_000))).toEqual(['allow', false]);
  });
});
