import { expect, test } from 'vitest';
import { decide, type Rooms } from '../src/decide.ts';
import type { Ask } from '../src/model/ask.ts';
import type { Answer, Judged, Verdict } from '../src/model/decision.ts';
import type { Trail } from '../src/model/facts.ts';
import { Refusal } from '../src/model/refusal.ts';

const verdict: Verdict = { effect: 'allow', reasons: [], obligations: [], consume: [] };
const judged: Judged = {
  verdict,
  revision: 'r',
  activation: 1,
  dataVersion: 0,
  input: '{"before":"the race"}',
};

/** A walk whose first commit loses the race to a close; every other station lets it through. */
function racing(sealed: { trail: Trail; answer: Answer }[]): Rooms {
  let visits = 0;
  const rooms = {
    now: () => 1,
    mintId: () => 'decision',
    verifyToken: () => ({}),
    findSession: async () => ({}),
    verifyDelegation: () => ({}),
    readAction: () => ({}),
    enterSession: () => {
      visits += 1;
      if (visits > 1) throw new Refusal('session.task_closed');
      return {};
    },
    traceArguments: () => ({}),
    evaluatePolicy: () => judged,
    holdFloors: () => verdict,
    commit: async () => undefined,
    nameCause: (_trail: Trail, answer: Answer) => answer,
    seal: async (trail: Trail, answer: Answer) => {
      sealed.push({ trail, answer });
      return answer;
    },
    reportFault: () => {
      throw new Error('nothing of ours fails here');
    },
  };
  return rooms as unknown as Rooms;
}

test('a refusal after a lost race is not recorded with what was judged before the race', async () => {
  const sealed: { trail: Trail; answer: Answer }[] = [];
  await decide({ pep: { tenant: 'acme' } } as Ask, racing(sealed));
  expect(sealed).toHaveLength(1);
  expect(sealed[0]?.answer.effect).toBe('deny');
  expect(sealed[0]?.answer.reasons[0]?.code).toBe('session.task_closed');
  expect(sealed[0]?.trail.judged).toBeUndefined();
});
