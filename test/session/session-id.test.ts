import { describe, expect, test } from 'vitest';
import { mintSessionId, notDashed } from '../../src/session/session-id.ts';
import { createWorld, MANDATE, refuse } from './world.ts';

// One in 64 of ids that were not kept from it would begin so.
const MANY = 1000;

describe('no id of a session is an option to a command line', () => {
  test.each([
    ['-FQ6gLE02kC-AAFOpr3fxw', '_FQ6gLE02kC-AAFOpr3fxw'],
    ['--Q6gLE02kC-AAFOpr3fxw', '_-Q6gLE02kC-AAFOpr3fxw'],
    ['FQ6gLE02kC-AAFOpr3fxw-', 'FQ6gLE02kC-AAFOpr3fxw-'],
  ])('%s becomes %s', (id, plain) => expect(notDashed(id)).toBe(plain));

  test('one that is minted', () => {
    const ids = Array.from({ length: MANY }, mintSessionId);
    expect(ids.filter((id) => !/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(MANY);
  });

  test('that of a session that is opened', async () => {
    const world = createWorld();
    const dashed: string[] = [];
    for (let i = 0; i < MANY; i += 1) {
      const id = await world.open();
      if (id.startsWith('-')) dashed.push(id);
    }
    expect(dashed).toEqual([]);
  });

  test('that of a session that only a dry run sees', async () => {
    const world = createWorld();
    const ids: string[] = [];
    for (let i = 0; i < MANY; i += 1)
      await world.ask({
        session: { kind: 'open', key: `thread-${i}`, mandate: MANDATE },
        dryRun: true,
        policy: ({ id }) => {
          ids.push(id);
          return refuse('policy.unspoken');
        },
      });
    expect([ids.length, ids.filter((id) => id.startsWith('-'))]).toEqual([MANY, []]);
  });
});
