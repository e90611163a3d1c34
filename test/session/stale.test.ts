/** The store is gone: public reads are decided by what is known, and nothing else is. */
import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/model/refusal.ts';
import { createMemorySessionStore } from '../../src/session/memory.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { allow, createWorld, MANDATE, NOW, pep, refuse, requestId, said, type Wish } from './world.ts';

/** A store that can be taken away, before it hears of a command or after it did it. */
function fragile(): { store: SessionStore; take: (how: 'unheard' | 'unanswered' | undefined) => void } {
  const store = createMemorySessionStore();
  let gone: 'unheard' | 'unanswered' | undefined;
  const lost = () => new Fault('SESSION_STORE_UNAVAILABLE', 'it is gone');
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    if (gone === 'unheard') throw lost();
    const done = await work();
    if (gone === 'unanswered') throw lost();
    return done;
  };
  return {
    store: {
      append: (...args) => guarded(() => store.append(...args)),
      load: (key) => guarded(() => store.load(key)),
      snapshot: (...args) => guarded(() => store.snapshot(...args)),
      open: (...args) => guarded(() => store.open(...args)),
      find: (...args) => guarded(() => store.find(...args)),
      list: (...args) => guarded(() => store.list(...args)),
      close: () => store.close(),
    },
    take: (how) => {
      gone = how;
    },
  };
}

const PUBLIC = 'exchange_rate.read';
const lookup = (session: string, more: Wish = {}): Wish => ({
  session,
  action: PUBLIC,
  class: 'read',
  stateless: true,
  ...more,
});

async function setUp() {
  const { store, take } = fragile();
  const build = () => createWorld(store, { isStateless: (action) => action === PUBLIC });
  const world = build();
  const session = await world.open({ actions: [...MANDATE.actions, PUBLIC] });
  await world.ask({ session });
  return { world, other: build(), session, take };
}

const UNAVAILABLE = { reason: 'SESSION_STORE_UNAVAILABLE' };

describe('a public read while the store is gone', () => {
  test.each(['unheard', 'unanswered'] as const)(
    'of a session known here is judged by what is known of it, command %s',
    async (how) => {
      const { world, session, take } = await setUp();
      take(how);
      const seen: unknown[] = [];
      const policy: Wish['policy'] = ({ steps }) => {
        seen.push(steps);
        return allow();
      };
      for (let i = 0; i < 2; i += 1) {
        const decision = await world.ask(lookup(session, { policy }));
        expect(decision).toMatchObject({ effect: 'allow', stale: true });
        expect(decision.committed).toBeUndefined();
        expect(decision.executionKey).toBeUndefined();
      }
      expect(seen).toEqual([1, 1]);
    },
  );

  test('of a session not known here is judged as without one', async () => {
    const { other, session, take } = await setUp();
    take('unheard');
    const sessions: unknown[] = [];
    const decision = await other.ask(
      lookup(session, {
        policy: (view) => {
          sessions.push(view);
          return allow();
        },
      }),
    );
    expect(decision).toMatchObject({ effect: 'allow', stale: true });
    // The world asks its policy about sessions only: for none it allows.
    expect(sessions).toEqual([]);
  });

  test('is refused by policy as ever', async () => {
    const { world, session, take } = await setUp();
    take('unheard');
    const decision = await world.ask(lookup(session, { policy: () => refuse('session.rate', 'throttle') }));
    expect([said(decision), decision.stale]).toEqual(['session.rate', true]);
  });

  test.each<[string, (world: Awaited<ReturnType<typeof setUp>>) => Promise<unknown>, string]>([
    ['closed', ({ world, session }) => world.room.verbs.close(pep(), session), 'session.task_closed'],
    ['suspended', ({ world, session }) => world.room.verbs.suspend(pep(), session, ''), 'session.suspended'],
  ])('is refused in a session last known as %s', async (_what, change, code) => {
    const all = await setUp();
    await change(all);
    all.take('unheard');
    expect(said(await all.world.ask(lookup(all.session)))).toBe(code);
  });

  test('is not answered where it would spend something', async () => {
    const { world, session, take } = await setUp();
    take('unheard');
    const policy = () => allow({ budget: 'money', amount: '1' });
    await expect(world.ask(lookup(session, { policy }))).rejects.toMatchObject(UNAVAILABLE);
  });

  test('is not answered past its deadline', async () => {
    const { world, session, take } = await setUp();
    take('unheard');
    const late = lookup(session, { deadline: NOW - 1 });
    await expect(world.ask(late)).rejects.toMatchObject({ reason: 'DEADLINE_PASSED' });
  });

  test('under a chain is not answered for a session not known here: the chain cannot be held against it', async () => {
    const { other, session, take } = await setUp();
    take('unheard');
    await expect(other.ask(lookup(session, { chain: ['hop'] }))).rejects.toMatchObject(UNAVAILABLE);
  });

  test('opens nothing', async () => {
    const { world, take } = await setUp();
    take('unheard');
    const opening = { kind: 'open', key: 'thread-1', mandate: MANDATE } as const;
    await expect(world.ask(lookup('', { session: opening }))).rejects.toMatchObject(UNAVAILABLE);
  });

  test('an allow ends no later than the mandate', async () => {
    const { world, take } = await setUp();
    const session = await world.open({ expiresAt: NOW + 1000 });
    await world.ask({ session });
    take('unheard');
    expect(await world.ask(lookup(session))).toMatchObject({ stale: true, expiresAt: NOW + 1000 });
  });

  test('leaves no step behind, and the first answer of the store that is back is a step again', async () => {
    const { world, session, take } = await setUp();
    take('unheard');
    await world.ask(lookup(session));
    take(undefined);
    expect((await world.ask(lookup(session))).stale).toBeUndefined();
    expect((await world.room.verbs.get(pep(), session)).steps).toBe(2);
  });

  test('whose append was done unheard is found by its retry as it was answered', async () => {
    const { world, session, take } = await setUp();
    const wish = lookup(session, { request: requestId(NOW) });
    take('unanswered');
    const first = await world.ask(wish);
    take(undefined);
    expect(await world.ask(wish)).toMatchObject({ id: first.id, effect: 'allow', replayed: true });
  });
});

test.each<[string, Wish]>([
  ['an effectful action', {}],
  ['a read that is not public', { class: 'read', action: 'invoice.read' }],
  ['a dry run of an effectful action', { dryRun: true }],
])('%s is not answered while the store is gone', async (_what, wish) => {
  const { world, other, session, take } = await setUp();
  take('unheard');
  for (const each of [world, world, other])
    await expect(each.ask({ session, ...wish })).rejects.toMatchObject(UNAVAILABLE);
});

test('a dry run of a public read says that it is stale once the store is known to be gone', async () => {
  const { world, session, take } = await setUp();
  take('unheard');
  expect(await world.ask(lookup(session, { dryRun: true }))).toMatchObject({ effect: 'allow', stale: true });
});
