import { describe, expect, test } from 'vitest';
import { Refusal } from '../../src/model/refusal.ts';
import { BOT, createWorld, EVE, MANDATE, NOW, pep, refuse, type Wish, type World } from './world.ts';

const expired = (): never => {
  throw new Refusal('delegation.expired');
};

/** Refusals that leave no step in a session, and the code that each gives. */
const REFUSED: readonly [why: string, make: (world: World) => Promise<Wish>, code: string][] = [
  ['no such session', async () => ({ session: 'nowhere' }), 'session.unknown'],
  ['no session at all', async () => ({}), 'session.required'],
  [
    'a closed session',
    async (world) => {
      const session = await world.open();
      await world.room.verbs.close(pep(), session);
      return { session };
    },
    'session.task_closed',
  ],
  [
    "somebody else's session",
    async (world) => ({ session: await world.open({ subject: EVE }) }),
    'session.not_yours',
  ],
  [
    'a chain that has expired',
    async (world) => ({ session: await world.open(), verifyDelegation: expired }),
    'delegation.expired',
  ],
  [
    'a chain that has expired, in a session yet to be opened',
    async () => ({ session: { kind: 'open', key: 'k', mandate: MANDATE }, verifyDelegation: expired }),
    'delegation.expired',
  ],
  [
    'a dry run that policy denies',
    async (world) => ({
      session: await world.open(),
      dryRun: true,
      policy: () => refuse('session.duplicate'),
    }),
    'session.duplicate',
  ],
];

describe('a refusal that is no step of a session', () => {
  test.each(REFUSED)('for %s has one cause id for all its retries', async (_why, make, code) => {
    const world = createWorld();
    const wish = await make(world);
    const answers = [];
    for (let n = 0; n < 3; n += 1) {
      world.clock.at = NOW + n * 1000;
      answers.push(await world.ask(wish));
    }
    expect(answers.map(({ reasons }) => reasons[0]?.code)).toEqual([code, code, code]);
    const causes = new Set(answers.map(({ causeId }) => causeId));
    expect(causes.size).toBe(1);
    expect([...causes][0]).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  test('has another cause id for another action, place, asker or reason', async () => {
    const world = createWorld();
    const wishes: Wish[] = [
      {},
      { action: 'invoice.approve' },
      { caller: { subject: EVE } },
      { caller: { actor: EVE } },
      { pep: pep('pep-2') },
      { pep: pep('pep-1', 'globex') },
      { session: 'nowhere' },
      { session: 'elsewhere' },
      { session: 'nowhere', pep: pep('pep-1', 'globex') },
      { verifyDelegation: expired },
      { verifyDelegation: expired, session: { kind: 'open', key: 'k1', mandate: MANDATE } },
      { verifyDelegation: expired, session: { kind: 'open', key: 'k2', mandate: MANDATE } },
    ];
    const causes = new Set();
    for (const wish of wishes) causes.add((await world.ask(wish)).causeId);
    expect(causes).not.toContain(undefined);
    expect(causes.size).toBe(wishes.length);
  });

  test('has the cause id of the step that the same refusal is', async () => {
    const world = createWorld();
    const session = await world.open();
    const wish = { session, caller: { actor: BOT }, policy: () => refuse('session.rate') };
    const step = await world.ask(wish);
    const tried = await world.ask({ ...wish, dryRun: true });
    expect(step.committed).toBeDefined();
    expect(tried.committed).toBeUndefined();
    expect(tried.causeId).toBe(step.causeId);
  });

  test('an allow has none', async () => {
    const world = createWorld();
    const asked = await world.ask({ stateless: true, class: 'read' });
    expect(asked.effect).toBe('allow');
    expect(asked.causeId).toBeUndefined();
  });
});
