/** An operation that was allowed more than once: what it holds follows from what was told of all its allows. */
import { describe, expect, test } from 'vitest';
import type { Authority } from '../../src/model/authority.ts';
import type { Decision } from '../../src/model/decision.ts';
import type { Session } from '../../src/model/session.ts';
import { createMemorySessionStore } from '../../src/session/memory.ts';
import { allow, createWorld, MANDATE, pep, requestId, said, type Wish, type World } from './world.ts';

const PROOF = { proof: 'returned by the bank' };
const SEEN = [{ hash: 'b'.repeat(16), origin: 'untrusted' as const }];
const spend = (amount: string) => () => allow({ budget: 'money', amount });

/** What may have been told of one allow; `silence`: that nobody knows, without an output. */
const TOLD = ['nothing', 'silence', 'unknown', 'failed', 'executed'] as const;
type Told = (typeof TOLD)[number];

function tell(world: World, session: string, { decision, told }: { decision: Decision; told: Told }) {
  if (told === 'nothing') return undefined;
  if (told === 'silence') return world.report(session, decision.id, 'unknown');
  return world.report(session, decision.id, told, { ...PROOF, seen: SEEN });
}

function comesTo(told: readonly Told[]): 'executed' | 'unknown' | 'permitted' | 'failed' {
  if (told.includes('executed')) return 'executed';
  if (told.includes('unknown') || told.includes('silence')) return 'unknown';
  return told.every((one) => one === 'failed') ? 'failed' : 'permitted';
}

function listsOf(length: number): Told[][] {
  return length === 0 ? [[]] : listsOf(length - 1).flatMap((list) => TOLD.map((one) => [...list, one]));
}

function ordersOf(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item) =>
    ordersOf(items.filter((one) => one !== item)).map((rest) => [item, ...rest]),
  );
}

/** Of these, the second is the largest. */
const AMOUNTS = ['100', '400', '250'];
const HOP: Partial<Authority> = { hops: ['h'], hopLimits: { h: { money: { units: 500n, scale: 0 } } } };

async function house(world: World = createWorld()) {
  const session = await world.open();
  const wish: Wish = { session, identity: 'pay INV-17', operation: 'op', authority: HOP };
  return { world, session, wish };
}

/** As the operation itself sees it, and as another one for the same business act does. */
async function standing(world: World, { session, wish }: { session: string; wish: Wish }) {
  const seen: Session[] = [];
  const policy: Wish['policy'] = (each) => {
    seen.push(each);
    return allow();
  };
  for (const operation of ['op', 'other']) await world.ask({ ...wish, operation, dryRun: true, policy });
  const [own, other] = seen;
  const { spent } = await world.room.verbs.get(pep(), session);
  return {
    operation: own?.operation,
    done: own?.duplicate,
    spent: spent['money'],
    left: other?.remaining['money'],
    duplicate: other?.duplicate,
  };
}

const HELD = { done: false, spent: '400', left: '100', duplicate: true };
const STANDING = {
  executed: { ...HELD, operation: 'none', done: true },
  unknown: { ...HELD, operation: 'unknown' },
  permitted: { ...HELD, operation: 'same' },
  failed: { operation: 'none', done: false, spent: '0', left: '500', duplicate: false },
};
const AGAIN = {
  executed: 'session.duplicate',
  unknown: 'session.operation_unknown',
  permitted: 'allow',
  failed: 'allow',
};

describe('what an operation amounts to', () => {
  test.each([2, 3])('follows from what was told of its %i tries, in every order', async (count) => {
    const store = createMemorySessionStore();
    const [first, replica] = [createWorld(store), createWorld(store)];
    for (const told of listsOf(count))
      for (const order of ordersOf([...told.keys()])) {
        const { world, session, wish } = await house(first);
        const tries: Decision[] = [];
        for (const amount of ['400', ...AMOUNTS].slice(-count))
          tries.push(await world.ask({ ...wish, policy: spend(amount) }));
        expect(tries.map(said)).toEqual(told.map(() => 'allow'));
        for (const at of order) {
          const [decision, one] = [tries[at], told[at]];
          if (decision !== undefined && one !== undefined)
            await tell(world, session, { decision, told: one });
        }
        const at = { told, order };
        for (const on of [world, replica])
          expect({ ...at, ...(await standing(on, { session, wish })) }).toEqual({
            ...at,
            ...STANDING[comesTo(told)],
          });
        const again = said(await world.ask({ ...wish, policy: spend('400') }));
        expect({ ...at, again }).toEqual({ ...at, again: AGAIN[comesTo(told)] });
      }
  });

  test('is not free for another while a second allow of it is out', async () => {
    const world = createWorld();
    const session = await world.open({ limits: { money: '1300' } });
    const pay = (operation: string, amount = '1200'): Wish => ({
      session,
      operation,
      identity: 'INV-9001',
      policy: spend(amount),
    });
    const [first, second] = [await world.ask(pay('op-1')), await world.ask(pay('op-1'))];
    await world.report(session, first.id, 'failed', PROOF);
    expect(said(await world.ask(pay('op-2')))).toBe('session.budget');
    expect(said(await world.ask({ ...pay('op-1'), args: { amount: '12' } }))).toBe(
      'session.operation_changed',
    );
    await world.report(session, second.id, 'executed');
    expect((await world.room.verbs.get(pep(), session)).spent).toEqual({ money: '1200' });
  });

  test('counts every try that it is asked for again after others failed', async () => {
    const { world, session, wish } = await house();
    const policy = spend('400');
    const tries = [await world.ask({ ...wish, policy }), await world.ask({ ...wish, policy })];
    const fail = async (at: number) => world.report(session, tries[at]?.id ?? '', 'failed', PROOF);
    await fail(0);
    tries.push(await world.ask({ ...wish, policy }));
    for (const at of [1, 2]) {
      expect(await standing(world, { session, wish })).toEqual(STANDING.permitted);
      await fail(at);
    }
    expect(await standing(world, { session, wish })).toEqual(STANDING.failed);
    // Free of all that was told, it begins anew.
    await world.ask({ ...wish, policy });
    expect(await standing(world, { session, wish })).toEqual(STANDING.permitted);
  });

  test('gives no allow again that failed by itself, and the one that is out', async () => {
    const { world, session, wish } = await house();
    const asked = [1, 2].map(() => ({ ...wish, request: requestId(world.clock.at) }));
    const [first, second] = asked;
    const { id } = await world.ask(first ?? {});
    const out = await world.ask(second ?? {});
    await world.report(session, id, 'failed', PROOF);
    expect(said(await world.ask(first ?? {}))).toBe('request.too_old');
    expect(await world.ask(second ?? {})).toEqual({ ...out, replayed: true });
  });
});

test('a chain renews its own allow at the limit that the opening mandate gave, whatever was added since', async () => {
  const { world, session, wish } = await house();
  await world.room.verbs.amend(pep(), session, { ...MANDATE, limits: { money: '2000' } });
  const all: Wish = { ...wish, authority: { hops: ['h'] }, policy: spend('1000') };
  for (const _ of [1, 2]) expect(said(await world.ask(all))).toBe('allow');
  expect(
    said(await world.ask({ ...all, operation: 'other', identity: 'pay INV-18', policy: spend('1') })),
  ).toBe('session.budget');
});
