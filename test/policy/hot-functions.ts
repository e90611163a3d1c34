/** Run by itself: MiB that a process takes while one function, and then while four at once, are optimised. */
import { setTimeout as sleep } from 'node:timers/promises';
import { compileModule } from '../../src/policy/start.ts';
import { manyWays, moduleOf } from './hostile-module.ts';

/** Enough with the flag that its parent sets, of a budget of bytes that are run until then. */
const CALLS = 50_000;
const MOST_MS = 20_000;

const peak = (): number => process.resourceUsage().maxRSS / 1024;

/** Calls all of them in turn, and waits until the engine is done with them: until the processor rests. */
async function heated(functions: number): Promise<number> {
  // Compiled at the first call; what that takes is not the question.
  const module = await compileModule(moduleOf(Array(functions).fill(manyWays(3000, 4000))));
  const { exports } = await WebAssembly.instantiate(module, {});
  const calls = Object.values(exports) as (() => void)[];
  for (const call of calls) call();
  const before = peak();
  for (let i = 0; i < CALLS; i += 1) for (const call of calls) call();
  const until = performance.now() + MOST_MS;
  let spent = process.cpuUsage();
  do {
    await sleep(200);
    const { user } = process.cpuUsage(spent);
    spent = process.cpuUsage();
    if (user < 20_000) break;
  } while (performance.now() < until);
  return peak() - before;
}

const one = await heated(1);
const all = one + (await heated(4));
process.stdout.write(JSON.stringify({ one, all }));
