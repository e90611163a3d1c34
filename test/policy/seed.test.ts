import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/model/json.ts';
import { BundleRefused } from '../../src/model/verbs.ts';
import { createPolicyRoom } from '../../src/policy/activate.ts';
import { createCompiler } from '../../src/policy/compile.ts';
import { createMemoryPolicyStore } from '../../src/policy/memory.ts';
import type { PolicyRoom } from '../../src/policy/room.ts';
import { grow, keptInstead, readSeed, writeSeed } from '../../src/policy/seed.ts';
import type { PolicyStore } from '../../src/policy/store.ts';
import { BundleError, readTar } from '../../src/policy/tar.ts';
import { bundleOf, fixture } from './archive.ts';
import { changeOf } from './change.ts';
import { AT, facts } from './facts.ts';

const text = (value: JsonObject) => Buffer.from(writeSeed(value)).toString();

describe('a seed', () => {
  const seed = { finance: { blocked: { a: true }, limit: 5, mails: ['x'] }, other: 1 };

  test.each<[string, JsonObject, JsonObject]>([
    ['a key', { travel: 1 }, { ...seed, travel: 1 }],
    [
      'a key inside an object',
      { finance: { blocked: { b: true } } },
      { ...seed, finance: { ...seed.finance, blocked: { a: true, b: true } } },
    ],
    ['an empty object', { none: {} }, { ...seed, none: {} }],
    ['a null', { none: null }, { ...seed, none: null }],
    [
      'a name that every object has',
      { finance: { toString: 1 } },
      { ...seed, finance: { ...seed.finance, toString: 1 } },
    ],
  ])('gains %s', (_, brought, grown) => {
    const before = text(seed);
    expect(text(grow(seed, brought))).toBe(text(grown));
    expect(text(seed)).toBe(before);
  });

  test.each<[string, JsonObject]>([
    ['another value', { finance: { limit: 50 } }],
    ['a longer array', { finance: { mails: ['x', 'y'] } }],
    ['an object where a value stands', { finance: { limit: { eur: 1 } } }],
    ['a value where an object stands', { finance: { blocked: [] } }],
    ['null where something stands', { finance: null }],
    ['less', { finance: { blocked: {} } }],
    ['nothing', {}],
  ])('keeps what it has against %s', (_, brought) => {
    expect(grow(seed, brought)).toBe(seed);
  });

  test('is read as it was written, however deep', () => {
    let deep: JsonValue = 1;
    for (let i = 0; i < 100; i += 1) deep = { a: deep };
    expect(text(readSeed(writeSeed({ deep })))).toBe(text({ deep }));
    expect(text(readSeed(undefined))).toBe('{}');
  });

  test.each(['[]', '{', '"x"'])('that the store holds as `%s` is refused', (stored) => {
    expect(() => readSeed(Buffer.from(stored))).toThrow(BundleError);
  });

  test('has 8 MiB at most', () => {
    const most = 'x'.repeat(8 * 1024 * 1024 - '{"a":""}'.length);
    expect(writeSeed({ a: most })).toHaveLength(8 * 1024 * 1024);
    expect(() => writeSeed({ a: `${most}x` })).toThrow(expect.objectContaining({ file: 'data.json' }));
  });
});

describe('what is kept instead of a bundle’s data', () => {
  const inForce = { finance: { blocked: { a: true }, limit: 5, mails: ['x'], usual: { acme: 1 } } };

  test.each<[string, JsonObject, readonly string[]]>([
    ['nothing where both say the same', { finance: { limit: 5, mails: ['x'] } }, []],
    ['nothing where more is in force', { finance: { blocked: {} } }, []],
    ['a value', { finance: { limit: 6 } }, ['finance/limit']],
    ['an array', { finance: { mails: [] } }, ['finance/mails']],
    ['an object against a value', { finance: { limit: { eur: 5 } } }, ['finance/limit']],
    ['a value against an object', { finance: { usual: 1 } }, ['finance/usual']],
    [
      'what was taken away',
      { finance: { blocked: { b: true } }, gone: { x: 1 } },
      ['finance/blocked/b', 'gone'],
    ],
    [
      'the nearest path above a name with a slash',
      { finance: { usual: { 'a/b': 1, 'c/d': 1 } } },
      ['finance/usual'],
    ],
    [
      'the nearest path above a long one',
      { finance: { usual: { ['x'.repeat(600)]: 1 } } },
      ['finance/usual'],
    ],
    ['all data, where the name itself is none', { '': 1 }, ['']],
  ])('is told by path: %s', (_, brought, paths) => {
    expect(keptInstead(brought, inForce)).toEqual(paths);
  });

  test('is told at most a hundred times', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, 1]));
    expect(keptInstead(many, {})).toHaveLength(100);
  });
});

const rooms: PolicyRoom[] = [];
afterEach(() => {
  for (const room of rooms.splice(0)) room.close();
});

const compiler = createCompiler();
const pep = { id: 'pep-1', tenant: 'tenant-1', roles: new Set<never>() };
const archive = readTar(gunzipSync(fixture('ledger')));
const rest = [...archive].filter(([name]) => name !== 'data.json');

/** The ledger's rules with other data, and other bytes even where the data is the same. */
function ledger(ledgerData: JsonObject, nonce = ''): Uint8Array {
  const content = `${JSON.stringify({ ledger: ledgerData })}${nonce}`;
  return bundleOf([
    ...rest.map(([name, bytes]) => ({ name, content: bytes })),
    { name: 'data.json', content },
  ]);
}

const plain = {
  unusual_above: { EUR: 5000 },
  rate_per_second: 10,
  throttles_before_review: 5,
  payment_tasks: ['pay_invoices'],
};
const A = ledger({ ...plain, blocked_vendors: { 'v-13': true } });
const B = ledger({ ...plain, blocked_vendors: { 'v-13': true, 'v-77': true } });
const empty = ledger({ ...plain, blocked_vendors: {} });

async function open(store: PolicyStore = createMemoryPolicyStore(), defaultBundle: Uint8Array = A) {
  const told: Readonly<Record<string, unknown>>[] = [];
  const log = {
    info: (seen: Readonly<Record<string, unknown>>) => void told.push(seen),
    error: () => undefined,
  };
  const options = { store, compiler, defaultBundle, log, at: AT, watchIntervalMs: 100, memoryMib: 64 };
  const room = await createPolicyRoom(options);
  rooms.push(room);
  return {
    room,
    store,
    told,
    push: (bytes: Uint8Array, validateOnly = false) =>
      room.push({ pep, content: { kind: 'bundle', bytes }, validateOnly, allowUntested: true, at: AT }),
    rollback: () => room.rollback({ pep, revision: undefined, at: AT }),
    patch: (path: string, value: JsonValue | undefined) =>
      room.patchData({ pep, path, change: changeOf(value), expectedVersion: undefined, at: AT }),
    effect: () => room.evaluatePolicy(facts).verdict.effect,
    at: async (path: string) => (await room.data(path)).value,
  };
}

describe('data under a push', () => {
  test('gains entries, keeps them under a rollback, and counts a version for the gain only', async () => {
    const { push, rollback, effect, room } = await open();
    expect([room.status().dataVersion, effect()]).toEqual([1, 'allow']);
    expect((await push(B)).keptData).toEqual([]);
    expect([room.status().dataVersion, effect()]).toEqual([2, 'deny']);
    await rollback();
    expect([room.status().dataVersion, effect()]).toEqual([2, 'deny']);
    expect(room.status().activation).toBe(3);
  });

  test('loses no entry that the bundle leaves out', async () => {
    const { push, effect, room } = await open(undefined, B);
    expect((await push(empty)).keptData).toEqual([]);
    expect(effect()).toBe('deny');
    expect(room.status()).toMatchObject({ activation: 2, dataVersion: 1 });
  });

  test('keeps its values, and the answer names them, also when it only validates', async () => {
    const { push, at, room } = await open();
    const loose = ledger({ ...plain, blocked_vendors: { 'v-13': false }, rate_per_second: 1000, newer: 1 });
    const kept = ['ledger/rate_per_second', 'ledger/blocked_vendors/v-13'];
    expect((await push(loose, true)).keptData).toEqual(kept);
    expect(room.status()).toMatchObject({ activation: 1, dataVersion: 1 });
    await expect(at('ledger/newer')).rejects.toMatchObject({ reason: 'DATA_NOT_FOUND' });
    expect((await push(loose)).keptData).toEqual(kept);
    expect((await push(loose)).keptData).toEqual(kept);
    expect(await at('ledger')).toMatchObject({
      blocked_vendors: { 'v-13': true },
      rate_per_second: 10,
      newer: 1,
    });
    expect(room.status()).toMatchObject({ activation: 2, dataVersion: 2 });
  });

  test('stays without what was removed, whatever names it', async () => {
    const { push, rollback, patch, effect } = await open(undefined, B);
    await patch('ledger/blocked_vendors/v-77', undefined);
    expect(effect()).toBe('allow');
    const again = ledger({ ...plain, blocked_vendors: { 'v-77': true, 'v-13': true } }, ' ');
    expect((await push(again)).keptData).toEqual(['ledger/blocked_vendors/v-77']);
    expect(effect()).toBe('allow');
    await rollback();
    expect(effect()).toBe('allow');
    await patch('ledger/blocked_vendors/v-77', true);
    expect(effect()).toBe('deny');
  });

  test('is what other bundles brought for the roots they share, and waits for the others', async () => {
    const { push, room, effect } = await open(undefined, B);
    const { 'v-77': blocked } = (await room.data('ledger/blocked_vendors')).value as JsonObject;
    expect(blocked).toBe(true);
    const manifest = archive.get('.manifest')?.toString() ?? '';
    expect(manifest).toContain('"ledger"');
    const foreign = bundleOf([
      ...[...archive]
        .filter(([name]) => !name.endsWith('data.json'))
        .map(([name, bytes]) => ({
          name,
          content: name === '.manifest' ? manifest.replaceAll('"ledger"', '"travel"') : bytes,
        })),
      { name: 'data.json', content: '{"travel":{"most":1}}' },
    ]);
    await push(foreign);
    expect((await room.data('')).value).toEqual({ travel: { most: 1 } });
    await push(A);
    expect(effect()).toBe('deny');
    await expect(room.data('travel')).rejects.toMatchObject({ status: 'NOT_FOUND' });
  });

  test('past 8 MiB in all refuses the push, naming the file, and nothing changes', async () => {
    const { push, store, effect } = await open();
    const large = ledger({ ...plain, large: 'x'.repeat(8 * 1024 * 1024) });
    const failure = await push(large).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(BundleRefused);
    expect((failure as BundleRefused).errors).toMatchObject([
      { file: 'data.json', message: expect.stringContaining('8388608 bytes') },
    ]);
    expect(await store.head()).toEqual({ activation: 1, dataVersion: 1 });
    expect(effect()).toBe('allow');
  });
});

describe('a removal', () => {
  test.each(['ledger/blocked_vendors/none', 'ledger/none/x', 'ledger/rate_per_second/x'])(
    'of `%s`, where nothing stands, is refused and counts no version',
    async (path) => {
      const { patch, store } = await open();
      await expect(patch(path, undefined)).rejects.toMatchObject({
        status: 'NOT_FOUND',
        reason: 'DATA_NOT_FOUND',
      });
      expect(await store.head()).toMatchObject({ dataVersion: 1 });
      expect((await store.data()).documents).toEqual([]);
    },
  );

  test('of what was removed before is refused; of what was patched in, it is not', async () => {
    const { patch, at } = await open();
    await patch('ledger/blocked_vendors/v-1', { since: 1 });
    expect(await patch('ledger/blocked_vendors/v-1', undefined)).toBe(3);
    await expect(patch('ledger/blocked_vendors/v-1', undefined)).rejects.toMatchObject({
      status: 'NOT_FOUND',
    });
    expect(await at('ledger/blocked_vendors')).toEqual({ 'v-13': true });
  });
});

describe('the default bundle', () => {
  test('of a later release adds its data, changes none, and the log names what is kept', async () => {
    const { store, patch } = await open();
    await patch('ledger/unusual_above/EUR', 1);
    const second = ledger({ ...plain, blocked_vendors: { 'v-77': true } });
    const { told, effect, room, at } = await open(store, second);
    expect(effect()).toBe('deny');
    expect(room.status()).toMatchObject({ activation: 2, dataVersion: 3 });
    expect(await at('ledger/unusual_above')).toEqual({ EUR: 1 });
    expect(told).toContainEqual({ paths: ['ledger/unusual_above/EUR'] });
  });
});

describe('two replicas', () => {
  const entry = (vendor: string) => ledger({ ...plain, blocked_vendors: { [vendor]: true } });

  test('that push at once lose no entry', async () => {
    const store = createMemoryPolicyStore();
    const [one, two] = [await open(store), await open(store)];
    await Promise.all([
      one.push(entry('a')),
      two.push(entry('b')),
      one.push(entry('c')),
      two.push(entry('d')),
    ]);
    await Promise.all([one.room.follow(), two.room.follow()]);
    const value = { 'v-13': true, a: true, b: true, c: true, d: true };
    for (const { room } of [one, two])
      expect(await room.data('ledger/blocked_vendors')).toEqual({ value, version: 5 });
    expect(one.room.status()).toMatchObject({ activation: 5, dataVersion: 5 });
  });

  test('of which one patches while the other pushes lose neither', async () => {
    const store = createMemoryPolicyStore();
    const [one, two] = [await open(store), await open(store)];
    await Promise.all([one.push(entry('a')), two.patch('ledger/blocked_vendors/v-77', true)]);
    await Promise.all([one.room.follow(), two.room.follow()]);
    const value = { 'v-13': true, 'v-77': true, a: true };
    for (const { room, effect } of [one, two]) {
      expect(await room.data('ledger/blocked_vendors')).toEqual({ value, version: 3 });
      expect(effect()).toBe('deny');
    }
  });

  test('of which one patched just before the other stores its push: the patch is in force there, too', async () => {
    const store = createMemoryPolicyStore();
    const other = await open(store);
    let late = async () => {};
    const raced = new Proxy(store, {
      get: (target, name: keyof PolicyStore) =>
        name !== 'activate'
          ? target[name]
          : async (...sent: Parameters<PolicyStore['activate']>) => {
              const patched = late;
              late = async () => {};
              await patched();
              return target.activate(...sent);
            },
    });
    const pushing = await open(raced);
    late = async () => void (await other.patch('ledger/blocked_vendors/v-77', true));
    await pushing.push(entry('a'));
    expect(pushing.effect()).toBe('deny');
    expect(pushing.room.status()).toMatchObject({ activation: 2, dataVersion: 3 });
  });
});

test('without the bytes of its seed, a store starts nothing', async () => {
  const store = createMemoryPolicyStore();
  await open(store);
  const { seed } = await store.data();
  const without = new Proxy(store, {
    get: (target, name: keyof PolicyStore) =>
      name === 'getBytes'
        ? async (hash: string) => (hash === seed ? undefined : target.getBytes(hash))
        : target[name],
  });
  await expect(open(without)).rejects.toThrow('lost the data');
});
