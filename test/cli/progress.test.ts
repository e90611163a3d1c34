import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { withProgress } from '../../src/cli/progress.ts';

let said: string;
beforeEach(() => {
  vi.useFakeTimers();
  said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test.each([
  ['of less than a second says nothing', 900, undefined, ''],
  ['says once that it goes on', 5000, undefined, 'playing …\n'],
  ['says nothing where stderr is for one error at most', 5000, true, ''],
])('work away from a terminal %s', async (_, ms, quiet, wanted) => {
  const work = (): Promise<string> => new Promise((resolve) => setTimeout(resolve, ms, 'done'));
  const result = withProgress('playing', work, quiet);
  await vi.advanceTimersByTimeAsync(ms);
  expect(await result).toBe('done');
  expect(said).toBe(wanted);
});
