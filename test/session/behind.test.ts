/** A session that was judged by a newer policy is not judged by an older one, whichever replica is asked. */
import { describe, expect, test } from 'vitest';
import { createMemorySessionStore } from '../../src/session/memory.ts';
import { createWorld, pep, refuse, requestId, said, type World } from './world.ts';

const behind = expect.objectContaining({ reason: 'POLICY_BEHIND' });

/** Two replicas on one store; the first has something newer in force. */
async function open(newer: Partial<World['inForce']>) {
  const store = createMemorySessionStore();
  const calls = { catchUps: 0, catchesUp: true };
  const ahead = createWorld(store, { snapshotEvery: 2 });
  Object.assign(ahead.inForce, newer);
  const lags: World = createWorld(store, {
    policy: {
      isOlderThan: ({ activation, dataVersion }) =>
        activation > lags.inForce.activation || dataVersion > lags.inForce.dataVersion,
      async catchUp() {
        calls.catchUps += 1;
        if (calls.catchesUp) Object.assign(lags.inForce, ahead.inForce);
      },
    },
  });
  const session = await ahead.open();
  return { ahead, lags, session, calls };
}

describe.each([
  ['activation', { activation: 2 }],
  ['data', { dataVersion: 2 }],
])('a newer %s in a session', (_what, newer) => {
  test('is caught up with before the next ask is judged, and once', async () => {
    const { ahead, lags, session, calls } = await open(newer);
    await lags.ask({ session });
    await ahead.ask({ session });
    expect(calls.catchUps).toBe(0);
    // Whatever it missed, it learns by its own append, and judges again.
    expect(said(await lags.ask({ session }))).toBe('allow');
    expect(lags.inForce).toEqual(ahead.inForce);
    expect(said(await lags.ask({ session }))).toBe('allow');
    expect(calls.catchUps).toBe(1);
  });

  test('that does not come into force leaves the ask undecided, and no step', async () => {
    const { ahead, lags, session, calls } = await open(newer);
    await ahead.ask({ session });
    calls.catchesUp = false;
    for (const dryRun of [false, true]) await expect(lags.ask({ session, dryRun })).rejects.toEqual(behind);
    expect(await ahead.room.verbs.get(pep(), session)).toMatchObject({ steps: 1 });
    calls.catchesUp = true;
    expect(said(await lags.ask({ session }))).toBe('allow');
  });

  test('is told by a snapshot too', async () => {
    const { ahead, lags, session } = await open(newer);
    for (let i = 0; i < 5; i += 1) await ahead.ask({ session });
    await new Promise((resolve) => setImmediate(resolve));
    expect(said(await lags.ask({ session }))).toBe('allow');
    expect(lags.inForce).toEqual(ahead.inForce);
  });

  test('leaves answers as they were given', async () => {
    const { ahead, lags, session, calls } = await open(newer);
    const wish = { session, request: requestId(ahead.clock.at) };
    const first = await ahead.ask(wish);
    calls.catchesUp = false;
    expect(await lags.ask(wish)).toMatchObject({ id: first.id, effect: 'allow', replayed: true });
  });

  test('counts for a refusal as for an allow', async () => {
    const { ahead, lags, session, calls } = await open(newer);
    await ahead.ask({ session, policy: () => refuse('policy.undefined') });
    calls.catchesUp = false;
    await expect(lags.ask({ session })).rejects.toEqual(behind);
  });
});

test('an older replica of both numbers in turn is behind of the newest of each', async () => {
  const { ahead, lags, session, calls } = await open({ activation: 2 });
  await ahead.ask({ session });
  Object.assign(ahead.inForce, { activation: 2, dataVersion: 3 });
  await ahead.ask({ session });
  Object.assign(lags.inForce, { activation: 1, dataVersion: 3 });
  calls.catchesUp = false;
  await expect(lags.ask({ session })).rejects.toEqual(behind);
});
