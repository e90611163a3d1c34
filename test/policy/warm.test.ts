import { describe, expect, test } from 'vitest';
import { readBundle } from '../../src/policy/bundle.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import { BundleError } from '../../src/policy/tar.ts';
import { readWarm, warmable, writeWarm } from '../../src/policy/warm.ts';
import { bundleOf, fixture } from './archive.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const named = (name: string) => JSON.stringify({ action: { name } });

describe('warm.json', () => {
  test('comes out as it went in', () => {
    const inputs = warmable([named('pay'), '{"b":1,"a":[null,"ü"]}']);
    expect(readWarm(bytes(writeWarm(inputs)))).toEqual([named('pay'), '{"a":[null,"ü"],"b":1}']);
    expect(readWarm(undefined)).toEqual([]);
    expect(readWarm(bytes(writeWarm([])))).toEqual([]);
  });

  test('holds only what its reader takes', () => {
    const deep = `{"a":${'['.repeat(15)}${']'.repeat(15)}}`;
    const fits = `{"a":${'['.repeat(14)}${']'.repeat(14)}}`;
    const texts = [named('pay'), '7', '[1]', '{"n":9007199254740993}', named('x'.repeat(8192)), deep, fits];
    const kept = warmable(texts);
    expect(kept).toEqual([named('pay'), fits]);
    expect(readWarm(bytes(writeWarm(kept)))).toEqual(kept);
    expect(warmable(Array.from({ length: 70 }, (_, i) => `{"i":${i}}`))).toHaveLength(64);
  });

  test.each<[string, Uint8Array, RegExp]>([
    ['no json', bytes('[{"a":1}'), /json/],
    ['bytes that are no text', Uint8Array.of(0x5b, 0xff, 0x5d), /utf-8/],
    ['an object', bytes('{}'), /not a list of at most 64/],
    ['too many inputs', bytes(JSON.stringify(Array.from({ length: 65 }, () => ({})))), /at most 64/],
    ['an input that is no object', bytes('[{},7]'), /input 1 is not an object/],
    ['a list as input', bytes('[[]]'), /input 0 is not an object/],
    ['a long input', bytes(`[${named('x'.repeat(8192))}]`), /input 0 is not an object of at most 8192 bytes/],
    ['a member twice', bytes('[{"a":1,"a":2}]'), /duplicate/],
    ['a reserved name', bytes('[{"__proto__":{}}]'), /__proto__/],
    ['deep nesting', bytes(`[{"a":${'['.repeat(100_000)}`), /nests deeper/],
    ['more than 1 MiB', bytes(`[${' '.repeat(1024 * 1024)}]`), /over 1048576 bytes/],
  ])('with %s is refused by its name', (_, content, problem) => {
    const failure = (() => {
      try {
        return readWarm(content);
      } catch (cause) {
        return cause;
      }
    })();
    expect(failure).toBeInstanceOf(BundleError);
    expect(failure).toMatchObject({ file: 'warm.json', message: expect.stringMatching(problem) });
  });
});

describe('a policy is warmed', () => {
  const load = async (warm: string) => {
    const { wasm } = await readBundle(fixture('odd'));
    const wasmOf = [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }];
    const metadata = { codes: ['policy.odd'] };
    const bundle = bundleOf([
      { name: '.manifest', content: JSON.stringify({ wasm: wasmOf, metadata }) },
      { name: 'policy.wasm', content: wasm },
      { name: 'warm.json', content: warm },
    ]);
    return loadPolicy({ bundle, documents: [], maximumPages: 128 });
  };

  test('with the inputs that its bundle brings, whatever their verdict is', async () => {
    await expect(load(writeWarm([named('pay'), named('odd.nothing')]))).resolves.toMatchObject({
      manifest: { name: '' },
    });
  });

  test.each([
    ['that makes a builtin throw', named('odd.throws')],
    ['that takes all memory', JSON.stringify({ action: { name: 'odd.memory' }, args: { n: 300_000 } })],
  ])('and an input %s is named, with its file', async (_, input) => {
    await expect(load(writeWarm([named('pay'), input]))).rejects.toMatchObject({
      file: 'warm.json',
      message: expect.stringMatching(/^the module aborts on input 1: ./),
    });
  });

  test('and a file that cannot be read refuses the bundle, by its name', async () => {
    await expect(load('[1]')).rejects.toMatchObject({ file: 'warm.json' });
  });
});
