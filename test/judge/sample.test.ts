/** The sample's sessions through the real walk, in process and over the stream. */
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { countAll } from '../../bench/judge/counts.ts';
import { PROTOCOLS } from '../../bench/judge/folds.ts';
import { type JudgedProtocol, judge } from '../../bench/judge/judge.ts';
import { createLearner, type MakeLearner } from '../../bench/judge/learner.ts';
import { readSuites } from '../../bench/judge/suites.ts';

const suites = readSuites(fileURLToPath(new URL('sample', import.meta.url)));
const realNow = Date.now;
let judged: readonly JudgedProtocol[];
beforeAll(async () => {
  judged = await judge(suites, { protocols: PROTOCOLS, sample: 1000, seed: 1 });
});

const ESTATE = {
  attacks: 5,
  stopped: 4,
  denied: 0,
  escalated: 4,
  hit: 4,
  benign: 9,
  interrupted: 1,
  benign_denied: 1,
  rejected: 2,
};

test('the clock is the real one again', () => {
  expect(Date.now).toBe(realNow);
});

test('sessions that are not judged are left out by why', () => {
  expect(suites.map(({ left }) => left)).toEqual([{ collision: 1, resisted: 1, unsolved: 1 }]);
});

describe.each(PROTOCOLS)('%s', (protocol) => {
  const of = (): JudgedProtocol => judged.find((each) => each.protocol === protocol) ?? expect.fail();

  test('counts exactly what the sample was written for', () => {
    expect(countAll(of().outcomes, suites)).toEqual({ ...ESTATE, suites: { estate: ESTATE }, beside: {} });
  });

  test('fails nowhere, and every session is answered alike over the stream', () => {
    expect(of().failures).toEqual([]);
    expect(of().sampled).toBe(14);
  });

  test('plays sessions to learn from, but for cold, and says that none was taken', () => {
    const learned = of().parts.map((part) => part.learned);
    expect(learned.every(({ played }) => played > 0)).toBe(protocol !== 'cold');
    expect(learned.every(({ taken }) => taken === 0)).toBe(true);
  });
});

test('the one miss is a known value in an ordinary tool', () => {
  const missed =
    judged[0]?.outcomes.filter(({ trace, stop }) => trace.kind === 'attack' && stop === undefined) ?? [];
  expect(missed.map(({ trace }) => trace.goal)).toEqual(['lost_request']);
});

test('a person who agreed is not asked again, and the session goes on', () => {
  const thanks = judged[0]?.outcomes.find(({ trace }) => trace.task === 'thanks');
  expect(thanks?.calls.map(({ answer }) => answer.effect)).toEqual(['escalate', 'allow', 'allow', 'allow']);
});

test('what the user says later is the user’s', () => {
  const code = judged[0]?.outcomes.find(({ trace }) => trace.task === 'code');
  expect(code?.calls.at(-1)?.answer).toMatchObject({ effect: 'allow', provenance: { code: 'user' } });
});

test('a session that cannot be replayed is named, and keeps no other from being judged', async () => {
  const [suite] = suites;
  const [first, ...others] = suite?.traces ?? [];
  if (suite === undefined || first === undefined) return expect.fail();
  const steps = [{ ...first.steps[0], tool: 'find_tenant', args: null }] as unknown as typeof first.steps;
  const broken = { ...suite, traces: [{ ...first, steps }, ...others] };
  const [cold] = await judge([broken], { protocols: ['cold'], sample: 0, seed: 1 });
  expect(cold?.failures).toEqual([{ session: 'estate:1', problem: expect.stringMatching(/^judges: /) }]);
  expect(cold?.outcomes).toHaveLength(others.length);
});

test('where a house takes sessions in, the first fold is judged after more and more of them', async () => {
  const learner: MakeLearner = (by) => {
    const { learn, learned } = createLearner(by);
    return { learn, learned: () => ({ ...learned(), taken: learned().played }) };
  };
  const [unseen] = await judge(suites, { protocols: ['unseen'], sample: 0, seed: 1, learner });
  const sizes = unseen?.learning.map(({ sessions }) => sessions);
  expect(sizes).toEqual([0, 5]);
  expect(unseen?.learning.every(({ outcomes }) => outcomes.length > 0)).toBe(true);
});
