/** What a replay asks and reports, by a decision point that notes it. */
import { describe, expect, test } from 'vitest';
import { mapSuites } from '../../bench/judge/catalog.ts';
import type { Answer, Asked, Pdp, Told } from '../../bench/judge/pdp.ts';
import { replay } from '../../bench/judge/replay.ts';
import type { Trace } from '../../bench/judge/traces.ts';
import type { Mandate } from '../../src/model/mandate.ts';
import { step, trace } from './made.ts';

function noting(answer: (asked: Asked) => Partial<Answer> = () => ({})) {
  const mandates: Mandate[] = [];
  const asks: Asked[] = [];
  const told: Told[] = [];
  const pdp: Pdp = {
    async open(mandate) {
      mandates.push(mandate);
      return 's';
    },
    async amend(_, mandate) {
      mandates.push(mandate);
    },
    async ask(asked) {
      asks.push(asked);
      return { effect: 'allow', codes: [], provenance: {}, id: `d${asks.length}`, ...answer(asked) };
    },
    async report(report) {
      told.push(report);
    },
    async close() {},
  };
  const catalog = mapSuites([{ name: 'estate', tools: new Map() }]);
  const run = (each: Trace, steps?: number) => replay(each, { pdp, catalog, token: 't' }, steps);
  return { mandates, asks, told, run };
}

test('a session is opened for what the user said, and each allowed call is reported with its output', async () => {
  const { mandates, asks, told, run } = noting();
  await run(
    trace({
      steps: [step({ args: { to: 'a' }, output: '{"ok": true}' }), step({ output: null, error: 'no' })],
    }),
  );
  expect(mandates[0]).toMatchObject({ purpose: 'write a letter', actions: ['estate.*'], declared: {} });
  expect(asks.map(({ action, args }) => [action, args])).toEqual([
    ['estate.send', { to: 'a' }],
    ['estate.send', {}],
  ]);
  expect(told).toMatchObject([
    { decision: 'd1', error: null, output: { ok: true } },
    { decision: 'd2', error: 'no', output: '' },
  ]);
});

test.each(['deny', 'throttle'] as const)(
  'a call that was answered %s is not reported, and the next is asked',
  async (effect) => {
    const { asks, told, run } = noting(() => ({ effect }));
    await run(trace({ steps: [step(), step()] }));
    expect(asks).toHaveLength(2);
    expect(told).toEqual([]);
  },
);

test('what the user says later amends the mandate before that step', async () => {
  const { mandates, run } = noting();
  const turns = [
    { before_step: 1, text: 'to Ida' },
    { before_step: 1, text: 'today' },
    { before_step: 9, text: 'thanks' },
  ];
  await run(trace({ turns, steps: [step(), step(), step()] }));
  expect(mandates.map(({ purpose }) => purpose)).toEqual(['write a letter', 'write a letter\nto Ida\ntoday']);
});

test('of more words than a mandate holds, the last ones stay', async () => {
  const { mandates, run } = noting();
  await run(trace({ prompt: 'ß'.repeat(20_000), turns: [{ before_step: 0, text: 'last words' }] }));
  for (const { purpose } of mandates) expect(Buffer.byteLength(purpose)).toBeLessThanOrEqual(16 * 1024);
  expect(mandates.at(-1)?.purpose).toMatch(/ß\nlast words$/);
});

describe('what is escalated', () => {
  const doubted = { to: 'unknown', at: 'user', text: 'untrusted' };
  const args = { to: 'a@b.example', at: 'noon', text: 'see https://c.example/x.' };
  const escalating = () => {
    let asked = 0;
    return noting(() => ((asked += 1) === 1 ? { effect: 'escalate', provenance: doubted } : {}));
  };

  test('is agreed to when the user’s task needs it: its values become the user’s, and it is asked again', async () => {
    const { mandates, asks, told, run } = escalating();
    const { calls } = await run(trace({ steps: [step({ args })] }));
    expect(mandates.at(-1)?.declared).toEqual({
      approved_1: 'a@b.example',
      approved_2: 'see https://c.example/x.',
      approved_3: 'https://c.example/x',
    });
    expect(asks).toHaveLength(2);
    expect(told).toHaveLength(1);
    expect(calls.map(({ answer }) => answer.effect)).toEqual(['escalate']);
  });

  test.each(['core', 'aux'] as const)('is refused when it is %s to an attack', async (mal) => {
    const { mandates, asks, told, run } = escalating();
    await run(trace({ kind: 'attack', steps: [step({ args, mal })] }));
    expect([mandates.length, asks.length, told.length]).toEqual([1, 1, 0]);
  });
});

test.each([
  ['a name that no action has', step({ tool: 'a tool' })],
  ['a name that is too long', step({ tool: 'x'.repeat(200) })],
  ['a number that two readers read differently', step({ args: { id: 1e300 } })],
  ['arguments that nest too deep', step({ args: { a: JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`) } })],
  ['arguments that are too large', step({ args: { a: 'x'.repeat(300_000) } })],
])('%s cannot be sent: it counts as denied, and the session goes on', async (_, unsendable) => {
  const { asks, run } = noting();
  const { calls } = await run(trace({ steps: [unsendable, step()] }));
  expect(calls.map(({ answer }) => answer.codes)).toEqual([['client.malformed_ask'], []]);
  expect(asks).toHaveLength(1);
});

test.each([
  ['that nests too deep', JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`), ''],
  [
    'with a number that two readers read differently',
    '{"id": 12345678901234567890}',
    '{"id": 12345678901234567890}',
  ],
])('an output %s is reported as the text that was printed, if there is one', async (_, output, wanted) => {
  const { told, run } = noting();
  await run(trace({ steps: [step({ output })] }));
  expect(told).toMatchObject([{ output: wanted }]);
});

test('no more steps are driven than asked for', async () => {
  const { asks, run } = noting();
  await run(trace({ steps: [step(), step(), step()] }), 2);
  expect(asks).toHaveLength(2);
});
