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

async function stage(
  agents: Record<string, Record<string, unknown>> = {},
  limits: Record<string, string> = { money: '1000' },
): Promise<Stage> {
  const world = createWorld();
  world.clock.at = AT;
  const session = await world.open({ actor: identityOf('a'), expiresAt: AT + 3_600_000, limits });
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

test.each<[what: string, opening: Record<string, string>, limits: Record<string, string>, first: string[]]>([
  ['a hop that names no limit', { money: '5' }, {}, ['allow', 'session.budget']],
  ['a hop that names its limit', { money: '5' }, { money: '5' }, ['allow', 'session.budget']],
  ['a budget that the opening mandate did not have', {}, {}, ['session.budget', 'session.budget']],
])('a mandate amended to more leaves what it gave to chains: %s', async (_what, limits, named, first) => {
  const { world, session, give, spend } = await stage({}, limits);
  const chain = [await give('a', 'b', { limits: named })];
  expect([
    said(await world.ask(spend('b', chain, '5'))),
    said(await world.ask(spend('b', chain, '1'))),
  ]).toEqual(first);
  const { mandate } = await world.room.verbs.get(pep(), session);
  await world.room.verbs.amend(pep(), session, { ...mandate, limits: { money: '700' } });
  expect(said(await world.ask(spend('b', chain, '1')))).toBe('session.budget');
  // Nor through a hop beside it, which was signed over the same mandate.
  expect(said(await world.ask(spend('c', [await give('a', 'c')], '1')))).toBe('session.budget');
  expect(said(await world.ask(spend('a', [], '600')))).toBe('allow');
});

test('what an agent spends without a chain is not taken from what it gave to its delegates', async () => {
  const { world, session, give, spend } = await stage({}, { money: '5' });
  const { mandate } = await world.room.verbs.get(pep(), session);
  await world.room.verbs.amend(pep(), session, { ...mandate, limits: { money: '700' } });
  const chain = [await give('a', 'b')];
  expect(said(await world.ask(spend('a', [], '600')))).toBe('allow');
  expect(said(await world.ask(spend('b', chain, '5')))).toBe('allow');
});

test('an operation asked again under another chain is debited to that one too', async () => {
  const { world, give, spend } = await stage();
  const one = [await give('a', 'b', { limits: { money: '1' } })];
  const two = [await give('a', 'b', { limits: { money: '1' }, exp: NOW + 299 })];
  expect(said(await world.ask({ ...spend('b', one, '1'), operation: 'o1' }))).toBe('allow');
  expect(said(await world.ask({ ...spend('b', two, '1'), operation: 'o2', args: { n: 2 } }))).toBe('allow');
  expect(said(await world.ask({ ...spend('b', two, '1'), operation: 'o1' }))).toBe('session.budget');
  expect(said(await world.ask({ ...spend('b', one, '1'), operation: 'o1' }))).toBe('allow');
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
