import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { readBundle } from '../../src/policy/bundle.ts';
import { HOST_BUILTINS } from '../../src/policy/host.ts';
import {
  buildImage,
  checkModule,
  createEvaluator,
  type Evaluator,
  MAX_INPUT_BYTES,
  type PolicyImage,
} from '../../src/policy/opa.ts';
import { fixture } from './archive.ts';

const PAGES = 1024;
const NO_DATA = new TextEncoder().encode('{}');
const asked = (name: string, n = 0) => JSON.stringify({ action: { name }, args: { n } });

async function moduleOf(name: 'ledger' | 'odd' | 'builtin'): Promise<WebAssembly.Module> {
  return WebAssembly.compile((await readBundle(fixture(name))).wasm);
}

let module: WebAssembly.Module;
let image: PolicyImage;
let evaluator: Evaluator;
beforeAll(async () => {
  module = await moduleOf('odd');
  image = buildImage(module, NO_DATA, PAGES);
  evaluator = await createEvaluator(module, image, PAGES);
});

describe('an evaluation', () => {
  test('gives the result as the module wrote it', () => {
    expect(JSON.parse(evaluator.evaluate(asked('pay')))).toMatchObject([{ result: { effect: 'allow' } }]);
    expect(evaluator.evaluate(asked('odd.nothing'))).toBe('[]');
  });

  test('keeps numbers exact, sums and those past 2^53 included', () => {
    expect(evaluator.evaluate(asked('odd.sum'))).toContain('"amount":0.3,');
    expect(evaluator.evaluate(asked('odd.large'))).toContain('"amount":9007199254740993,');
  });

  test('reads and writes UTF-8', () => {
    expect(evaluator.evaluate(asked('odd.words', 20))).toContain('größer als 20 €');
    expect(evaluator.evaluate(asked('odd.echo 💶 ü'))).toContain('odd.echo 💶 ü');
  });

  test('answers for one input do not depend on the inputs before it', () => {
    const before = evaluator.evaluate(asked('pay'));
    for (const name of ['odd.sum', 'odd.number', 'odd.nothing', `odd.echo ${'x'.repeat(60_000)}`])
      evaluator.evaluate(asked(name));
    expect(evaluator.evaluate(asked('pay'))).toBe(before);
  });

  test('an input over 1 MiB is refused, counted in bytes', () => {
    const wide = asked(`odd.echo ${'€'.repeat(MAX_INPUT_BYTES / 3)}`);
    expect(wide.length).toBeLessThan(MAX_INPUT_BYTES);
    expect(() => evaluator.evaluate(wide)).toThrow('over 1 MiB');
    expect(() => evaluator.evaluate(asked('x'.repeat(MAX_INPUT_BYTES)))).toThrow('over 1 MiB');
  });

  test('an input of just under 1 MiB is evaluated', () => {
    const long = asked(`pay${'x'.repeat(MAX_INPUT_BYTES - 1000)}`);
    expect(JSON.parse(evaluator.evaluate(long))).toMatchObject([{ result: { effect: 'allow' } }]);
  });
});

describe('an instance is replaced', () => {
  test('after a builtin of the host threw', async () => {
    const fresh = await createEvaluator(module, image, PAGES);
    expect(() => fresh.evaluate(asked('odd.throws'))).toThrow(Error);
    expect(fresh.recycled()).toBe(1);
    expect(JSON.parse(fresh.evaluate(asked('pay')))).toMatchObject([{ result: { effect: 'allow' } }]);
  });

  test('after it ran out of memory, with the bare string the library throws turned into an error', async () => {
    const fresh = await createEvaluator(module, image, 128);
    expect(() => fresh.evaluate(asked('odd.memory', 200_000))).toThrow(Error);
    expect(fresh.recycled()).toBe(1);
    expect(fresh.memoryBytes()).toBe(image.pages * 65_536);
    expect(JSON.parse(fresh.evaluate(asked('pay')))).toMatchObject([{ result: { effect: 'allow' } }]);
  });

  test('after its memory grew, and the answer that made it grow stands', async () => {
    const fresh = await createEvaluator(module, image, PAGES);
    expect(fresh.evaluate(asked('odd.memory', 300_000))).toContain('"count":300000');
    expect(fresh.recycled()).toBe(1);
    expect(fresh.memoryBytes()).toBe(image.pages * 65_536);
  });
});

describe('a module is refused', () => {
  test('that calls a builtin the host does not have, by name', async () => {
    const foreign = await moduleOf('builtin');
    expect(() => buildImage(foreign, NO_DATA, PAGES)).toThrow('`crypto.sha256`');
  });

  test('that is not compiled rego', async () => {
    const empty = await WebAssembly.compile(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
    expect(() => checkModule(empty)).toThrow('does not export');
  });

  test('whose compiler took in a search that need not end', async () => {
    const { wasm } = await readBundle(fixture('odd'));
    const named = (names: string): Promise<WebAssembly.Module> => {
      const body = Buffer.from(`\u0004name${names}`);
      return WebAssembly.compile(Uint8Array.from([...wasm, 0, body.length, ...body]));
    };
    expect(() => checkModule(module)).not.toThrow();
    await expect(named('opa_strings_reverse').then(checkModule)).resolves.toBeUndefined();
    await expect(named('opa_strings_replace').then(checkModule)).rejects.toThrow('`replace`');
  });

  test('with data that it has no memory for', () => {
    const data = new TextEncoder().encode(
      JSON.stringify({ list: Array.from({ length: 400_000 }, (_, i) => i) }),
    );
    expect(() => buildImage(module, data, 128)).toThrow(Error);
  });
});

test('a module may call these builtins of the host, and the toolchain offers no other', () => {
  expect([...HOST_BUILTINS.keys()]).toEqual(['sprintf']);
  const go = readFileSync(new URL('../../tools/rego/builtins.go', import.meta.url), 'utf8');
  expect(go).toContain('var host = []string{"sprintf"}\n');
});

test('two instances share one module and nothing else', async () => {
  const ledger = await moduleOf('ledger');
  const dataOf = (blocked: string) =>
    new TextEncoder().encode(JSON.stringify({ ledger: { blocked_vendors: { [blocked]: true } } }));
  const input = JSON.stringify({
    action: { name: 'payment.send', class: 'external' },
    args: { vendor: 'v-1' },
  });
  const blocking = await createEvaluator(ledger, buildImage(ledger, dataOf('v-1'), PAGES), PAGES);
  const other = await createEvaluator(ledger, buildImage(ledger, dataOf('v-2'), PAGES), PAGES);
  expect(blocking.evaluate(input)).toContain('policy.vendor_blocked');
  expect(other.evaluate(input)).not.toContain('policy.vendor_blocked');
});
