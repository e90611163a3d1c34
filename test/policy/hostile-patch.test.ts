/** A value that never ends to try out holds up no other change: neither a patch, nor following, nor a rollback. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JsonValue } from '../../src/model/json.ts';
import { createPolicyRoom } from '../../src/policy/activate.ts';
import { createCompiler } from '../../src/policy/compile.ts';
import { loadPolicyAside } from '../../src/policy/load.ts';
import { createMemoryPolicyStore } from '../../src/policy/memory.ts';
import type { PolicyRoom } from '../../src/policy/room.ts';
import { fixture } from './archive.ts';
import { AT } from './facts.ts';
import { endless, follow, searching } from './stalling.ts';

const TIMEOUT = 90_000;
const pep = { id: 'pep-1', tenant: 'tenant-1', roles: new Set<never>() };
const compiler = createCompiler();
const log = { info: () => undefined, error: () => undefined };
const LONG = 'a'.repeat(1_000_000);
/** Nearly everywhere in the long text. */
const WORD = `${'a'.repeat(500_000)}b`;

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
});
afterEach(() => {
  for (const room of [here, elsewhere]) room.close();
});

function patch(path: string, value: JsonValue, room = here): Promise<number> {
  return room.patchData({ pep, path, change: { value }, expectedVersion: undefined, at: AT });
}

const rollback = (room: PolicyRoom) => room.rollback({ pep, revision: undefined, at: AT });

test('while it is tried out, this replica patches, follows and rolls back, and then refuses it', {
  timeout: TIMEOUT,
}, async () => {
  const { dataVersion } = here.status();
  const { state, end } = follow(patch('w/word', WORD));
  // Half of what a load may take; only a moment of it may others wait.
  const half = follow(loadPolicyAside({ bundle: endless, documents: [], maximumPages: 64 }, 10_000));
  expect(await patch('w/other', 1)).toBe(dataVersion + 1);
  expect(half.state.open).toBe(true);
  expect(await patch('w/other', 2, elsewhere)).toBe(dataVersion + 2);
  await here.follow();
  expect(here.status()).toMatchObject({ activation: 2, dataVersion: dataVersion + 2, behind: false });
  expect((await rollback(here)).number).toBe(3);
  expect((await rollback(elsewhere)).number).toBe(4);
  await here.follow();
  expect(here.status()).toMatchObject({ activation: 4, dataVersion: dataVersion + 2, behind: false });
  expect(state.open).toBe(true);
  expect(await end).toMatchObject({ status: 'FAILED_PRECONDITION', reason: 'DATA_REFUSED' });
  expect(await here.data('w')).toMatchObject({ value: { word: 'b', other: 2 }, version: dataVersion + 2 });
});

test('of those that take their time four wait, and are in force once the policy holds them', {
  timeout: TIMEOUT,
}, async () => {
  const slow = Array.from({ length: 5 }, () => follow(patch('w/word', WORD)));
  await expect(patch('w/word', WORD)).rejects.toMatchObject({ reason: 'TOO_MANY_PUSHES' });
  expect(slow.map(({ state }) => state.open)).toEqual(Array(5).fill(true));
  const version = await patch('w/text', 'ab');
  const [first, ...others] = await Promise.all(slow.map(({ end }) => end));
  expect(first).toMatchObject({ reason: 'DATA_REFUSED' });
  expect(others).toEqual([1, 2, 3, 4].map((n) => version + n));
  expect(await here.data('w/word')).toEqual({ value: WORD, version: version + 4 });
});
