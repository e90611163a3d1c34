/** What the user said stands in records as commitments: always, and once for all records of a mandate. */
import { readFileSync, rmSync } from 'node:fs';
import canonicalize from 'canonicalize';
import { expect, test } from 'vitest';
import { opens } from '../../src/audit/commitment.ts';
import type { BuildRecord } from '../../src/audit/log.ts';
import { readOpenings } from '../../src/audit/openings.ts';
import { verifyLog } from '../../src/audit/read.ts';
import { buildRecord } from '../../src/audit/record.ts';
import { listSegments, openingsPath } from '../../src/audit/segments.ts';
import type { Trail } from '../../src/model/facts.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { Session } from '../../src/model/session.ts';
import { composeInput } from '../../src/policy/input.ts';
import { facts, session } from '../policy/facts.ts';
import { ALLOW, openLog, PLACE, parsed, scratch } from './fixture.ts';

type Task = Session['task'];
type Shown = { readonly commitment: string };
type ShownTask = { readonly purpose: Shown; readonly declared: Readonly<Record<string, Shown>> };

const WORDS = 'pay "Blue Harbor" \\ from DE02120300000000202051';
const TASK: Task = { ...session.task, purpose: WORDS, declared: { account: 'DE00 77', vendor: WORDS } };

/** An ask of a session with this task, as policy saw it. */
function about(task: Task, claimed: JsonObject = {}): Trail {
  const judging = { ...facts, ask: { ...facts.ask, claimed }, session: { ...session, task } };
  const { verdict, revision, activation, dataVersion } = { ...PLACE.active, verdict: ALLOW };
  return { ...judging, judged: { verdict, revision, activation, dataVersion, input: composeInput(judging) } };
}

const recordOf =
  (trail: Trail): BuildRecord =>
  (index, previous) =>
    buildRecord(trail, ALLOW, { ...PLACE, index, previous });

function taskIn(text: string): ShownTask {
  return (parsed(text)['facts'] as unknown as { readonly task: ShownTask }).task;
}

test('purpose and every declared value become commitments, and the rest of the input stays word for word', () => {
  const trail = about(TASK);
  const { text, shared = [] } = recordOf(trail)(0, 'p');
  const { purpose, declared } = taskIn(text);
  expect(canonicalize(JSON.parse(text))).toBe(text);
  expect(Object.keys(declared)).toEqual(['account', 'vendor']);
  expect(shared.map(({ commitment, value }) => [commitment, JSON.parse(value)])).toEqual([
    [declared['account']?.commitment, 'DE00 77'],
    [declared['vendor']?.commitment, WORDS],
    [purpose.commitment, WORDS],
  ]);
  for (const opening of shared) expect(opens(opening)).toBe(true);
  expect(new Set(shared.map(({ salt }) => salt)).size).toBe(3);
  let opened = JSON.stringify(parsed(text)['facts']);
  for (const { commitment, value } of shared)
    opened = opened.replace(`{"commitment":"${commitment}"}`, () => value);
  expect(opened).toBe(trail.judged?.input);
});

test('an empty purpose shows no more than a long one', () => {
  const { text } = recordOf(about({ ...TASK, purpose: '', declared: {} }))(0, 'p');
  expect(taskIn(text)).toMatchObject({
    purpose: { commitment: expect.stringMatching(/^[\w-]{43}$/) },
    declared: {},
  });
});

test('records of one mandate share their commitments, and those of an amended or an equal one do not', () => {
  const purposeOf = (task: Task) => taskIn(recordOf(about(task))(0, 'p').text).purpose.commitment;
  const first = purposeOf(TASK);
  expect(purposeOf({ ...TASK })).toBe(first);
  expect(purposeOf({ ...TASK, declared: { ...TASK.declared } })).not.toBe(first);
  expect(purposeOf({ ...TASK, purpose: 'pay more' })).not.toBe(first);
});

test.each<[string, (input: string, task: string) => string]>([
  ['before other members', (input, task) => input.replace(task, task.replace('"state":"open",', ''))],
  ['as a text', (input, task) => input.replace(task, `"task":${JSON.stringify(TASK.purpose)}`)],
  [
    'as another mandate than the session shows',
    (input, task) => input.replace(task, task.replace('DE00 77', 'DE02120300000000202051')),
  ],
  [
    'twice, the second time in what follows',
    (input, task) => input.replace(/"time":.*\}$/, `"then":{"x":0,${task}},"time":{"unix_ms":1}}`),
  ],
])('a task written %s is hidden as well', (_, rewrite) => {
  const trail = about(TASK);
  const { judged } = trail as Required<Trail>;
  const [task = ''] = /"task":\{.*\}(?=,"time")/.exec(judged.input) ?? [];
  const input = rewrite(judged.input, task);
  expect(input).not.toBe(judged.input);
  const { text, openings } = recordOf({ ...trail, judged: { ...judged, input } })(0, 'p');
  const shown = JSON.stringify((parsed(text)['facts'] as JsonObject)['task']);
  expect(shown).toContain('"commitment"');
  expect(shown).not.toContain('DE0');
  expect(openings.some(({ value }) => JSON.parse(value) === WORDS)).toBe(true);
});

test('a claim that is written like the task is no task', () => {
  const { text } = recordOf(about(TASK, { task: { ...TASK } }))(0, 'p');
  expect(parsed(text)['facts']).toMatchObject({ claimed: { task: TASK } });
  expect(JSON.stringify(taskIn(text))).not.toContain('DE0');
});

test('the longest mandate leaves the facts in the record, which is not too long', () => {
  const declared = Object.fromEntries(
    Array.from({ length: 64 }, (_, i) => [`${i}-`.padEnd(128, '\u20ac'), '\u0001'.repeat(1024)] as const),
  );
  const { text, shared } = recordOf(about({ ...TASK, purpose: '"'.repeat(16_384), declared }))(0, 'p');
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(65_535);
  expect(parsed(text)).not.toHaveProperty('shortened');
  expect(shared).toHaveLength(65);
});

test.each(['os', 'disk'] as const)(
  'each segment keeps the openings of its own records, once, with durability %s',
  async (durability) => {
    const dir = scratch();
    const log = openLog({ dir, durability, segmentBytes: 20_000 });
    const amended = { ...TASK, declared: { account: 'DE11' } };
    // However long the flush takes that precedes a new segment.
    for (let i = 0; i < 60 || (listSegments(dir).length <= 2 && i < 6000); i += 1) {
      await Promise.all([TASK, amended, TASK].map((task) => log.append(recordOf(about(task)))));
      await new Promise(setImmediate);
    }
    await log.close();
    const segments = listSegments(dir);
    expect(segments.length).toBeGreaterThan(2);
    for (const segment of segments) {
      const wanted = new Set(readFileSync(segment, 'utf8').match(/(?<="commitment":")[\w-]{43}/g));
      const kept = readFileSync(openingsPath(segment), 'utf8').match(/(?<="commitment":")[\w-]{43}/g) ?? [];
      expect(kept.toSorted()).toEqual([...wanted].toSorted());
    }
    expect(segments.map((segment) => readFileSync(segment).includes('Blue Harbor'))).not.toContain(true);
    // What was forgotten is missing, and nothing else is.
    for (const segment of segments) rmSync(openingsPath(segment));
    expect(readOpenings(dir).size).toBe(0);
    expect(verifyLog(dir)).toMatchObject({ records: 180, tornBytes: 0 });
    const next = openLog({ dir, durability });
    expect(next.recovered).toMatchObject({ records: 180, droppedBytes: 0 });
    expect(await next.append(recordOf(about(TASK)))).toEqual({ index: 180 });
    await next.close();
    expect(readOpenings(dir).size).toBe(3);
  },
);
