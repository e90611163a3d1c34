import { describe, expect, test } from 'vitest';
import { unmet } from '../../src/cli/expect.ts';
import type { PlayedAsk } from '../../src/cli/played.ts';
import { readScenarios } from '../../src/cli/scenario.ts';

const ask = (effect: PlayedAsk['effect'], code = '', cause = 'c-1', replayed = false): PlayedAsk => ({
  effect,
  codes: code === '' ? [] : [code],
  words: [],
  cause_id: effect === 'allow' ? '' : cause,
  replayed,
  us: 1,
});
const rate = (effect: PlayedAsk['effect'], cause?: string): PlayedAsk => ask(effect, 'session.rate', cause);

describe('an expectation', () => {
  test.each([
    ['an effect', { effect: 'allow' }, [ask('allow')]],
    ['an effect of all repeats', { effect: 'allow' }, [ask('allow'), ask('allow')]],
    ['a reason', { effect: 'deny', codes: ['session.rate'] }, [rate('deny')]],
    [
      'a run of effects',
      { run: ['throttle', 'escalate'] },
      [rate('throttle'), rate('throttle'), rate('escalate')],
    ],
    ['one cause', { run: ['throttle', 'escalate'], one_cause: true }, [rate('throttle'), rate('escalate')]],
    ['a replay', { effect: 'allow', replayed: true }, [ask('allow', '', '', true)]],
  ] as const)('of %s is met', (_, wanted, asks) => expect(unmet(wanted, asks)).toEqual([]));

  test.each([
    ['nothing at all', {}, [ask('allow')]],
    ['a deny, by an allow', { effect: 'deny' }, [ask('allow')]],
    ['an allow, by one deny of two', { effect: 'allow' }, [ask('allow'), rate('deny')]],
    ['a reason, by another', { effect: 'deny', codes: ['session.duplicate'] }, [rate('deny')]],
    ['a reason, by an allow', { run: ['allow'], codes: ['session.rate'] }, [ask('allow')]],
    [
      'a run, by a longer one',
      { run: ['throttle', 'escalate'] },
      [rate('throttle'), rate('escalate'), ask('allow')],
    ],
    ['a run, by its other order', { run: ['throttle', 'escalate'] }, [rate('escalate'), rate('throttle')]],
    ['one cause, by two', { effect: 'deny', one_cause: true }, [rate('deny', 'c-1'), rate('deny', 'c-2')]],
    ['one cause, by none', { effect: 'deny', one_cause: true }, [rate('deny', '')]],
    ['a replay, by a new answer', { effect: 'allow', replayed: true }, [ask('allow')]],
    ['a new answer, by a replay', { effect: 'allow', replayed: false }, [ask('allow', '', '', true)]],
  ] as const)('of %s is not met', (_, wanted, asks) => expect(unmet(wanted, asks)).not.toEqual([]));
});

describe('the scenarios', () => {
  const scenarios = readScenarios();

  test('are the six that a token cannot tell apart', () => {
    const named = scenarios.map(({ name, steps }) => [
      name,
      steps.flatMap((step) =>
        'ask' in step && step.headline === true
          ? [step.expect.effect ?? step.expect.run?.join('+'), ...(step.expect.codes ?? [])]
          : [],
      ),
    ]);
    expect(named).toEqual([
      ['blocked-vendor', ['deny', 'policy.vendor_blocked']],
      ['duplicate-payment', ['deny', 'session.duplicate']],
      [
        'injected-amount',
        ['escalate', 'provenance.untrusted', 'policy.amount_unusual', 'deny', 'policy.untrusted_destination'],
      ],
      ['task-closed', ['deny', 'session.task_closed']],
      ['widened-delegation', ['deny', 'delegation.widened']],
      ['machine-speed', ['throttle+escalate', 'session.rate']],
    ]);
  });

  test.each(scenarios)(
    '$name says of every ask what must come out, and lets something through',
    ({ steps, chains = {} }) => {
      const asks = steps.flatMap((step) => ('ask' in step ? [step] : []));
      expect(
        asks.every(({ expect: wanted }) => wanted.effect !== undefined || wanted.run !== undefined),
      ).toBe(true);
      expect(asks.some(({ expect: wanted }) => wanted.effect === 'allow')).toBe(true);
      for (const { ask: asked } of asks)
        if (asked.chain !== undefined) expect(Object.keys(chains)).toContain(asked.chain);
    },
  );
});
