import { expect, test } from 'vitest';
import { startWatch } from '../../src/policy/watch.ts';

/** Longer than any test: only hints and whoever waits make it look. */
const NEVER_MS = 2 ** 30;

function start() {
  const waiting: { readonly done: () => void; readonly fail: (cause: unknown) => void }[] = [];
  const errors: string[] = [];
  let hint = (): void => undefined;
  const store = {
    watch(changed: () => void) {
      hint = changed;
      return () => undefined;
    },
  };
  const follow = () => new Promise<void>((done, fail) => waiting.push({ done, fail }));
  const log = { info: () => undefined, error: (_: object, message: string) => void errors.push(message) };
  const watch = startWatch(store, follow, { log, intervalMs: NEVER_MS });
  return { watch, waiting, errors, hint: () => hint() };
}

test('a hint during a look is looked at after it, and many hints are looked at once', async () => {
  const { watch, waiting, hint } = start();
  hint();
  expect(waiting).toHaveLength(1);
  hint();
  const waited = watch.look();
  hint();
  expect(waiting).toHaveLength(1);
  waiting[0]?.done();
  await new Promise((resolve) => setImmediate(resolve));
  expect(waiting).toHaveLength(2);
  waiting[1]?.done();
  await waited;
  expect(waiting).toHaveLength(2);
  watch.close();
});

test('a look that fails says why until one succeeds, is logged once per cause, and ends no waiting', async () => {
  const { watch, waiting, errors } = start();
  for (const words of ['no answer', 'no answer', 'no memory']) {
    const looked = watch.look();
    waiting.at(-1)?.fail(new Error('it failed', { cause: new Error(words) }));
    await looked;
    expect(watch.trouble()).toBe(`it failed: ${words}`);
  }
  expect(errors).toEqual(Array(2).fill('policy cannot follow the store'));
  const looked = watch.look();
  waiting.at(-1)?.done();
  await looked;
  expect(watch.trouble()).toBeUndefined();
  watch.close();
});
