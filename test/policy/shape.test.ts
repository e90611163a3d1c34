/** What a module declares is looked at before the engine sees it: some of it would end the whole process. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { readBundle } from '../../src/policy/bundle.ts';
import { loadPolicy, loadPolicyAside } from '../../src/policy/load.ts';
import { compileModule } from '../../src/policy/start.ts';
import { endlessModule, fixture } from './archive.ts';
import { bundleWith, idle, withFunction, withMore, withSection } from './hostile-module.ts';

let odd: Uint8Array;
beforeAll(async () => {
  ({ wasm: odd } = await readBundle(fixture('odd')));
});

test.each(['builtin', 'ledger', 'odd', 'finance'] as const)(
  'the module of %s has the shape that OPA writes',
  async (name) => {
    const finance = new URL('../../policies/finance.bundle', import.meta.url);
    const { wasm } = await readBundle(name === 'finance' ? readFileSync(finance) : fixture(name));
    expect(await compileModule(wasm)).toBeInstanceOf(WebAssembly.Module);
  },
);

test('a module need not have a table, a name or a start', async () => {
  expect(await compileModule(endlessModule())).toBeInstanceOf(WebAssembly.Module);
});

const ANY = [0x7f, 0, 0x41, 0, 0x0b];
const text = (value: string) => [value.length, ...Buffer.from(value)];
const imported = (name: string, rest: readonly number[]) => [...text('env'), ...text(name), ...rest];
/** Ten million, LEB128. */
const TEN_MILLION = [0x80, 0xad, 0xe2, 0x04];

describe('a module is refused, by name, for', () => {
  test.each<[string, (wasm: Uint8Array) => Uint8Array, string]>([
    ['an array type', (wasm) => withMore(wasm, 1, [0x5e, 0x78, 1]), 'a type that is no function'],
    ['a group of types', (wasm) => withMore(wasm, 1, [0x4e, 1, 0x60, 0, 0]), 'a type that is no function'],
    [
      'a parameter that is a reference',
      (wasm) => withMore(wasm, 1, [0x60, 1, 0x6f, 0]),
      'a value that is no number',
    ],
    ['a vector as result', (wasm) => withMore(wasm, 1, [0x60, 0, 1, 0x7b]), 'a value that is no number'],
    ['two results', (wasm) => withMore(wasm, 1, [0x60, 0, 2, 0x7f, 0x7f]), '2 results of a function, over 1'],
    [
      'parameters without number',
      (wasm) => withMore(wasm, 1, [0x60, 0x81, 1, ...Array(129).fill(0x7f), 0]),
      '129 parameters of a function, over 128',
    ],
    [
      'a parameter of another kind beyond the fifth',
      (wasm) => withMore(wasm, 1, [0x60, 6, 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 0x7c, 0]),
      'a function of 6 parameters, 2 of them other than i32',
    ],
    [
      'one parameter of another kind beyond the eighth',
      (wasm) => withMore(wasm, 1, [0x60, 9, ...Array(8).fill(0x7f), 0x7c, 0]),
      'a function of 9 parameters, 1 of them other than i32',
    ],
    ['types without number', (wasm) => withMore(wasm, 1, [0x60, 0, 0], 256), 'types, over 256'],
    [
      'an imported global',
      (wasm) => withMore(wasm, 2, imported('g', [3, 0x7f, 0])),
      'imports more than functions and one memory',
    ],
    [
      'an imported table',
      (wasm) => withMore(wasm, 2, imported('t', [1, 0x70, 0, 1])),
      'imports more than functions and one memory',
    ],
    [
      'an imported tag',
      (wasm) => withMore(wasm, 2, imported('e', [4, 0, 0])),
      'imports more than functions and one memory',
    ],
    [
      'a second imported memory',
      (wasm) => withMore(wasm, 2, imported('m', [2, 0, 1])),
      'imports more than functions and one memory',
    ],
    [
      'a shared memory',
      (wasm) => withSection(wasm, 2, [1, ...imported('memory', [2, 3, 1, 1])]),
      'shared or of 64 bits',
    ],
    [
      'imports without number',
      (wasm) => withMore(wasm, 2, imported('opa_abort', [0, 0]), 2),
      'imports, over 8',
    ],
    ['functions without number', (wasm) => withMore(wasm, 3, [0], 65_536), 'functions, over 65536'],
    ['a second table', (wasm) => withMore(wasm, 4, [0x70, 1, 1, 1]), '2 tables, over 1'],
    [
      'a table of other references',
      (wasm) => withSection(wasm, 4, [1, 0x6f, 1, 1, 1]),
      'a table of other than functions',
    ],
    [
      'a table with an initial value',
      (wasm) => withSection(wasm, 4, [1, 0x40, 0, 0x70, 1, 1, 1]),
      'a table of other than functions',
    ],
    ['a table without an end', (wasm) => withSection(wasm, 4, [1, 0x70, 0, 1]), 'more places than functions'],
    [
      'a table of ten million',
      (wasm) => withSection(wasm, 4, [1, 0x70, 1, 1, ...TEN_MILLION]),
      'more places than functions',
    ],
    ['a table of 64 bits', (wasm) => withSection(wasm, 4, [1, 0x70, 5, 1, 1]), 'shared or of 64 bits'],
    [
      'a memory of its own',
      (wasm) => withMore(wasm, 5, [1, 1, 1]),
      'a section of kind 5, which OPA does not write',
    ],
    ['a tag', (wasm) => withMore(wasm, 13, [0, 0]), 'a section of kind 13, which OPA does not write'],
    [
      'a section of a later time',
      (wasm) => withMore(wasm, 14, [0]),
      'a section of kind 14, which OPA does not write',
    ],
    [
      'a global that is a reference',
      (wasm) => withMore(wasm, 6, [0x6f, 0, 0xd0, 0x6f, 0x0b]),
      'a value that is no number',
    ],
    [
      'a global that is computed',
      (wasm) => withMore(wasm, 6, [0x7f, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b]),
      'an initial value that is no constant',
    ],
    [
      'a global that is another',
      (wasm) => withMore(wasm, 6, [0x7f, 0, 0x23, 0, 0x0b]),
      'an initial value that is no constant',
    ],
    ['globals without number', (wasm) => withMore(wasm, 6, ANY, 62), '65 globals, over 64'],
    ['exports without number', (wasm) => withMore(wasm, 7, [0, 0, 0], 64), 'exports, over 64'],
    [
      'a passive element segment',
      (wasm) => withMore(wasm, 9, [1, 0, 1, 0]),
      'a segment that is not laid out at once',
    ],
    [
      'elements that are computed',
      (wasm) => withMore(wasm, 9, [4, 0x41, 0, 0x0b, 0]),
      'a segment that is not laid out at once',
    ],
    [
      'element segments without number',
      (wasm) => withMore(wasm, 9, [0, 0x41, 0, 0x0b, 0], 64),
      'element segments, over 64',
    ],
    [
      'a passive data segment',
      (wasm) => withMore(wasm, 11, [1, 0]),
      'a segment that is not laid out at once',
    ],
    [
      'a segment where a global says',
      (wasm) => withMore(wasm, 11, [0, 0x23, 1, 0x0b, 0]),
      'an initial value that is no constant',
    ],
    [
      'data segments without number',
      (wasm) => withMore(wasm, 11, [0, 0x41, 0, 0x0b, 0], 64),
      'data segments, over 64',
    ],
    [
      'a local that is a reference',
      (wasm) => withMore(withMore(wasm, 3, [0]), 10, [4, 1, 1, 0x6f, 0x0b]),
      'a value that is no number',
    ],
    [
      'locals that its code is too short for',
      (wasm) => withFunction(wasm, idle(10_000, 39_994)),
      'has 10000 locals in 39999 bytes',
    ],
    ['more than a few locals', (wasm) => withFunction(wasm, idle(65, 4)), 'has 65 locals in 8 bytes'],
    [
      'a section that says less than it has',
      (wasm) => withSection(wasm, 6, [0, ...ANY]),
      'more than it says',
    ],
    [
      'a section that says more than it has',
      (wasm) => withSection(wasm, 6, [2, ...ANY]),
      'a section of the module is cut',
    ],
    [
      'a data segment that is cut',
      (wasm) => withSection(wasm, 11, [1, 0, 0x41, 0, 0x0b, 9]),
      'a section of the module is cut',
    ],
    [
      'a section twice',
      (wasm) => Buffer.concat([wasm, Buffer.of(11, 1, 0)]),
      'a section of kind 11 out of its place',
    ],
  ])('%s', async (_, change, problem) => {
    await expect((async () => compileModule(change(odd)))()).rejects.toThrow(problem);
  });

  test('no more than is needed: what is just within the bounds compiles', async () => {
    // 128 parameters, 8 imports, and so on.
    const within: readonly ((wasm: Uint8Array) => Uint8Array)[] = [
      (wasm) => withMore(wasm, 1, [0x60, 0x80, 1, ...Array(128).fill(0x7f), 1, 0x7c]),
      (wasm) => withMore(wasm, 1, [0x60, 8, ...Array(7).fill(0x7f), 0x7c, 1, 0x7c]),
      (wasm) => withMore(wasm, 1, [0x60, 5, 0x7e, 0x7d, 0x7c, 0x7e, 0x7d, 1, 0x7e]),
      (wasm) => withMore(wasm, 6, ANY, 61),
      (wasm) => withMore(wasm, 6, [0x7e, 1, 0x42, 0xff, 0xff, 0x7e, 0x0b]),
      (wasm) => withMore(wasm, 6, [0x7d, 0, 0x43, 0, 0, 0, 0, 0x0b]),
      (wasm) => withMore(wasm, 6, [0x7c, 0, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b]),
      (wasm) => withMore(wasm, 11, [0, 0x41, 0, 0x0b, 0], 59),
      (wasm) => withFunction(wasm, idle(64, 4)),
      (wasm) => withFunction(wasm, idle(10_000, 39_995)),
    ];
    for (const change of within) expect(await compileModule(change(odd))).toBeInstanceOf(WebAssembly.Module);
  });
});

describe('a pushed bundle', () => {
  test.each([
    ['with a memory of its own, which `memory_mib` would not bound', 5, [1, 1, 1], /a section of kind 5/],
    ['with a type for arrays', 1, [0x5e, 0x78, 1], /a type that is no function/],
  ] as const)('%s is refused, naming its module', async (_, id, added, message) => {
    const request = { bundle: await bundleWith(withMore(odd, id, added)), documents: [], maximumPages: 64 };
    const refused = { file: 'policy.wasm', message: expect.stringMatching(message) };
    await expect(loadPolicy(request)).rejects.toMatchObject(refused);
    await expect(loadPolicyAside(request, 20_000)).rejects.toMatchObject(refused);
  });
});
