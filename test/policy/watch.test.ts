import { expect, onTestFinished, test, vi } from 'vitest';
import { Fault } from '../../src/model/refusal.ts';
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

test('what fails because it is closed is no line of the log', async () => {
  const { watch, waiting, errors } = start();
  const looked = watch.look();
  watch.close();
  waiting[0]?.fail(new Fault('DRAINING'));
  await looked;
  expect(errors).toEqual([]);
});

/** What a clock by hand shows: at which intervals, counted from 1, it looked. */
async function looksOf(intervals: number, follow: () => Promise<void>): Promise<readonly number[]> {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const looks: number[] = [];
  let interval = 0;
  const looking = () => {
    looks.push(interval);
    return follow();
  };
  const log = { info: () => undefined, error: () => undefined };
  const watch = startWatch({ watch: () => () => undefined }, looking, { log, intervalMs: 1000 });
  while (interval < intervals) {
    interval += 1;
    await vi.advanceTimersByTimeAsync(1000);
  }
  watch.close();
  return looks;
}

test('what does not load is tried again after ever more intervals, at most 60 of them', async () => {
  const looks = await looksOf(200, () => Promise.reject(new Error('it does not load')));
  const pauses = looks.slice(1).map((at, i) => at - (looks[i] ?? 0) - 1);
  expect(pauses).toEqual([2, 4, 8, 16, 32, 60, 60]);
});

test('a store that is gone is asked at each interval', async () => {
  const looks = await looksOf(5, () => Promise.reject(new Fault('POLICY_STORE_UNAVAILABLE')));
  expect(looks).toEqual([1, 2, 3, 4, 5]);
});

test.each([
  ['a success', undefined],
  ['a store that is gone', new Fault('POLICY_STORE_UNAVAILABLE')],
])('%s ends the pauses', async (_, between) => {
  const broken = new Error('it does not load');
  const answers = [broken, between, between, broken];
  const looks = await looksOf(12, async () => {
    const cause = answers.shift();
    if (cause !== undefined) throw cause;
  });
  // Two intervals are left out after each failure to load.
  expect(looks).toEqual([1, 4, 5, 6, 9, 10, 11, 12]);
});
