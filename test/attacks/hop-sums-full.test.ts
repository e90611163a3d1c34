/** A chain's every hop is accounted for in the session: many of them fill it, and then nothing more is spent. */
import { expect, test } from 'vitest';
import { DEFAULT_BOUNDS } from '../../src/session/bounds.ts';
import { allow, createWorld, EVE, said, type Wish } from '../session/world.ts';

/** Spends 1 through a chain of these hops, as another business act each time. */
let acts = 0;
function via(session: string, ...hops: string[]): Wish {
  acts += 1;
  return {
    session,
    identity: `act-${acts}`,
    caller: { actor: EVE },
    authority: { hops, depth: hops.length, root: { by: EVE, task: 't' } },
    policy: () => allow({ budget: 'money', amount: '1' }),
  };
}

test('hops made up one after the other fill a session, and it says so', async () => {
  // The opening mandate is debited beside every hop.
  const world = createWorld(undefined, { bounds: { ...DEFAULT_BOUNDS, hopSums: 4 } });
  const session = await world.open({ actor: EVE });
  expect(said(await world.ask(via(session, 'h1')))).toBe('allow');
  expect(said(await world.ask(via(session, 'h2')))).toBe('allow');
  expect(said(await world.ask(via(session, 'h3')))).toBe('session.full');
  expect(said(await world.ask(via(session, 'h4', 'h5', 'h6', 'h7')))).toBe('session.full');
  // Without a chain nothing is debited to hops.
  expect(said(await world.ask({ ...via(session), authority: {} }))).toBe('allow');
});
