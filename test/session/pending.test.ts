/** What is on its way into the store is no answer yet: it may never arrive there. */
import { expect, test } from 'vitest';
import { createMemorySessionStore } from '../../src/session/memory.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { allow, createWorld, NOW, pep, refuse, requestId, said, type Wish } from './world.ts';

/** A store whose next append waits for its end, and then fails with nothing written. */
function hanging(): { readonly store: SessionStore; hang(): void; readonly hung: boolean; fail(): void } {
  const memory = createMemorySessionStore();
  let due = false;
  let end: ((cause: Error) => void) | undefined;
  return {
    store: {
      ...memory,
      append(key, expected, entries) {
        if (!due) return memory.append(key, expected, entries);
        due = false;
        return new Promise((_, reject) => {
          end = reject;
        });
      },
    },
    hang: () => {
      due = true;
    },
    get hung() {
      return end !== undefined;
    },
    fail: () => end?.(new Error('the connection is gone')),
  };
}

test('a verdict on a session that moved on meanwhile is not committed: the session is judged again as it is now', async () => {
  const world = createWorld();
  const session = await world.open();
  const saw: number[] = [];
  const decision = await world.ask({
    session,
    policy: (seen, facts) => {
      saw.push(seen.steps);
      if (seen.steps > 0) return refuse('session.rate');
      const ask = { ...facts.ask, requestId: requestId(NOW + 1) };
      void world.room.commit({ ...facts, id: 'other', ask }, allow(), undefined);
      return allow();
    },
  });
  expect(saw).toEqual([0, 1]);
  expect(said(decision)).toBe('session.rate');
});

test('a request id whose first append never arrives is allowed to nobody who asked meanwhile', async () => {
  const way = hanging();
  const world = createWorld(way.store);
  const session = await world.open();
  const wish: Wish = {
    session,
    request: requestId(NOW),
    policy: () => allow({ budget: 'money', amount: '10' }),
  };
  way.hang();
  const [first, ...others] = Array.from({ length: 4 }, () => world.ask(wish));
  const lost = expect(first).rejects.toMatchObject({ reason: 'SESSION_STORE_UNAVAILABLE' });
  // Each has its answer while the append still hangs: none may wait for what it cannot know.
  const answers = await Promise.all(others);
  expect(way.hung).toBe(true);
  expect(answers.map((decision) => [decision.effect, said(decision)])).toEqual(
    others.map(() => ['throttle', 'session.contended']),
  );
  way.fail();
  await lost;
  expect(await world.room.verbs.get(pep(), session)).toMatchObject({
    steps: 0,
    remaining: { money: '1000' },
  });
  // Nothing was written, so the id is as good as new, and answered again from then on.
  const again = await world.ask(wish);
  expect([again.effect, again.replayed]).toEqual(['allow', undefined]);
  expect(await world.ask(wish)).toEqual({ ...again, replayed: true });
  expect(await world.room.verbs.get(pep(), session)).toMatchObject({ steps: 1, spent: { money: '10' } });
});
