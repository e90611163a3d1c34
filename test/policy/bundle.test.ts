import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ownsData, readBundle } from '../../src/policy/bundle.ts';
import { BundleError } from '../../src/policy/tar.ts';
import { bundleOf, type Entry, fixture, tarOf } from './archive.ts';

const wasm: Entry = { name: '/policy.wasm', content: 'wasm' };
const entrypoints = [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }];
const manifest = (more: object = {}): Entry => ({
  name: '/.manifest',
  content: JSON.stringify({ wasm: entrypoints, ...more }),
});
const data = (value: unknown, name = '/data.json'): Entry => ({ name, content: JSON.stringify(value) });
const latin = (name: string, text: string): Entry => ({ name, content: Buffer.from(text, 'latin1') });

const numbered = (start: string, count: number) => Array.from({ length: count }, (_, i) => `${start}${i}`);
const plainCodes = (count: number, entry: object = {}) =>
  Object.fromEntries(numbered('policy.c', count).map((code) => [code, entry]));

describe('a bundle', () => {
  test('as opa builds it is read', async () => {
    const { manifest: read, wasm: module, data: brought, sources } = await readBundle(fixture('ledger'));
    expect(read.roots).toEqual(['assent', 'rules', 'ledger']);
    expect([...read.codes.keys()]).toContain('policy.vendor_blocked');
    expect(Buffer.from(module.subarray(0, 4)).toString('latin1')).toBe('\0asm');
    expect(brought).toMatchObject({ ledger: { blocked_vendors: { 'v-13': true } } });
    expect([...sources.keys()]).toContain('ledger/ledger.rego');
  });

  test('mounts data where its folder says', async () => {
    const read = await readBundle(
      bundleOf([
        manifest(),
        wasm,
        data({ a: 1 }, './x/data.json'),
        data({ b: 2 }, 'x/y/data.json'),
        data({ c: 3 }),
      ]),
    );
    expect(read.data).toEqual({ c: 3, x: { a: 1, y: { b: 2 } } });
  });

  test('declares codes with words and remedy, or plain', async () => {
    const codes = { 'policy.odd': { words: 'something odd', remedy: 'ask_human' }, 'policy.plain': {} };
    const read = await readBundle(
      bundleOf([manifest({ metadata: { codes, name: 'odd', sequence: 3 } }), wasm]),
    );
    expect(read.manifest.codes.get('policy.odd')).toEqual({ words: 'something odd', remedy: 'ask_human' });
    expect(read.manifest.codes.get('policy.plain')).toMatchObject({ remedy: 'stop' });
    expect(read.manifest).toMatchObject({ name: 'odd', sequence: 3, roots: [''] });
  });

  test('may have as many names as sources, with the longest words there are', async () => {
    const roots = ['assent', 'lib', 'limits', 'rules', ...numbered('r', 500)];
    const codes = plainCodes(500, { words: '\u0001'.repeat(512) });
    const read = await readBundle(bundleOf([manifest({ roots, metadata: { codes } }), wasm]));
    expect(read.manifest.roots).toEqual(roots);
    expect(read.manifest.codes.size).toBe(500);
  });

  test.each([
    [{ metadata: { name: 'finance' }, revision: '1.0' }, 'finance'],
    [{ metadata: {}, revision: 'v1.0.2-rc.1+9f2c' }, 'v1.0.2-rc.1+9f2c'],
    [{ metadata: { name: '' }, revision: '9f2c' }, '9f2c'],
    [{ revision: '' }, ''],
    [{}, ''],
  ])('of %j is called `%s`', async (more, name) => {
    expect((await readBundle(bundleOf([manifest(more), wasm]))).manifest.name).toBe(name);
  });
});

describe('a bundle is refused', () => {
  const whole = fixture('ledger');
  test.each<[string, () => Uint8Array, RegExp]>([
    ['that is not gzip', () => Buffer.from('policy'), /not gzip/],
    ['that is empty', () => Buffer.alloc(0), /not gzip/],
    ['that is cut short', () => whole.subarray(0, whole.length / 2), /cut short/],
    ['whose tar is cut short', () => gzipSync(tarOf([manifest(), wasm]).subarray(0, -1024)), /cut short/],
    ['whose file is cut short', () => gzipSync(tarOf([manifest({})]).subarray(0, 530)), /cut short/],
    ['over 8 MiB', () => Buffer.alloc(8 * 1024 * 1024 + 1), /over 8388608 bytes/],
    ['that inflates to over 32 MiB', () => gzipSync(Buffer.alloc(32 * 1024 * 1024 + 1)), /inflates to over/],
    ['with a file over 16 MiB', () => bundleOf([{ ...wasm, size: 16 * 1024 * 1024 + 1 }]), /over 16777216/],
    [
      'with over 10,000 entries',
      () => bundleOf(Array.from({ length: 10_001 }, (_, i) => ({ name: `f${i}` }))),
      /10000 entries/,
    ],
    ['with a broken checksum', () => gzipSync(Buffer.alloc(1024, 'x')), /broken header/],
    ['that leaves itself', () => bundleOf([manifest(), wasm, { name: '../x/data.json' }]), /leaves it/],
    [
      'that leaves itself within',
      () => bundleOf([manifest(), wasm, { name: 'a/../../data.json' }]),
      /leaves it/,
    ],
    ['with a second slash', () => bundleOf([manifest(), wasm, { name: '//etc/data.json' }]), /leaves it/],
    ['with a name twice', () => bundleOf([manifest(), wasm, wasm]), /twice/],
    [
      'with a name twice in two spellings',
      () => bundleOf([manifest(), wasm, { name: './policy.wasm' }]),
      /twice/,
    ],
    [
      'with a symbolic link',
      () => bundleOf([manifest(), { name: 'policy.wasm', type: '2' }]),
      /more than files/,
    ],
    ['with a hard link', () => bundleOf([manifest(), { name: 'policy.wasm', type: '1' }]), /more than files/],
    ['with a device', () => bundleOf([manifest(), { name: 'policy.wasm', type: '3' }]), /more than files/],
    [
      'with an extended header',
      () => bundleOf([{ name: 'x', type: 'x' }, manifest(), wasm]),
      /more than files/,
    ],
    ['without manifest', () => bundleOf([wasm]), /no `.manifest`/],
    ['with a manifest elsewhere', () => bundleOf([manifest(), wasm, { name: 'a/.manifest' }]), /elsewhere/],
    [
      'whose manifest has members twice',
      () => bundleOf([{ name: '.manifest', content: '{"roots":["a"],"roots":[""]}' }, wasm]),
      /duplicate/,
    ],
    [
      'whose manifest is no object',
      () => bundleOf([{ name: '.manifest', content: '[]' }, wasm]),
      /not an object/,
    ],
    ['without module', () => bundleOf([manifest()]), /not there/],
    [
      'with two modules',
      () => bundleOf([manifest(), wasm, { name: 'other/policy.wasm' }]),
      /more than one module/,
    ],
    ['without entry point', () => bundleOf([manifest({ wasm: [] }), wasm]), /`assent\/verdict`/],
    [
      'with another entry point',
      () => bundleOf([manifest({ wasm: [{ entrypoint: 'assent/allow', module: '/policy.wasm' }] }), wasm]),
      /`assent\/verdict`/,
    ],
    [
      'with the entry point twice',
      () => bundleOf([manifest({ wasm: [...entrypoints, ...entrypoints] }), wasm]),
      /twice/,
    ],
    ['that is signed', () => bundleOf([manifest(), wasm, { name: '.signatures.json' }]), /signed/],
    ['that is a delta', () => bundleOf([manifest(), wasm, { name: 'patch.json' }]), /delta/],
    ['with data in yaml', () => bundleOf([manifest(), wasm, { name: 'a/data.yaml' }]), /data\.json/],
    [
      'with data outside its roots',
      () => bundleOf([manifest({ roots: ['finance'] }), wasm, data({ limits: 1 })]),
      /`limits` is outside/,
    ],
    [
      'with data where packages are',
      () => bundleOf([manifest(), wasm, data({ rules: { x: 1 } })]),
      /`rules\/x`|`rules`/,
    ],
    [
      'with data in two places at once',
      () => bundleOf([manifest(), wasm, data({ x: { a: 1 } }), data({ a: 2 }, 'x/data.json')]),
      /one place/,
    ],
    [
      'whose data would be rounded',
      () => bundleOf([manifest(), wasm, { name: 'data.json', content: '{"a":9007199254740993}' }]),
      /rounded/,
    ],
    [
      'whose data is not utf-8',
      () => bundleOf([manifest(), wasm, latin('data.json', '{"a":"Müller"}')]),
      /^is not utf-8/,
    ],
    ['whose rego is not utf-8', () => bundleOf([manifest(), wasm, latin('a.rego', '# Müller')]), /not utf-8/],
    [
      'with a root inside another',
      () => bundleOf([manifest({ roots: ['a', 'a/b'] }), wasm]),
      /inside another/,
    ],
    ['with a root twice', () => bundleOf([manifest({ roots: ['a', 'a'] }), wasm]), /inside another/],
    ['with a root that climbs', () => bundleOf([manifest({ roots: ['a/../b'] }), wasm]), /plain relative/],
    [
      'with a root inside one that is not next to it',
      () => bundleOf([manifest({ roots: ['a/b', 'b', 'a-b', 'a'] }), wasm]),
      /inside another/,
    ],
    [
      'with a root inside everything',
      () => bundleOf([manifest({ roots: ['a', ''] }), wasm]),
      /inside another/,
    ],
    ['with 505 roots', () => bundleOf([manifest({ roots: numbered('r', 505) }), wasm]), /more than 504/],
    [
      'with a root over 128 bytes',
      () => bundleOf([manifest({ roots: ['é'.repeat(64), `${'é'.repeat(64)}a`] }), wasm]),
      /root is over 128 bytes/,
    ],
    [
      'with a control character in a root',
      () => bundleOf([manifest({ roots: ['a\u001b[31m'] }), wasm]),
      /plain relative/,
    ],
    [
      'with 501 codes in a list',
      () => bundleOf([manifest({ metadata: { codes: numbered('policy.c', 501) } }), wasm]),
      /`metadata.codes` has more than 500/,
    ],
    [
      'with 501 codes in an object',
      () => bundleOf([manifest({ metadata: { codes: plainCodes(501) } }), wasm]),
      /`metadata.codes` has more than 500/,
    ],
    [
      'with a manifest over 2 MiB',
      () => bundleOf([manifest({ padding: 'x'.repeat(2 * 1024 * 1024) }), wasm]),
      /manifest is over 2097152 bytes/,
    ],
    ...['\u001b[31mEVIL\u202e', 'Name', 'a name', 'n'.repeat(65), 7].map(
      (name): [string, () => Uint8Array, RegExp] => [
        `with the name ${JSON.stringify(name)}`,
        () => bundleOf([manifest({ metadata: { name } }), wasm]),
        /`metadata.name` is/,
      ],
    ),
    ...['\u001b[31m', 'v1\u202e', 'a b', 'r'.repeat(129), 7].map(
      (revision): [string, () => Uint8Array, RegExp] => [
        `with the revision ${JSON.stringify(revision)}`,
        () => bundleOf([manifest({ revision }), wasm]),
        /`revision` is/,
      ],
    ),
    ['with an absolute root', () => bundleOf([manifest({ roots: ['/a'] }), wasm]), /plain relative/],
    [
      'with codes of ours',
      () => bundleOf([manifest({ metadata: { codes: ['token.expired'] } }), wasm]),
      /codes/,
    ],
    [
      'with our policy codes',
      () => bundleOf([manifest({ metadata: { codes: ['policy.undefined'] } }), wasm]),
      /codes/,
    ],
    [
      'with an unknown remedy',
      () => bundleOf([manifest({ metadata: { codes: { 'policy.a': { remedy: 'pray' } } } }), wasm]),
      /words and remedy/,
    ],
    [
      'with a sequence in words',
      () => bundleOf([manifest({ metadata: { sequence: '1' } }), wasm]),
      /sequence/,
    ],
  ])('%s', async (_, make, problem) => {
    const failure = await readBundle(make()).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(BundleError);
    expect((failure as BundleError).message).toMatch(problem);
  });
});

test.each([
  [[''], ['finance', 'x'], true],
  [['finance'], ['finance'], true],
  [['finance/blocked'], ['finance', 'blocked', 'v'], true],
  [['finance/blocked'], ['finance', 'blocked_too'], false],
  [['finance/blocked'], ['finance'], false],
  [[''], ['assent', 'x'], false],
  [[''], ['rules', 'x'], false],
  [['lib'], ['lib', 'x'], false],
  [[''], [], false],
])('roots %j own the data at %j: %s', (roots, path, owned) => {
  expect(ownsData(roots, path)).toBe(owned);
});
