/** Real chains through the real walk and a real session: what they limit, and for how long. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { allow, createWorld, pep, requestId, said, type Wish, type World } from '../session/world.ts';
import { AT, agentSection, callerOf, type HopChanges, hop, identityOf, NOW, verifierOf } from './chains.ts';

interface Stage {
  readonly world: World;
  readonly session: string;
  /** A hop of this session. */
  readonly give: (from: string, to: string, changes?: HopChanges) => Promise<string>;
  /** `name` spends so much, on this chain. */
  readonly spend: (name: string, chain: readonly string[], amount: string) => Wish;
}

async function stage(agents: Record<string, Record<string, unknown>> = {}): Promise<Stage> {
  const world = createWorld();
  world.clock.at = AT;
  const session = await world.open({ actor: identityOf('a'), expiresAt: AT + 3_600_000 });
  const { mandateDigest: mandate } = await world.room.verbs.get(
    { id: 'pep-1', tenant: 'acme', roles: new Set() },
    session,
  );
  const { verifyDelegation } = verifierOf(agents);
  return {
    world,
    session,
    give: (from, to, changes = {}) => hop(from, to, { mandate, actions: ['payment.send'], ...changes }),
    spend: (name, chain, amount) => ({
      session,
      chain,
      verifyDelegation,
      caller: callerOf(name),
      policy: () => allow({ budget: 'money', amount }),
    }),
  };
}

test('an allow ends with the first hop to end, and is not given again after it', async () => {
  const { world, give, spend } = await stage();
  const root = await give('a', 'b', { exp: NOW + 20 });
  const leaf = await give('b', 'c', { exp: NOW + 300, parent: root });
  const wish = { ...spend('c', [root, leaf], '1'), request: requestId(AT) };
  const decision = await world.ask(wish);
  expect([said(decision), decision.expiresAt]).toEqual(['allow', (NOW + 20) * 1000]);
  expect(await world.ask(wish)).toMatchObject({ replayed: true, expiresAt: decision.expiresAt });
  world.clock.at = (NOW + 20) * 1000;
  expect(said(await world.ask(wish))).toBe('delegation.expired');
});

test('a mandate amended to last longer does not make its hops last longer', async () => {
  const { world, session, give, spend } = await stage();
  const opener = pep();
  const { mandate } = await world.room.verbs.get(opener, session);
  const chain = [await give('a', 'b', { exp: NOW + 86_400 })];
  const wish = { ...spend('b', chain, '1'), caller: callerOf('b', { expiresAt: AT + 86_400_000 }) };
  await world.room.verbs.amend(opener, session, { ...mandate, expiresAt: AT + 7_200_000 });
  world.clock.at = AT + 3_599_000;
  const last = await world.ask(wish);
  expect([said(last), last.expiresAt]).toEqual(['allow', AT + 3_600_000]);
  world.clock.at = AT + 3_600_000;
  expect(said(await world.ask(wish))).toBe('delegation.expired');
});

test('parallel delegates have each their own limit, and share that of the hop above them', async () => {
  const { world, give, spend } = await stage();
  const root = await give('a', 'b', { limits: { money: '100' } });
  const toC = [root, await give('b', 'c', { limits: { money: '60' }, parent: root })];
  const toD = [root, await give('b', 'd', { limits: { money: '60' }, parent: root })];
  const asked: readonly (readonly [string, readonly string[], string])[] = [
    ['c', toC, '60'],
    ['c', toC, '1'],
    ['d', toD, '41'],
    ['d', toD, '40'],
    ['d', toD, '1'],
  ];
  const answers: string[] = [];
  for (const [name, chain, amount] of asked) answers.push(said(await world.ask(spend(name, chain, amount))));
  expect(answers).toEqual(['allow', 'session.budget', 'session.budget', 'allow', 'session.budget']);
});

test('a signature written in its other form brings no second budget', async () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'ES256' };
  const { world, give, spend } = await stage({ a: { ...agentSection('a'), keys: [jwk] } });
  const { privateKey } = pair;
  const given = await give('a', 'b', { privateKey, alg: 'ES256', limits: { money: '50' } });
  const other = withOtherSignature(given);
  expect(other).not.toBe(given);
  expect(said(await world.ask(spend('b', [given], '50')))).toBe('allow');
  expect(said(await world.ask(spend('b', [other], '1')))).toBe('session.budget');
  expect(said(await world.ask(spend('b', [other], '0')))).toBe('allow');
});

/** Of (r, s) and (r, n - s) each is valid when the other is (SEC 1 §4.1.4), and anybody can write either. */
function withOtherSignature(compact: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const [header, payload, signature = ''] = compact.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  bytes.write(s.toString(16).padStart(64, '0'), 32, 'hex');
  return `${header}.${payload}.${bytes.toString('base64url')}`;
}
