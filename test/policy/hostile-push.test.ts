/** A pushed module that never ends holds up nobody but other pushes: not the blocklist, nor another replica. */
import { afterEach, expect, test } from 'vitest';
import type { JsonValue } from '../../src/model/json.ts';
import { type BundleContent, BundleRefused } from '../../src/model/verbs.ts';
import { createPolicyRoom } from '../../src/policy/activate.ts';
import { createCompiler } from '../../src/policy/compile.ts';
import { loadPolicyAside } from '../../src/policy/load.ts';
import { createMemoryPolicyStore } from '../../src/policy/memory.ts';
import type { PolicyRoom } from '../../src/policy/room.ts';
import type { PolicyStore } from '../../src/policy/store.ts';
import { fixture } from './archive.ts';
import { changeOf } from './change.ts';
import { AT, facts } from './facts.ts';
import { endless, follow, plain, searching, watched } from './stalling.ts';

const TIMEOUT = 90_000;
const pep = { id: 'pep-1', tenant: 'tenant-1', roles: new Set<never>() };
const compiler = createCompiler();
const log = { info: () => undefined, error: () => undefined };
const bundle = (bytes: Uint8Array): BundleContent => ({ kind: 'bundle', bytes });

const rooms: PolicyRoom[] = [];
afterEach(() => {
  for (const room of rooms.splice(0)) room.close();
});

async function open(store: PolicyStore) {
  const options = { store, compiler, defaultBundle: fixture('ledger'), log, at: AT };
  const room = await createPolicyRoom({ ...options, watchIntervalMs: 100, memoryMib: 64 });
  rooms.push(room);
  return {
    room,
    push: (content: BundleContent, validateOnly = false) =>
      room.push({ pep, content, validateOnly, allowUntested: true, at: AT }),
    patch: (path: string, value: JsonValue) =>
      room.patchData({ pep, path, change: changeOf(value), expectedVersion: undefined, at: AT }),
    effect: () => room.evaluatePolicy(facts).verdict.effect,
  };
}

test('while it is tried out, in earnest and to validate, data changes and every replica follows', {
  timeout: TIMEOUT,
}, async () => {
  const store = createMemoryPolicyStore();
  const [one, two] = [watched(store), watched(store)];
  const [here, elsewhere] = [await open(one.wrapped), await open(two.wrapped)];
  const begun = [one.called('activations'), two.called('activations')];
  const pushes = [follow(here.push(bundle(endless))), follow(elsewhere.push(bundle(endless), true))];
  await Promise.all(begun);
  await elsewhere.patch('ledger/blocked_vendors/v-77', true);
  await here.room.follow();
  expect(here.room.status()).toMatchObject({ dataVersion: 2, behind: false });
  expect(here.effect()).toBe('deny');
  await here.patch('ledger/blocked_vendors/v-77', false);
  expect(here.effect()).toBe('allow');
  expect(pushes.map(({ state }) => state.open)).toEqual([true, true]);
  for (const { end } of pushes) expect(await end).toBeInstanceOf(BundleRefused);
  expect(here.room.status()).toMatchObject({ activation: 1, dataVersion: 3 });
});

test('data that changes while a bundle is pushed is in force with it', { timeout: TIMEOUT }, async () => {
  const { wrapped, before } = watched(createMemoryPolicyStore());
  const { push, patch, effect, room } = await open(wrapped);
  await push(bundle(fixture('odd')));
  before.putBytes = async () => void (await patch('ledger/blocked_vendors/v-77', true));
  await push(bundle(fixture('ledger')));
  expect(room.status()).toMatchObject({ activation: 3, dataVersion: 2 });
  expect(effect()).toBe('deny');
});

test('a bundle that comes in force while a value is tried out stays in force, and the value with it', async () => {
  const { wrapped, before, called } = watched(createMemoryPolicyStore());
  const { push, patch, effect, room } = await open(wrapped);
  let patching: Promise<number> | undefined;
  before.putBytes = async () => {
    const read = called('data');
    patching = patch('ledger/blocked_vendors/v-77', true);
    await read;
    await new Promise((resolve) => setImmediate(resolve));
  };
  await push(bundle(fixture('odd')));
  expect(await patching).toBe(2);
  expect(room.status()).toMatchObject({ activation: 2, dataVersion: 2 });
  expect(room.evaluatePolicy(facts)).toMatchObject({ activation: 2, dataVersion: 2 });
  await push(bundle(fixture('ledger')));
  expect(effect()).toBe('deny');
});

test('one bundle pushed at two replicas at once is activated once', async () => {
  const store = createMemoryPolicyStore();
  const { wrapped, before } = watched(store);
  const [here, elsewhere] = [await open(wrapped), await open(store)];
  let first: unknown;
  before.putBytes = async () => {
    first = (await elsewhere.push(bundle(fixture('odd')))).activation;
  };
  const { activation } = await here.push(bundle(fixture('odd')));
  expect(activation).toEqual(first);
  expect(activation).toMatchObject({ number: 2, active: true });
  expect(here.room.status().activation).toBe(2);
  expect(await store.head()).toMatchObject({ activation: 2 });
});

test('a push that data changes always come before says that others came first', {
  timeout: TIMEOUT,
}, async () => {
  const store = createMemoryPolicyStore();
  const contended = new Proxy(store, {
    get: (target, name: keyof PolicyStore) => (name === 'activate' ? async () => false : target[name]),
  });
  await open(store);
  const { push, room } = await open(contended);
  await expect(push(bundle(fixture('odd')))).rejects.toMatchObject({
    reason: 'ACTIVATION_CONTENDED',
    message: 'other changes came first, try again',
  });
  expect(room.status().activation).toBe(1);
});

test('a module that stalls on data that came meanwhile is refused, and data changes all the same', {
  timeout: TIMEOUT,
}, async () => {
  const { wrapped, before, called } = watched(createMemoryPolicyStore());
  const { push, patch, room } = await open(wrapped);
  await push(plain);
  await patch('w/text', 'a'.repeat(1_000_000));
  let swapping: Promise<void> | undefined;
  before.putBytes = () =>
    patch('w/word', `${'a'.repeat(500_000)}b`).then(() => {
      swapping = called('activations');
    });
  const { state, end } = follow(push(searching));
  while (swapping === undefined && state.open) await new Promise((resolve) => setImmediate(resolve));
  await swapping;
  // Half of what a load may take; only a moment of it may pass in the queue.
  const half = follow(loadPolicyAside({ bundle: endless, documents: [], maximumPages: 64 }, 10_000));
  await patch('w/other', true);
  expect([state.open, half.state.open]).toEqual([true, true]);
  await half.end;
  expect(await end).toBeInstanceOf(BundleRefused);
  expect(room.status()).toMatchObject({ activation: 2, dataVersion: 5 });
});

test('more pushes than may wait are refused, and neither data nor a rollback waits for them', {
  timeout: TIMEOUT,
}, async () => {
  const { wrapped, before } = watched(createMemoryPolicyStore());
  const { push, patch, room } = await open(wrapped);
  await push(bundle(fixture('odd')));
  const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  before.activations = () => {
    begun.resolve();
    return goOn.promise;
  };
  const taken = follow(push(bundle(fixture('ledger'))));
  const refused = Array.from({ length: 4 }, () => follow(push(bundle(Buffer.from('no bundle')))));
  await expect(push(bundle(fixture('ledger')))).rejects.toMatchObject({ reason: 'TOO_MANY_PUSHES' });
  await begun.promise;
  expect((await room.rollback({ pep, revision: undefined, at: AT })).number).toBe(3);
  await patch('ledger/blocked_vendors/v-77', true);
  expect([taken, ...refused].map(({ state }) => state.open)).toEqual(Array(5).fill(true));
  goOn.resolve();
  for (const { end } of refused) expect(await end).toBeInstanceOf(BundleRefused);
  await taken.end;
  expect((await push(bundle(fixture('odd')))).activation.number).toBe(4);
});
