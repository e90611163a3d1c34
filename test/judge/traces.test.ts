import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { readSuites } from '../../bench/judge/suites.ts';
import { readTools } from '../../bench/judge/tools.ts';
import { readTraces } from '../../bench/judge/traces.ts';

const directory = mkdtempSync(join(tmpdir(), 'assent-judge-test-'));
afterAll(() => rmSync(directory, { recursive: true }));

const SESSION = {
  model: 'alpha',
  suite: 'estate',
  user_task_id: 'letter',
  user_prompt: 'write',
  attack: null,
  injection_task_id: null,
  utility: true,
  security: null,
  steps: [{ tool: 'send', args: { to: 'a' }, output: 'sent', error: null }],
};
const ATTACK = {
  ...SESSION,
  attack: 'note',
  injection_task_id: 'codes_out',
  security: true,
  steps: [{ tool: 'send', args: {}, output: null, mal: 'core' }],
};
const TOOL = {
  params: { to: { type: 'string', required: true } },
  effect: 'message',
  outputCarriesInjection: null,
  outputSystemOfRecord: false,
};

function written(name: string, content: string | Buffer): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const lines = (...sessions: readonly unknown[]): string =>
  sessions.map((each) => `${JSON.stringify(each)}\n`).join('');

test('a packed file and a plain one are read alike, and a session knows its line', () => {
  const text = `${lines(SESSION)}\n${lines(ATTACK)}`;
  const packed = readTraces(written('estate.jsonl.gz', gzipSync(text)), 'estate');
  expect(readTraces(written('estate.jsonl', text), 'estate')).toEqual(packed);
  expect(packed.traces.map(({ line, kind, goal }) => [line, kind, goal])).toEqual([
    [1, 'benign', ''],
    [3, 'attack', 'codes_out'],
  ]);
});

test('what is not judged is counted by why', () => {
  const path = written(
    'left.jsonl',
    lines(
      { ...ATTACK, collision: true },
      { ...ATTACK, security: false },
      { ...SESSION, utility: false },
      SESSION,
    ),
  );
  const { traces, left } = readTraces(path, 'estate');
  expect(left).toEqual({ collision: 1, resisted: 1, unsolved: 1 });
  expect(traces).toHaveLength(1);
});

describe('a line that is not as documented is named with file, line and field', () => {
  test.each([
    ['no JSON', '{"model": ', 'bad.jsonl:2: is not JSON'],
    ['no object', '[]', 'bad.jsonl:2: is not an object'],
    [
      'another suite',
      lines({ ...SESSION, suite: 'bank' }),
      'bad.jsonl:2: `suite` is not `estate`, as the file is named',
    ],
    ['no prompt', lines({ ...SESSION, user_prompt: 1 }), 'bad.jsonl:2: `user_prompt` is not a string'],
    [
      'a long prompt',
      lines({ ...SESSION, user_prompt: 'x'.repeat(70_000) }),
      'bad.jsonl:2: `user_prompt` is longer than 65536 characters',
    ],
    ['no verdict', lines({ ...ATTACK, security: null }), 'bad.jsonl:2: `security` is neither true nor false'],
    [
      'no goal',
      lines({ ...ATTACK, injection_task_id: null }),
      'bad.jsonl:2: `injection_task_id` is not a string',
    ],
    ['steps of another form', lines({ ...SESSION, steps: {} }), 'bad.jsonl:2: `steps` is not a list'],
    [
      'too many steps',
      lines({ ...SESSION, steps: Array(1001).fill(SESSION.steps[0]) }),
      'bad.jsonl:2: `steps` has more than 1000 items',
    ],
    [
      'a step without a tool',
      lines({ ...SESSION, steps: [SESSION.steps[0], {}] }),
      'bad.jsonl:2: `steps[1].tool` is not a string',
    ],
    [
      'a mark that nobody knows',
      lines({ ...ATTACK, steps: [{ ...ATTACK.steps[0], mal: 'bad' }] }),
      'bad.jsonl:2: `steps[0].mal` is neither core nor aux',
    ],
    [
      'an attack without harm',
      lines({ ...ATTACK, steps: SESSION.steps }),
      'bad.jsonl:2: `steps` have no `core`, although the attack succeeded',
    ],
    [
      'arguments of another form',
      lines({ ...SESSION, steps: [{ tool: 'a', args: ['x'] }] }),
      'bad.jsonl:2: `steps[0].args` is not an object',
    ],
    [
      'a turn before no step',
      lines({ ...SESSION, user_turns: [{ before_step: -1, text: '' }] }),
      'bad.jsonl:2: `user_turns[0].before_step` is not a whole number from 0 to 1000',
    ],
  ])('%s', (_, line, words) => {
    expect(() => readTraces(written('bad.jsonl', lines(SESSION) + line), 'estate')).toThrow(words);
  });

  test('no gzip', () => {
    expect(() => readTraces(written('bad.jsonl.gz', 'plain'), 'estate')).toThrow(
      /^bad\.jsonl\.gz: is no gzip/,
    );
  });
});

describe('tools that are not as documented are named with file and field', () => {
  test.each([
    ['no effect', { ...TOOL, effect: undefined }, 'tools.json: `estate.send.effect` is not a string'],
    [
      'a destination that is no parameter',
      { ...TOOL, destinationParams: ['cc'] },
      'tools.json: `estate.send.destinationParams` names `cc`, which is no parameter',
    ],
    [
      'a parameter of another form',
      { ...TOOL, params: { to: 'string' } },
      'tools.json: `estate.send.params.to` is not an object',
    ],
    [
      'a name that is none',
      { ...TOOL, params: { 'a b': {} } },
      'tools.json: `estate.send.params.a b` is not a parameter name',
    ],
    [
      'no word on its output',
      { ...TOOL, outputCarriesInjection: undefined },
      'tools.json: `estate.send.outputCarriesInjection` is not a string',
    ],
  ])('%s', (_, described, words) => {
    const path = written('tools.json', JSON.stringify({ estate: { send: described } }));
    expect(() => readTools(path)).toThrow(words);
  });
});

test('a suite that the folder does not describe is refused, unless we describe it, and then counts beside', () => {
  const folder = mkdtempSync(join(directory, 'folder-'));
  writeFileSync(join(folder, 'tools.json'), JSON.stringify({ estate: { send: TOOL } }));
  writeFileSync(join(folder, 'estate.jsonl'), lines(SESSION));
  writeFileSync(join(folder, 'tau_retail.jsonl'), lines({ ...SESSION, suite: 'tau_retail' }));
  expect(readSuites(folder).map(({ name, beside }) => [name, beside])).toEqual([
    ['estate', false],
    ['tau_retail', true],
  ]);
  writeFileSync(join(folder, 'orchard.jsonl'), lines({ ...SESSION, suite: 'orchard' }));
  expect(() => readSuites(folder)).toThrow('tools.json: `orchard` is missing: `orchard.jsonl` needs it');
});

test('a folder without sessions or without tools is refused', () => {
  const folder = mkdtempSync(join(directory, 'empty-'));
  expect(() => readSuites(folder)).toThrow('tools.json: is not there');
  writeFileSync(join(folder, 'tools.json'), '{}');
  expect(() => readSuites(folder)).toThrow('holds no `*.jsonl.gz`');
});
