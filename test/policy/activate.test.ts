import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Facts } from '../../src/model/facts.ts';
import type { JsonValue } from '../../src/model/json.ts';
import { Fault, Malformed } from '../../src/model/refusal.ts';
import { type BundleContent, BundleRefused } from '../../src/model/verbs.ts';
import { createPolicyRoom } from '../../src/policy/activate.ts';
import { readBundle } from '../../src/policy/bundle.ts';
import { createCompiler } from '../../src/policy/compile.ts';
import { loadPolicyAside } from '../../src/policy/load.ts';
import { createMemoryPolicyStore } from '../../src/policy/memory.ts';
import type { PolicyRoom } from '../../src/policy/room.ts';
import { createSqlitePolicyStore } from '../../src/policy/sqlite.ts';
import type { PolicyStore } from '../../src/policy/store.ts';
import { bundleOf, endlessModule, fixture } from './archive.ts';
import { changeOf } from './change.ts';
import { AT, action, facts, named } from './facts.ts';

const pep = { id: 'pep-1', tenant: 'tenant-1', roles: new Set<never>() };
const compiler = createCompiler();
const bundle = (bytes: Uint8Array): BundleContent => ({ kind: 'bundle', bytes });

const rooms: PolicyRoom[] = [];
afterEach(() => {
  for (const room of rooms.splice(0)) room.close();
});

async function open(
  store: PolicyStore = createMemoryPolicyStore(),
  defaultBundle: Uint8Array | undefined = fixture('ledger'),
  watchIntervalMs = 100,
) {
  const errors: string[] = [];
  const log = { info: () => undefined, error: (_: object, message: string) => void errors.push(message) };
  const options = { store, compiler, defaultBundle, log, at: AT, watchIntervalMs, memoryMib: 64 };
  const room = await createPolicyRoom(options);
  rooms.push(room);
  return {
    room,
    store,
    errors,
    push: (bytes: Uint8Array, validateOnly = false) =>
      room.push({ pep, content: bundle(bytes), validateOnly, allowUntested: true, at: AT }),
    pushRego: (files: Record<string, string>) =>
      room.push({
        pep,
        content: { kind: 'sources', files: new Map(Object.entries(files)) },
        validateOnly: false,
        allowUntested: false,
        at: AT,
      }),
    patch: (path: string, value: JsonValue | undefined, expectedVersion?: number) =>
      room.patchData({
        pep,
        path,
        change: changeOf(value),
        expectedVersion,
        at: AT,
      }),
    rollback: (revision?: string) => room.rollback({ pep, revision, at: AT }),
    effect: (asked: Facts = facts) => room.evaluatePolicy(asked).verdict.effect,
  };
}

/** Waits for what another replica does by itself. */
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !holds(); i += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(holds()).toBe(true);
}

describe('a room', () => {
  test('opens with the default bundle as the first activation', async () => {
    const { room } = await open();
    const judged = room.evaluatePolicy(facts);
    expect(judged).toMatchObject({ activation: 1, dataVersion: 1, verdict: { effect: 'allow' } });
    expect(judged.verdict.consume).toEqual([{ budget: 'payments', amount: '1200.5' }]);
    expect(judged.revision).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.parse(judged.input)).toMatchObject({ args: { vendor: 'v-77' } });
    expect((await room.list({ size: 0, token: '' })).activations).toEqual([
      {
        number: 1,
        revision: judged.revision,
        name: '',
        at: AT,
        pushedBy: '',
        active: true,
        dataRoots: ['ledger'],
      },
    ]);
  });

  test('does not open without any bundle', async () => {
    const options = { store: createMemoryPolicyStore(), compiler, defaultBundle: undefined, at: AT };
    const log = { info: () => undefined, error: () => undefined };
    await expect(createPolicyRoom({ ...options, log, watchIntervalMs: 100, memoryMib: 64 })).rejects.toThrow(
      'no policy bundle',
    );
  });

  test('does not open with a bundle that does not load', async () => {
    await expect(open(createMemoryPolicyStore(), fixture('builtin'))).rejects.toMatchObject({
      message: '`policy.bundle` cannot be used',
      cause: { message: expect.stringContaining('`crypto.sha256`') },
    });
  });

  test('a new default takes the place of an older default, and of nothing that was pushed', async () => {
    const store = createMemoryPolicyStore();
    await open(store);
    const second = await open(store, fixture('odd'));
    expect(second.room.status().activation).toBe(2);
    await second.push(fixture('ledger'));
    const third = await open(store, fixture('odd'));
    expect(third.room.status().activation).toBe(3);
    expect(third.effect()).toBe('allow');
  });
});

describe('what the policy says wrongly is a deny', () => {
  test.each([
    'odd.nothing',
    'odd.number',
    'odd.string',
    'odd.array',
    'odd.effect',
    'odd.code',
    'odd.own_code',
    'odd.reasonless',
    'odd.negative',
    'odd.inexact',
    'odd.large',
    'odd.throws',
  ])('%s', async (name) => {
    const { room, effect } = await open(undefined, fixture('odd'));
    const { verdict, input } = room.evaluatePolicy(named(name));
    expect(verdict).toMatchObject({ effect: 'deny', reasons: [{ code: 'policy.undefined' }], consume: [] });
    expect(JSON.parse(input)).toMatchObject({ action: { name } });
    expect(effect(named('pay'))).toBe('allow');
  });

  test('running out of memory, which the log hears of and the next ask does not', async () => {
    const { effect, errors, room } = await open(undefined, fixture('odd'));
    expect(effect(named('odd.memory', { n: 5_000_000 }))).toBe('deny');
    expect(errors).toEqual(['policy evaluation failed']);
    expect(effect(named('pay'))).toBe('allow');
    expect(room.status().recycled).toBe(1);
  });
});

describe('a push', () => {
  test('of a good bundle is in force when it is answered', async () => {
    const { push, room } = await open(undefined, fixture('odd'));
    const { activation } = await push(fixture('ledger'));
    expect(activation).toMatchObject({ number: 2, active: true, pushedBy: 'pep-1', dataRoots: ['ledger'] });
    expect(room.evaluatePolicy(facts)).toMatchObject({ activation: 2, revision: activation.revision });
  });

  test('of the active revision again changes nothing', async () => {
    const { push, room } = await open();
    expect((await push(fixture('ledger'))).activation.number).toBe(1);
    expect(room.status().activation).toBe(1);
  });

  test('to validate says what would be and changes nothing', async () => {
    const { push, room, store } = await open();
    expect((await push(fixture('odd'), true)).activation).toMatchObject({ number: 2, active: false });
    expect(room.status().activation).toBe(1);
    expect(await store.head()).toMatchObject({ activation: 1 });
  });

  const codeless = async () => {
    const { wasm } = await readBundle(fixture('odd'));
    const wasmOf = [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }];
    return bundleOf([
      { name: '.manifest', content: JSON.stringify({ wasm: wasmOf }) },
      { name: 'policy.wasm', content: wasm },
    ]);
  };
  test.each<[string, () => Uint8Array | Promise<Uint8Array>, RegExp]>([
    ['garbage', () => Buffer.from('garbage'), /not gzip/],
    ['a bundle cut short', () => fixture('odd').subarray(0, 20_000), /cut short/],
    ['a manifest that is no json', () => bundleOf([{ name: '.manifest', content: '{"wasm":' }]), /json/],
    ['a builtin the host does not have', () => fixture('builtin'), /`crypto\.sha256`/],
    ['a module that is none', () => brokenModule(), /policy\.wasm|expected magic/],
    ['no verdict on a plain ask', codeless, /plain ask.*`policy\.odd` is not declared/],
  ])('of %s is refused, and the active bundle stays', async (_, make, problem) => {
    const { push, room, store, effect } = await open();
    const failure = await push(await make()).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(BundleRefused);
    expect((failure as BundleRefused).errors[0]?.message).toMatch(problem);
    expect(room.status().activation).toBe(1);
    expect(await store.head()).toMatchObject({ activation: 1 });
    expect(effect()).toBe('allow');
  });

  test('without a verdict on a plain ask is refused with the file that gives none', async () => {
    const { push } = await open();
    await expect(push(await codeless())).rejects.toMatchObject({
      errors: [{ file: 'policy.wasm', code: 'assent_bundle' }],
    });
  });

  test('of data outside its roots is refused with the file', async () => {
    const { push } = await open();
    const wasmOf = [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }];
    const outside = bundleOf([
      { name: '.manifest', content: JSON.stringify({ wasm: wasmOf, roots: ['a'] }) },
      { name: 'policy.wasm', content: endlessModule() },
      { name: 'data.json', content: '{"b":1}' },
    ]);
    await expect(push(outside)).rejects.toMatchObject({
      errors: [{ file: 'data.json', message: expect.stringMatching(/`b` is outside/) }],
    });
  });

  test('of an older sequence than the newest push is refused', async () => {
    const numbered = async (sequence: number) => {
      const { wasm } = await readBundle(fixture('odd'));
      const metadata = { sequence, codes: ['policy.odd'] };
      const wasmOf = [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }];
      return bundleOf([
        { name: '.manifest', content: JSON.stringify({ wasm: wasmOf, metadata }) },
        { name: 'policy.wasm', content: wasm },
      ]);
    };
    const { push, rollback } = await open();
    await push(await numbered(5));
    await expect(push(await numbered(4))).rejects.toMatchObject({ errors: [{ code: 'assent_sequence' }] });
    const { activation } = await push(await numbered(6));
    // Going back on purpose is another matter, and does not let older pushes in.
    expect((await rollback()).number).toBe(activation.number + 1);
    await expect(push(await numbered(3))).rejects.toBeInstanceOf(BundleRefused);
  });
});

function brokenModule(): Uint8Array {
  const wasm = [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }];
  return bundleOf([
    { name: '.manifest', content: JSON.stringify({ wasm }) },
    { name: 'policy.wasm', content: 'no module' },
  ]);
}

test('a module that never ends costs a worker until its deadline, and no ask', async () => {
  const wasm = [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }];
  const endless = bundleOf([
    { name: '.manifest', content: JSON.stringify({ wasm }) },
    { name: 'policy.wasm', content: endlessModule() },
  ]);
  const { effect } = await open();
  const loading = loadPolicyAside({ bundle: endless, documents: [], maximumPages: 1024 }, 1500);
  expect(effect()).toBe('allow');
  await expect(loading).rejects.toThrow('not ready within 1500 ms');
});

describe('plain rego', () => {
  const files = {
    'manifest.json': JSON.stringify({ name: 'travel', codes: ['policy.fare'], data: ['travel'] }),
    'data.json': JSON.stringify({ travel: { most: 500 } }),
    'rules/fares.rego': `package rules.fares

allow contains {"code": "policy.fare"} if {
	input.action.name == "payment.send"
	input.args.amount <= data.travel.most
}
`,
    'rules/fares_test.rego': `package rules.fares_test

import data.rules.fares

ask(amount) := {"action": {"name": "payment.send"}, "args": {"amount": amount}}

test_cheap_is_allowed if count(fares.allow) == 1 with input as ask(500)

test_dear_is_not if count(fares.allow) == 0 with input as ask(501)
`,
  };

  test('is compiled, tested and in force, and its data can be patched', async () => {
    const { pushRego, effect, patch } = await open();
    const pushed = await pushRego(files);
    expect(pushed).toMatchObject({ activation: { number: 2, name: 'travel' }, testsPassed: 2 });
    expect(pushed.coveragePercent).toBeGreaterThan(90);
    expect(effect()).toBe('deny');
    await patch('travel/most', 2000);
    expect(effect()).toBe('allow');
  });

  test('with an error is refused with file, line and column', async () => {
    const { pushRego, room } = await open();
    const broken = {
      ...files,
      'rules/fares.rego': 'package rules.fares\n\nallow contains {"code": } if true\n',
    };
    const failure = await pushRego(broken).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(BundleRefused);
    const place = { file: 'rules/fares.rego', line: 3, column: 25 };
    expect((failure as BundleRefused).errors[0]).toMatchObject({ ...place, message: /unexpected/ });
    expect(room.status().activation).toBe(1);
  });

  test('whose own test fails is refused with the test and its place', async () => {
    const { pushRego, room } = await open();
    const failing = { ...files, 'data.json': JSON.stringify({ travel: { most: 400 } }) };
    await expect(pushRego(failing)).rejects.toMatchObject({
      errors: [{ file: 'rules/fares_test.rego', code: 'assent_test', message: /test_cheap_is_allowed/ }],
    });
    expect(room.status().activation).toBe(1);
  });
});

describe('a rollback', () => {
  test('activates the revision before under a new number', async () => {
    const { room, push, rollback, effect } = await open();
    const first = room.status().revision;
    await push(fixture('odd'));
    expect(effect(named('odd.number'))).toBe('deny');
    expect(await rollback()).toMatchObject({ number: 3, revision: first, active: true });
    expect(room.evaluatePolicy(facts)).toMatchObject({ activation: 3, revision: first });
    const { activations, nextToken } = await room.list({ size: 2, token: '' });
    expect(activations.map(({ number, active }) => [number, active])).toEqual([
      [3, true],
      [2, false],
    ]);
    const last = await room.list({ size: 2, token: nextToken });
    expect(last.activations.map(({ number }) => number)).toEqual([1]);
    expect(last.nextToken).toBe('');
  });

  test('does not bring an old blocklist back', async () => {
    const { push, rollback, patch, effect, room } = await open();
    await patch('ledger/blocked_vendors/v-77', true);
    await push(fixture('odd'));
    await rollback();
    expect(room.status()).toMatchObject({ activation: 3, dataVersion: 2 });
    expect(effect()).toBe('deny');
  });

  test('to what the history does not hold is refused', async () => {
    const { rollback } = await open();
    await expect(rollback()).rejects.toMatchObject({ status: 'NOT_FOUND' });
    await expect(rollback('0'.repeat(64))).rejects.toMatchObject({ status: 'NOT_FOUND' });
  });
});

describe('a data patch', () => {
  test('is in force when it is answered, until it is taken away', async () => {
    const { room, patch, effect } = await open();
    expect(await patch('ledger/blocked_vendors/v-77', true)).toBe(2);
    expect(room.evaluatePolicy(facts)).toMatchObject({
      activation: 1,
      dataVersion: 2,
      verdict: { effect: 'deny', reasons: [{ code: 'policy.vendor_blocked', details: { vendor: 'v-77' } }] },
    });
    expect(await patch('ledger/blocked_vendors/v-77', undefined)).toBe(3);
    expect(effect()).toBe('allow');
    expect(await room.data('ledger/blocked_vendors')).toEqual({ value: { 'v-13': true }, version: 3 });
    await expect(room.data('ledger/none')).rejects.toMatchObject({ status: 'NOT_FOUND' });
  });

  test('of another version than expected is refused, and changes nothing', async () => {
    const { patch, room } = await open();
    expect(await patch('ledger/blocked_vendors/v-1', true, 1)).toBe(2);
    await expect(patch('ledger/blocked_vendors/v-2', true, 1)).rejects.toMatchObject({
      status: 'ABORTED',
      reason: 'DATA_VERSION_CHANGED',
      message: 'the data is at version 2, not 1',
      facts: { version: '2' },
    });
    expect(await room.data('ledger/blocked_vendors')).toMatchObject({ value: { 'v-1': true } });
    await expect(room.data('ledger/blocked_vendors/v-2')).rejects.toMatchObject({ status: 'NOT_FOUND' });
  });

  test.each(['', 'other/x', 'rules/ledger', 'assent', 'ledger/../rules', 'ledgers', 'ledger/__proto__/x'])(
    'at `%s` is malformed',
    async (path) => {
      const { patch, store } = await open();
      await expect(patch(path, true)).rejects.toBeInstanceOf(Malformed);
      expect(await store.head()).toMatchObject({ dataVersion: 1 });
    },
  );

  test('over 1 MiB is malformed, and one of 1 MiB is in force', async () => {
    const { patch, effect } = await open();
    const list = (bytes: number) => ({
      'v-77': true,
      padding: 'x'.repeat(bytes - JSON.stringify({ 'v-77': true, padding: '' }).length),
    });
    await expect(patch('ledger/blocked_vendors', list(1024 * 1024 + 1))).rejects.toMatchObject({
      field: 'value_json',
    });
    await patch('ledger/blocked_vendors', list(1024 * 1024));
    expect(effect()).toBe('deny');
  });

  test('that the policy has no memory for is refused and never stored', async () => {
    const { patch, store, effect } = await open();
    const heavy = Array.from({ length: 500_000 }, () => 0);
    let version = 1;
    const failure = await (async () => {
      for (let i = 0; i < 20; i += 1) version = await patch(`ledger/heavy${i}`, heavy);
    })().catch((cause: unknown) => cause);
    expect(failure).toMatchObject({ status: 'FAILED_PRECONDITION', reason: 'DATA_REFUSED' });
    expect(await store.head()).toMatchObject({ dataVersion: version });
    expect(effect()).toBe('allow');
  });

  test('swaps whole while evaluations go on: each verdict fits its version', async () => {
    const { patch, room } = await open();
    const seen = new Map<number, string>();
    let running = true;
    const asking = (async () => {
      while (running) {
        const { verdict, dataVersion } = room.evaluatePolicy(facts);
        // Even versions block the vendor.
        expect(verdict.effect).toBe(dataVersion % 2 === 0 ? 'deny' : 'allow');
        seen.set(dataVersion, verdict.effect);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let version = 2; version <= 7; version += 1)
      await patch('ledger/blocked_vendors', version % 2 === 0 ? { 'v-77': true } : {});
    running = false;
    await asking;
    expect(seen.size).toBeGreaterThanOrEqual(6);
  });
});

describe('two replicas on one store', () => {
  test('follow each other by themselves', async () => {
    const store = createMemoryPolicyStore();
    const one = await open(store);
    const two = await open(store);
    await one.patch('ledger/blocked_vendors/v-77', true);
    await until(() => two.effect() === 'deny');
    await two.push(fixture('odd'));
    await until(() => one.room.status().activation === 2);
    await one.rollback();
    await until(() => two.room.status().activation === 3);
    expect(two.room.evaluatePolicy(facts)).toMatchObject({ dataVersion: 2, verdict: { effect: 'deny' } });
    expect(two.room.status().revision).toBe(one.room.status().revision);
  });

  test('catch up when they are told of something newer, without hint or interval', async () => {
    const store = createMemoryPolicyStore();
    const silent = new Proxy(store, {
      get: (target, name: keyof PolicyStore) => (name === 'watch' ? () => () => undefined : target[name]),
    });
    const ahead = await open(store);
    const lags = await open(silent, fixture('ledger'), 2 ** 28);
    await ahead.patch('ledger/blocked_vendors/v-77', true);
    expect(lags.effect()).toBe('allow');
    expect(lags.room.isOlderThan({ activation: 1, dataVersion: 2 })).toBe(true);
    await lags.room.catchUp();
    expect(lags.room.isOlderThan({ activation: 1, dataVersion: 2 })).toBe(false);
    expect(lags.effect()).toBe('deny');
    expect(lags.room.isOlderThan({ activation: 2, dataVersion: 1 })).toBe(true);
  });

  test('lose no patch when they write at once', async () => {
    const store = createMemoryPolicyStore();
    const [one, two] = [await open(store), await open(store)];
    const vendors = ['a', 'b', 'c', 'd'];
    const versions = await Promise.all(
      vendors.map((vendor, i) => (i % 2 === 0 ? one : two).patch(`ledger/blocked_vendors/${vendor}`, true)),
    );
    expect(versions.sort()).toEqual([2, 3, 4, 5]);
    await Promise.all([one.room.follow(), two.room.follow()]);
    const value = { 'v-13': true, a: true, b: true, c: true, d: true };
    for (const { room } of [one, two])
      expect(await room.data('ledger/blocked_vendors')).toEqual({ value, version: 5 });
  });
});

test('what was pushed and patched is in force after a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assent-policy-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const first = createSqlitePolicyStore(join(folder, 'policy.db'));
  const before = await open(first, fixture('odd'));
  await before.push(fixture('ledger'));
  await before.patch('ledger/blocked_vendors/v-77', true);
  before.room.close();
  await first.close();
  const second = createSqlitePolicyStore(join(folder, 'policy.db'));
  onTestFinished(() => second.close());
  const { room } = await open(second, fixture('odd'));
  expect(room.evaluatePolicy(facts)).toMatchObject({
    activation: 2,
    dataVersion: 2,
    verdict: { effect: 'deny', reasons: [{ code: 'policy.vendor_blocked' }] },
  });
});

describe('when the store fails', () => {
  const failing = (store: PolicyStore, ...methods: (keyof PolicyStore)[]) => {
    const broken = { failing: false };
    const wrapped = new Proxy(store, {
      get(target, name: keyof PolicyStore) {
        if (broken.failing && methods.includes(name))
          return () => Promise.reject(new Fault('POLICY_STORE_UNAVAILABLE'));
        return target[name];
      },
    });
    return { broken, wrapped };
  };
  const fault = expect.objectContaining({ reason: 'POLICY_STORE_UNAVAILABLE' });

  test.each<[keyof PolicyStore]>([['putBytes'], ['activate'], ['activations'], ['changeData'], ['data']])(
    'at %s, changes are our fault and what is in force stays',
    async (method) => {
      const { broken, wrapped } = failing(createMemoryPolicyStore(), method);
      const { push, patch, room } = await open(wrapped);
      broken.failing = true;
      if (method !== 'changeData') await expect(push(fixture('odd'))).rejects.toEqual(fault);
      if (!['putBytes', 'activate'].includes(method))
        await expect(patch('ledger/blocked_vendors/v-77', true)).rejects.toEqual(fault);
      expect(room.evaluatePolicy(facts)).toMatchObject({
        activation: 1,
        dataVersion: 1,
        verdict: { effect: 'allow' },
      });
      broken.failing = false;
      await expect(patch('ledger/blocked_vendors/v-77', true)).resolves.toBe(2);
    },
  );

  test('a replica that cannot reach it says so, goes on deciding, and catches up', async () => {
    const store = createMemoryPolicyStore();
    const { broken, wrapped } = failing(store, 'head');
    const behind = await open(wrapped);
    const ahead = await open(store);
    broken.failing = true;
    await ahead.patch('ledger/blocked_vendors/v-77', true);
    await until(() => behind.room.status().trouble === 'POLICY_STORE_UNAVAILABLE');
    // Nothing newer is known here.
    expect(behind.room.status().behind).toBe(false);
    expect(behind.effect()).toBe('allow');
    broken.failing = false;
    await until(() => behind.room.status().dataVersion === 2);
    expect(behind.effect()).toBe('deny');
    await until(() => behind.room.status().trouble === undefined);
  });

  test('a store that forgot everything does not undo what is in force', async () => {
    const empty = createMemoryPolicyStore();
    const full = createMemoryPolicyStore();
    let current = full;
    const forgetful = new Proxy(full, { get: (_, name: keyof PolicyStore) => current[name] });
    const { push, patch, room, effect } = await open(forgetful);
    await patch('ledger/blocked_vendors/v-77', true);
    current = empty;
    await room.follow();
    const lost = { status: 'FAILED_PRECONDITION', reason: 'POLICY_STORE_BEHIND' };
    await expect(push(fixture('odd'))).rejects.toMatchObject(lost);
    await expect(patch('ledger/blocked_vendors/v-77', undefined)).rejects.toMatchObject(lost);
    expect(room.status()).toMatchObject({ activation: 1, dataVersion: 2 });
    expect(effect()).toBe('deny');
  });

  test('a store that forgot the newest data does not bring the data before back', async () => {
    const [older, newer] = [createMemoryPolicyStore(), createMemoryPolicyStore()];
    // The same activation, and data of an earlier version.
    await open(older);
    let current = newer;
    const forgetful = new Proxy(newer, { get: (_, name: keyof PolicyStore) => current[name] });
    const { push, patch, room, effect } = await open(forgetful);
    await patch('ledger/blocked_vendors/v-77', true);
    current = older;
    expect(await current.head()).toEqual({ activation: 1, dataVersion: 1 });
    await room.follow();
    const lost = { status: 'FAILED_PRECONDITION', reason: 'POLICY_STORE_BEHIND' };
    await expect(push(fixture('odd'))).rejects.toMatchObject(lost);
    await expect(patch('ledger/blocked_vendors/v-1', true)).rejects.toMatchObject(lost);
    expect(await older.head()).toEqual({ activation: 1, dataVersion: 1 });
    expect(room.status()).toMatchObject({ activation: 1, dataVersion: 2, behind: false });
    expect(effect()).toBe('deny');
  });

  test('a store that forgot the newest activation and kept newer data does not give its number again', async () => {
    const [older, newer] = [createMemoryPolicyStore(), createMemoryPolicyStore()];
    const elsewhere = await open(older);
    for (const vendor of ['v-1', 'v-2', 'v-3'])
      await elsewhere.patch(`ledger/blocked_vendors/${vendor}`, true);
    let current = newer;
    const forgetful = new Proxy(newer, { get: (_, name: keyof PolicyStore) => current[name] });
    const { push, patch, rollback, room } = await open(forgetful);
    await push(fixture('odd'));
    const { dataVersion, revision } = room.status();
    current = older;
    const head = { activation: 1, dataVersion: 4 };
    expect(await current.head()).toEqual(head);
    expect(dataVersion).toBeLessThan(head.dataVersion);
    const lost = { status: 'FAILED_PRECONDITION', reason: 'POLICY_STORE_BEHIND' };
    await expect(push(fixture('odd'))).rejects.toMatchObject(lost);
    await expect(rollback()).rejects.toMatchObject(lost);
    await expect(patch('ledger/blocked_vendors/v-4', true)).rejects.toMatchObject(lost);
    expect(await older.head()).toEqual(head);
    expect(room.status()).toMatchObject({ activation: 2, revision });
  });

  test('a replica that cannot read the newest data decides nothing by the data before', async () => {
    const store = createMemoryPolicyStore();
    const { broken, wrapped } = failing(store, 'data');
    const behind = await open(wrapped);
    const ahead = await open(store);
    broken.failing = true;
    await ahead.patch('ledger/blocked_vendors/v-77', true);
    await until(() => behind.room.status().behind);
    expect(() => behind.effect()).toThrow(expect.objectContaining({ reason: 'POLICY_BEHIND' }));
    broken.failing = false;
    await until(() => !behind.room.status().behind);
    expect(behind.effect()).toBe('deny');
  });

  test('a replica that cannot load the newest activation decides nothing, and a push mends it', async () => {
    const store = createMemoryPolicyStore();
    const { room, push, patch } = await open(store);
    const [first] = await store.activations(1);
    if (first === undefined) throw new Error('nothing is active');
    await store.putBytes('not-its-hash', fixture('odd'));
    await store.activate({ ...first, number: 2, revision: 'not-its-hash' });
    await until(() => room.status().behind);
    expect(room.status().trouble).toMatch(/^POLICY_BEHIND: the policy store lost/);
    const fault = expect.objectContaining({ reason: 'POLICY_BEHIND' });
    expect(() => room.evaluatePolicy(facts)).toThrow(fault);
    await expect(patch('ledger/blocked_vendors/v-77', true)).rejects.toEqual(fault);
    expect((await push(fixture('odd'))).activation.number).toBe(3);
    expect(room.evaluatePolicy(named('pay'))).toMatchObject({ activation: 3, verdict: { effect: 'allow' } });
  });
});

test('facts of an action that no rule knows are a deny', async () => {
  const { effect } = await open();
  expect(effect({ ...facts, action: { ...action, name: 'unheard.of' } })).toBe('deny');
});
