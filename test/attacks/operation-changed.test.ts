/** An operation id used again, to spend a budget twice or to take over what somebody else was allowed. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mintDevChain } from '../../src/cli/dev-material.ts';
import { DEV_ISSUER } from '../../src/dev.ts';
import { ask, createGuarded, decided, type Guarded, pay, thousand } from './guarded.ts';

let house: Guarded;
let token: string;

beforeAll(async () => {
  house = await createGuarded();
  token = await house.token();
}, 30_000);

afterAll(() => house?.end());

const open = async (changes = {}): Promise<string> =>
  (await house.first.client.openSession(thousand(changes))).id;
const spent = async (session: string): Promise<unknown> =>
  (await house.first.client.getSession(session)).spent;

const CHANGED = ['session.operation_changed', false];

describe('a budget of 1000', () => {
  test('is not overspent by asking each operation again with a smaller amount', async () => {
    const session = await open();
    const allowed: string[] = [];
    for (let i = 1; i <= 5; i += 1) {
      const operationId = `o${i}`;
      const [said] = await ask(house.first, pay(session, `INV-${i}`, { operationId, token }));
      allowed.push(said);
      const smaller = pay(session, `INV-${i}`, { operationId, token, amount: '1' });
      if (said === 'allow') expect(await ask(house.first, smaller)).toEqual(CHANGED);
    }
    expect(allowed).toEqual(['allow', ...Array.from({ length: 4 }, () => 'session.budget')]);
    expect(await spent(session)).toEqual({ payments: '900' });
  });

  test('is not spent twice by asking an operation again with a larger amount', async () => {
    const session = await open({ limits: { payments: '700' } });
    const asked = { operationId: 'o', token };
    expect(await ask(house.first, pay(session, 'INV-1', { ...asked, amount: '400' }))).toEqual([
      'allow',
      false,
    ]);
    expect(await ask(house.first, pay(session, 'INV-1', { ...asked, amount: '700' }))).toEqual(CHANGED);
    expect(await spent(session)).toEqual({ payments: '400' });
  });

  test('is spent once by an operation asked again, whose reports reach it by any of its allows', async () => {
    const session = await open();
    const asked = () => pay(session, 'INV-1', { operationId: 'o', token });
    const decisions = [];
    for (let i = 0; i < 3; i += 1) decisions.push(await decided(house.first, asked()));
    expect(new Set(decisions.map(({ executionKey }) => executionKey)).size).toBe(1);
    expect(await spent(session)).toEqual({ payments: '900' });
    const decisionId = decisions[1]?.id ?? '';
    await house.first.client.report({ decisionId, sessionId: session, outcome: 'executed' });
    expect(await ask(house.first, asked())).toEqual(['session.duplicate', false]);
    expect(await spent(session)).toEqual({ payments: '900' });
  });
});

describe('the operation of another', () => {
  test('agent of the chain is neither renewed nor made smaller', async () => {
    const actor = { iss: DEV_ISSUER, id: 'orchestrator' };
    const view = await house.first.client.openSession(thousand({ actor }));
    const orchestrator = await house.token('orchestrator');
    const terms = { mandateDigest: view.mandateDigest, task: 'pay_invoices' };
    const hop = { from: 'orchestrator', to: 'payer', actions: ['payment.send'] };
    const chain = await mintDevChain([hop], terms, house.keys);
    const operationId = 'o';
    const owned = pay(view.id, 'INV-1', { operationId, token: orchestrator });
    expect(await ask(house.first, owned)).toEqual(['allow', false]);
    for (const amount of ['1', '900'])
      expect(await ask(house.first, pay(view.id, 'INV-1', { operationId, token, chain, amount }))).toEqual(
        CHANGED,
      );
    expect(await spent(view.id)).toEqual({ payments: '900' });
  });

  test('enforcement point is refused, and both report what they were allowed', async () => {
    const session = await open();
    const asked = (operationId: string, invoice = 'INV-1') =>
      pay(session, invoice, { operationId, token, amount: '400' });
    const mine = await decided(house.first, asked('o'));
    expect(await ask(house.second, asked('o'))).toEqual(CHANGED);
    const theirs = await decided(house.second, asked('p', 'INV-2'));
    const report = { sessionId: session, outcome: 'executed', output: { payment_id: 'P-77' } } as const;
    await house.first.client.report({ ...report, decisionId: mine.id });
    await house.second.client.report({ ...report, decisionId: theirs.id });
    await expect(house.second.client.report({ ...report, decisionId: mine.id })).rejects.toMatchObject({
      status: 'PERMISSION_DENIED',
    });
    expect(await spent(session)).toEqual({ payments: '800' });
  });
});
