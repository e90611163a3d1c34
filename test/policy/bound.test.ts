/** What takes too long is refused where it is tried out, and says which part of the work it is. */
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { readBundle } from '../../src/policy/bundle.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import { compileModule } from '../../src/policy/start.ts';
import { bundleOf, fixture } from './archive.ts';
import { withSlowEvaluation } from './hostile-module.ts';

const TIMEOUT = 90_000;
/** Longer than any plain ask, and within what `warm.json` may hold. */
const LONG = 5000;

let odd: Uint8Array;
beforeAll(async () => {
  ({ wasm: odd } = await readBundle(fixture('odd')));
});
afterEach(() => vi.restoreAllMocks());

function load(wasm: Uint8Array, warm: readonly object[] = [], module?: WebAssembly.Module) {
  const manifest = { wasm: [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }] };
  const files = [
    { name: '.manifest', content: JSON.stringify({ ...manifest, metadata: { codes: ['policy.odd'] } }) },
    { name: 'policy.wasm', content: wasm },
    ...(warm.length === 0 ? [] : [{ name: 'warm.json', content: JSON.stringify(warm) }]),
  ];
  return loadPolicy({ bundle: bundleOf(files), documents: [], maximumPages: 1024, module });
}

test('an evaluation that answers late has its module refused on a plain ask', {
  timeout: TIMEOUT,
}, async () => {
  await expect(load(withSlowEvaluation(odd, 0))).rejects.toMatchObject({
    ...{ file: 'policy.wasm', message: 'an evaluation takes over 250 ms' },
  });
});

test('one that is late on an input of `warm.json` alone is refused, and the input named', {
  timeout: TIMEOUT,
}, async () => {
  const warm = [{ action: { name: 'pay' } }, { action: { name: 'pay' }, text: 'x'.repeat(LONG) }];
  // Compiled before, as where only data changes: each input is asked once.
  const slow = withSlowEvaluation(odd, LONG);
  const module = await compileModule(slow);
  await expect(load(slow, warm, module)).rejects.toMatchObject({
    ...{ file: 'policy.wasm', message: 'an evaluation of input 1 takes over 250 ms' },
  });
  expect(await load(slow, warm.slice(0, 1), module)).toMatchObject({ data: {} });
});

test('a module whose instances take long to make is refused, though it started in time', async () => {
  // A processor that is slow at this alone: what makes an instance slow, a module may not declare.
  let [ms, made] = [0, 0];
  vi.spyOn(process, 'threadCpuUsage').mockImplementation(() => ({ user: ms * 1000, system: 0 }));
  const { Instance } = WebAssembly;
  vi.spyOn(WebAssembly, 'Instance').mockImplementation(function slowly(
    module: WebAssembly.Module,
    imports: object,
  ) {
    made += 1;
    if (made > 1) ms += 300;
    return new Instance(module, imports);
  } as never);
  await expect(load(odd)).rejects.toMatchObject({
    ...{ file: 'policy.wasm', message: 'making an instance takes over 250 ms' },
  });
});
