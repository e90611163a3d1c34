/** A value that never ends to try out holds up no other change: neither a patch, nor following, nor a rollback. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { JsonValue } from '../../src/model/json.ts';
import { createPolicyRoom } from '../../src/policy/activate.ts';
import { createCompiler } from '../../src/policy/compile.ts';
import { createMemoryPolicyStore } from '../../src/policy/memory.ts';
import type { PolicyRoom } from '../../src/policy/room.ts';
import { fixture } from './archive.ts';
import { changeOf } from './change.ts';
import { AT } from './facts.ts';
import { follow, searching } from './stalling.ts';

const TIMEOUT = 90_000;
const pep = { id: 'pep-1', tenant: 'tenant-1', roles: new Set<never>() };
const compiler = createCompiler();
const log = { info: () => undefined, error: () => undefined };
const LONG = 'a'.repeat(1_000_000);
/** Nearly everywhere in the long text. */
const WORD = `${'a'.repeat(500_000)}b`;
/** More than a moment, and less than what a load may take. */
const [MOMENT, LOAD] = [1000, 20_000];

let here: PolicyRoom;
let elsewhere: PolicyRoom;
beforeEach(async () => {
  const store = createMemoryPolicyStore();
  const open = () =>
    createPolicyRoom({
      ...{ store, compiler, log, defaultBundle: fixture('ledger'), at: AT },
      ...{ watchIntervalMs: 100, memoryMib: 64 },
    });
  [here, elsewhere] = [await open(), await open()];
  await here.push({ pep, content: searching, validateOnly: false, allowUntested: true, at: AT });
  await patch('w/text', LONG);
  await elsewhere.follow();
  // No deadline passes unless a test says so, however busy the machine is.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
  for (const room of [here, elsewhere]) room.close();
});

function patch(path: string, value: JsonValue, room = here, by = pep): Promise<number> {
  const change = changeOf(value);
  return room.patchData({ pep: by, path, change, expectedVersion: undefined, at: AT });
}

const rollback = (room: PolicyRoom) => room.rollback({ pep, revision: undefined, at: AT });

/** Resolves when so many values are being tried out, each with a deadline. */
async function tried(count: number): Promise<void> {
  while (vi.getTimerCount() !== count) await new Promise((resolve) => setImmediate(resolve));
}

test('while it is tried out, this replica patches, follows and rolls back, and then refuses it', {
  timeout: TIMEOUT,
}, async () => {
  const { dataVersion } = here.status();
  const { state, end } = follow(patch('w/word', WORD));
  await tried(1);
  // Until then no other of its size is tried out.
  vi.advanceTimersByTime(MOMENT);
  await tried(1);
  expect(await patch('w/other', 1)).toBe(dataVersion + 1);
  expect(await patch('w/other', 2, elsewhere)).toBe(dataVersion + 2);
  await here.follow();
  expect(here.status()).toMatchObject({ activation: 2, dataVersion: dataVersion + 2, behind: false });
  expect((await rollback(here)).number).toBe(3);
  expect((await rollback(elsewhere)).number).toBe(4);
  await here.follow();
  expect(here.status()).toMatchObject({ activation: 4, dataVersion: dataVersion + 2, behind: false });
  expect(state.open).toBe(true);
  vi.advanceTimersByTime(LOAD);
  expect(await end).toMatchObject({ status: 'FAILED_PRECONDITION', reason: 'DATA_REFUSED' });
  expect(await here.data('w')).toMatchObject({ value: { word: 'b', other: 2 }, version: dataVersion + 2 });
});

test('a flood of large values is refused unread, and a small one comes before all of them', {
  timeout: TIMEOUT,
}, async () => {
  const { dataVersion } = here.status();
  let read = 0;
  const large = (n: number) => {
    const change = changeOf({ [`table_${n}`]: LONG });
    const counted = {
      ...change,
      read: () => {
        read += 1;
        return change.read();
      },
    };
    return here.patchData({ pep, path: `w/${n}`, change: counted, expectedVersion: undefined, at: AT });
  };
  const flood = Array.from({ length: 100 }, (_, n) => large(n).catch((cause: unknown) => cause));
  const blocked = await patch('w/blocked', true);
  expect(read).toBe(5);
  expect(blocked).toBe(dataVersion + 1);
  const answers = await Promise.all(flood);
  expect(answers.filter((answer) => typeof answer === 'number')).toHaveLength(5);
  for (const refused of answers.slice(5)) expect(refused).toMatchObject({ reason: 'TOO_MANY_PUSHES' });
});

test('a large value that is ready waits for a small one that is under way', {
  timeout: TIMEOUT,
}, async () => {
  const { dataVersion } = here.status();
  const large = follow(patch('w/table', LONG));
  await tried(1);
  const small = follow(patch('w/word', `${'a'.repeat(15_000)}b`));
  await tried(2);
  // The large one's worker has ended, which it does once it has answered; its memory is copied a slice a turn.
  await tried(1);
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect([large.state.open, small.state.open]).toEqual([true, true]);
  expect(here.status().dataVersion).toBe(dataVersion);
  vi.advanceTimersByTime(MOMENT);
  await tried(1);
  vi.advanceTimersByTime(LOAD);
  expect(await small.end).toMatchObject({ reason: 'DATA_REFUSED' });
  expect(await large.end).toBe(dataVersion + 1);
});

test('a value that nobody waits for any more is not tried out', { timeout: TIMEOUT }, async () => {
  const { dataVersion } = here.status();
  let gone = false;
  const ahead = follow(patch('w/word', WORD));
  await tried(1);
  const change = changeOf(2, () => gone);
  const left = follow(here.patchData({ pep, path: 'w/other', change, expectedVersion: undefined, at: AT }));
  gone = true;
  vi.advanceTimersByTime(MOMENT);
  expect(await left.end).toMatchObject({ reason: 'DEADLINE_PASSED' });
  expect(await patch('w/text', 'ab')).toBe(dataVersion + 1);
  vi.advanceTimersByTime(LOAD);
  await ahead.end;
});

test('of those that take their time four wait, and are in force once the policy holds them', {
  timeout: TIMEOUT,
}, async () => {
  const slow = Array.from({ length: 5 }, () => follow(patch('w/word', WORD)));
  await expect(patch('w/word', WORD)).rejects.toMatchObject({ reason: 'TOO_MANY_PUSHES' });
  await tried(1);
  // One after another they leave the line for the lane of those that take their time, where the first is tried out.
  for (const left of [2, 2, 2, 2, 1]) {
    vi.advanceTimersByTime(MOMENT);
    await tried(left);
  }
  expect(slow.map(({ state }) => state.open)).toEqual(Array(5).fill(true));
  const version = await patch('w/text', 'ab');
  vi.advanceTimersByTime(LOAD);
  const [first, ...others] = await Promise.all(slow.map(({ end }) => end));
  expect(first).toMatchObject({ reason: 'DATA_REFUSED' });
  expect(others).toEqual([1, 2, 3, 4].map((n) => version + n));
  expect(await here.data('w/word')).toEqual({ value: WORD, version: version + 4 });
});

test('of those that take their time another caller\u2019s waits for one of each caller, and not for all', {
  timeout: TIMEOUT,
}, async () => {
  const slow = Array.from({ length: 5 }, () => follow(patch('w/word', WORD)));
  await tried(1);
  for (const left of [2, 2, 2, 2, 1]) {
    vi.advanceTimersByTime(MOMENT);
    await tried(left);
  }
  const other = follow(patch('w/word', WORD, here, { ...pep, id: 'pep-2' }));
  await tried(2);
  vi.advanceTimersByTime(MOMENT);
  await tried(1);
  const version = await patch('w/text', 'ab');
  vi.advanceTimersByTime(LOAD);
  const [first, ...others] = await Promise.all(slow.map(({ end }) => end));
  expect(first).toMatchObject({ reason: 'DATA_REFUSED' });
  expect(await other.end).toBe(version + 1);
  expect(others).toEqual([2, 3, 4, 5].map((n) => version + n));
});
