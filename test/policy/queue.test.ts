import { expect, test } from 'vitest';
import { createQueue } from '../../src/policy/queue.ts';

const overfull = expect.objectContaining({ reason: 'TOO_MANY_PUSHES' });

/** Jobs that end when they are told, and the order in which they began. */
function jobs() {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const job = (n: number) => () =>
    new Promise<number>((resolve) => {
      begun.push(n);
      ends[n] = () => resolve(n);
    });
  return { begun, job, end: (n: number) => ends[n]?.() };
}

test('jobs run one at a time, in the order in which they came', async () => {
  const queue = createQueue();
  const { begun, job, end } = jobs();
  const all = [0, 1, 2].map((n) => queue(job(n)));
  for (const n of [0, 1, 2]) {
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toHaveLength(n + 1);
    end(n);
  }
  expect(await Promise.all(all)).toEqual([0, 1, 2]);
  expect(begun).toEqual([0, 1, 2]);
});

test('a job that fails is for whoever asked, and the next one runs', async () => {
  const queue = createQueue(1);
  const failed = queue(() => Promise.reject(new Error('no')));
  const next = queue(() => Promise.resolve(1));
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe(1);
  // Neither holds a place any longer.
  expect(await Promise.all([1, 2].map((n) => queue(async () => n)))).toEqual([1, 2]);
});

test('one more than may wait is refused and never runs; once there is a place again, it does', async () => {
  const queue = createQueue(2);
  const { begun, job, end } = jobs();
  const taken = [0, 1, 2].map((n) => queue(job(n)));
  await expect(queue(job(3))).rejects.toEqual(overfull);
  end(0);
  await taken[0];
  const after = queue(job(4));
  await expect(queue(job(5))).rejects.toEqual(overfull);
  for (const n of [1, 2, 4]) {
    await new Promise((resolve) => setImmediate(resolve));
    end(n);
  }
  expect(await Promise.all([...taken, after])).toEqual([0, 1, 2, 4]);
  expect(begun).toEqual([0, 1, 2, 4]);
});
