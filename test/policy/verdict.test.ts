import { describe, expect, test } from 'vitest';
import { REASONS } from '../../src/model/reason.ts';
import type { CodeEntry } from '../../src/policy/codes.ts';
import { readVerdict } from '../../src/policy/verdict.ts';

const codes = new Map<string, CodeEntry>([
  ['policy.unusual', { words: 'the amount is unusual', remedy: 'ask_human' }],
]);
const read = (result: unknown) => readVerdict(JSON.stringify([{ result }]), codes);
const verdict = (more: object) => ({ effect: 'allow', reasons: [], oblige: [], consume: [], ...more });
const problemOf = (text: string) => {
  const { effect, reasons, obligations, consume } = readVerdict(text, codes);
  expect({ effect, obligations, consume }).toEqual({ effect: 'deny', obligations: [], consume: [] });
  expect(reasons).toHaveLength(1);
  expect(reasons[0]).toMatchObject({ code: 'policy.undefined', words: 'the policy gave no verdict' });
  return reasons[0]?.details?.['problem'];
};

describe('no verdict is a deny', () => {
  test.each([
    ['an undefined policy', '[]', 'the verdict is undefined'],
    ['nothing at all', '', 'is not json'],
    ['two answers', '[{"result":{}},{"result":{}}]', 'the verdict is undefined'],
    ['an object outside a list', '{"result":{"effect":"allow"}}', 'the verdict is undefined'],
    ['another binding', '[{"verdict":{"effect":"allow"}}]', 'the verdict is not an object'],
    ['duplicate members', '[{"result":{"effect":"deny","effect":"allow"}}]', 'is a duplicate member'],
    ['deep nesting', `${'['.repeat(40)}${']'.repeat(40)}`, 'nests deeper than 16'],
  ])('%s', (_, text, problem) => {
    expect(problemOf(text)).toBe(problem);
  });

  test.each([
    ['a number', 7, 'the verdict is not an object'],
    ['a string', 'allow', 'the verdict is not an object'],
    ['true', true, 'the verdict is not an object'],
    ['null', null, 'the verdict is not an object'],
    ['a list', [{ effect: 'allow' }], 'the verdict is not an object'],
    ['no effect', {}, 'the effect is unknown'],
    ['an unknown effect', verdict({ effect: 'permit' }), 'the effect is unknown'],
    ['an effect of another case', verdict({ effect: 'Allow' }), 'the effect is unknown'],
    ['an effect in a list', verdict({ effect: ['allow'] }), 'the effect is unknown'],
    ['reasons that are no list', verdict({ reasons: {} }), '`reasons` is not a list of at most 64 objects'],
    [
      'a reason that is no object',
      verdict({ reasons: ['x'] }),
      '`reasons` is not a list of at most 64 objects',
    ],
    ['a reason without code', verdict({ reasons: [{}] }), 'a reason has no code'],
    [
      'a code that nobody declared',
      verdict({ reasons: [{ code: 'policy.other' }] }),
      /policy\.other.*declared/,
    ],
    ["another room's finding", verdict({ reasons: [{ code: 'token.expired' }] }), /token\.expired.*declared/],
    ['our own word for this', verdict({ reasons: [{ code: 'policy.undefined' }] }), /declared/],
    ['a name of every object', verdict({ reasons: [{ code: 'toString' }] }), /declared/],
    ['a deny without reason', verdict({ effect: 'deny' }), 'the effect `deny` has no reason'],
    [
      'an unknown remedy',
      verdict({ reasons: [{ code: 'policy.unusual', remedy: 'pray' }] }),
      'a remedy is unknown',
    ],
    [
      'reviewers that are no names',
      verdict({ reasons: [{ code: 'policy.unusual', reviewers: [7] }] }),
      /reviewers/,
    ],
    ['an obligation without name', verdict({ oblige: [{}] }), /oblige/],
    [
      'parameters that are no object',
      verdict({ oblige: [{ name: 'notify', parameters: [] }] }),
      /parameters/,
    ],
    [
      'a negative amount',
      verdict({ consume: [{ budget: 'payments', amount: -1 }] }),
      'an amount cannot be counted exactly',
    ],
    [
      'an amount in words',
      verdict({ consume: [{ budget: 'payments', amount: '1' }] }),
      'an amount cannot be counted exactly',
    ],
    ['no amount', verdict({ consume: [{ budget: 'payments' }] }), 'an amount cannot be counted exactly'],
    ['no budget', verdict({ consume: [{ amount: 1 }] }), /budget/],
    [
      'an amount past counting',
      verdict({ consume: [{ budget: 'payments', amount: 1e21 }] }),
      'an amount cannot be counted exactly',
    ],
    ['too many reasons', verdict({ reasons: Array(65).fill({ code: 'policy.unusual' }) }), /at most 64/],
  ])('%s', (_, result, problem) => {
    expect(problemOf(JSON.stringify([{ result }]))).toMatch(problem);
  });

  test.each(['9007199254740993', '0.333333333333333333', '1e400', 'NaN', '-0.1'])(
    'an amount of %s, which a double would round or cannot hold',
    (amount) => {
      const text = `[{"result":{"effect":"allow","consume":[{"budget":"payments","amount":${amount}}]}}]`;
      expect(problemOf(text)).toBeTypeOf('string');
    },
  );
});

test('of our own codes rules may use these, and no other', () => {
  const taken = Object.keys(REASONS).filter((code) => {
    const [reason] = read(verdict({ effect: 'deny', reasons: [{ code }] })).reasons;
    // Refused ones end as `policy.undefined` too, with what was wrong.
    return reason?.code === code && reason.details === undefined;
  });
  expect(taken.toSorted()).toEqual([
    'authority.exceeded',
    'policy.unspoken',
    'provenance.untrusted',
    'session.budget',
    'session.duplicate',
    'session.operation_unknown',
    'session.rate',
    'session.required',
    'session.task_closed',
  ]);
  expect(Object.keys(REASONS).length).toBeGreaterThan(taken.length);
});

describe('a verdict', () => {
  test('of a declared code has its words and remedy', () => {
    expect(read(verdict({ effect: 'escalate', reasons: [{ code: 'policy.unusual' }] }))).toEqual({
      effect: 'escalate',
      reasons: [{ code: 'policy.unusual', words: 'the amount is unusual', remedy: 'ask_human' }],
      obligations: [],
      consume: [],
    });
  });

  test('may say its own words, remedy and reviewers, and the rest are details', () => {
    const reason = {
      code: 'policy.unusual',
      words: 'ten times',
      remedy: 'stop',
      reviewers: ['controllers'],
      factor: 10,
    };
    expect(read(verdict({ effect: 'deny', reasons: [reason] })).reasons).toEqual([
      {
        code: 'policy.unusual',
        words: 'ten times',
        remedy: 'stop',
        reviewers: ['controllers'],
        details: { factor: 10 },
      },
    ]);
  });

  test('has one reason a code, with the reviewers and lists of all who gave it', () => {
    const reasons = [
      { code: 'policy.unusual', words: 'ten times', reviewers: ['a'], arguments: ['amount'], factor: 10 },
      { code: 'session.duplicate' },
      { code: 'policy.unusual', reviewers: ['b', 'a'], arguments: ['to', 'amount'], factor: 9, at: 'night' },
    ];
    expect(read(verdict({ effect: 'escalate', reasons })).reasons).toMatchObject([
      {
        code: 'policy.unusual',
        words: 'ten times',
        reviewers: ['a', 'b'],
        details: { arguments: ['amount', 'to'], factor: 10, at: 'night' },
      },
      { code: 'session.duplicate' },
    ]);
  });

  test.each([
    'session.duplicate',
    'session.rate',
    'session.budget',
    'provenance.untrusted',
    'policy.unspoken',
  ])('may borrow %s', (code) => {
    expect(read(verdict({ effect: 'deny', reasons: [{ code }] })).reasons).toMatchObject([{ code }]);
  });

  test('of allow brings obligations and what it spends, exactly and added up', () => {
    const allowed = read(
      verdict({
        oblige: [{ name: 'notify', parameters: { channel: 'treasury' } }, { name: 'log' }],
        consume: [
          { budget: 'payments', amount: 0.1 },
          { budget: 'mails', amount: 1 },
          { budget: 'payments', amount: 0.2 },
        ],
      }),
    );
    expect(allowed.obligations).toEqual([
      { name: 'notify', parameters: { channel: 'treasury' } },
      { name: 'log', parameters: {} },
    ]);
    expect(allowed.consume).toEqual([
      { budget: 'payments', amount: '0.3' },
      { budget: 'mails', amount: '1' },
    ]);
  });

  test.each(['deny', 'throttle', 'escalate'])('of %s spends and obliges nothing', (effect) => {
    const said = read(
      verdict({
        effect,
        reasons: [{ code: 'policy.unusual' }],
        oblige: [{ name: 'notify' }],
        consume: [{ budget: 'payments', amount: 1 }],
      }),
    );
    expect(said).toMatchObject({ effect, obligations: [], consume: [] });
  });

  test('of throttle says when to come back: the longest of its delays, at most a day', () => {
    const throttled = (...delays: unknown[]) =>
      read(
        verdict({
          effect: 'throttle',
          reasons: delays.map((retry_delay_ms) => ({ code: 'session.rate', retry_delay_ms })),
        }),
      );
    expect(throttled(1000, 60_000).retryDelayMs).toBe(60_000);
    expect(throttled(1e12).retryDelayMs).toBe(86_400_000);
    expect(throttled(undefined)).not.toHaveProperty('retryDelayMs');
    expect(throttled(1000).reasons[0]).not.toHaveProperty('details');
    expect(throttled('soon').effect).toBe('deny');
    expect(throttled(-1).effect).toBe('deny');
  });
});
