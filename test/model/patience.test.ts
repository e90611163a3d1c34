import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { afterAll, expect, test } from 'vitest';
import { createPatience } from '../../src/model/patience.ts';

const NEVER = new Promise<never>(() => undefined);

/** Keeps this thread away from its event loop, as a batch of asks does. */
function busy(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** How many answers he has posted. */
const posted = new Int32Array(new SharedArrayBuffer(4));

/** Keeps this thread away from its event loop until he has posted more than these, however busy the machine is. */
function busyUntilPosted(before: number): void {
  Atomics.wait(posted, 0, before, 20_000);
}

/** Somebody else, on a thread of his own. */
const other = new Worker(
  `const { parentPort, workerData } = require('node:worker_threads');
  parentPort.on('message', ({ what, ms }) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    parentPort.postMessage(what);
    Atomics.add(workerData, 0, 1);
    Atomics.notify(workerData, 0);
  });`,
  { eval: true, workerData: posted },
);
afterAll(() => other.terminate());

/** He takes `ms` for his answer. */
function ask(what: string, ms = 20): Promise<string> {
  return new Promise((resolve) => {
    other.once('message', resolve);
    other.postMessage({ what, ms });
  });
}

test('an answer that came while this thread was busy is no late one', async () => {
  const read = createPatience(20).wait(readFile(import.meta.filename, 'utf8'));
  await undefined;
  busy(100);
  expect(await read).toContain('is no late one');
});

test('who is asked only once this thread has time gets the whole time', async () => {
  expect(await ask('is it up?')).toBe('is it up?');
  const work = new Promise<string>((resolve) => {
    process.nextTick(() => {
      busy(500);
      resolve(ask('now', 100));
    });
  });
  expect(await createPatience(200).wait(work)).toBe('now');
});

test('an answer counts however often this thread is away before it is read', async () => {
  expect(await ask('is it up?')).toBe('is it up?');
  let going = true;
  const compute = (): void => {
    busy(30);
    if (going) setImmediate(compute);
  };
  setImmediate(compute);
  try {
    expect(await createPatience(25).wait(ask('in between'))).toBe('in between');
  } finally {
    going = false;
  }
});

test('an answer that came just before its time was over, unread, is read', async () => {
  const patience = createPatience(20);
  const before = Atomics.load(posted, 0);
  const first = patience.wait(NEVER, () => setImmediate(() => busyUntilPosted(before)));
  // One look later, so that the other's last pause is the one in which this thread is busy.
  await new Promise((resolve) => setImmediate(resolve));
  const other = patience.wait(ask('unread', 100));
  await expect(first).rejects.toThrow('no answer');
  expect(await other).toBe('unread');
});

test('who is slow, but in time, is not given up', async () => {
  expect(await createPatience(5000).wait(ask('at last', 150))).toBe('at last');
});

test.each([1, 3, 7, 20])('who does not answer within %i ms is given up, once', async (ms) => {
  let late = 0;
  const wait = createPatience(ms).wait(NEVER, () => {
    late += 1;
  });
  await expect(wait).rejects.toThrow(new Error(`no answer within ${ms} ms`));
  expect(late).toBe(1);
});

test('what ends in time is passed on, and nobody is told that it is late', async () => {
  const patience = createPatience(5);
  const told: string[] = [];
  const tell = (what: string) => () => told.push(what);
  expect(await patience.wait(Promise.resolve('answer'), tell('answered'))).toBe('answer');
  const failed = patience.wait(Promise.reject(new TypeError('broken')), tell('failed'));
  await expect(failed).rejects.toThrow(new TypeError('broken'));
  await expect(patience.wait(NEVER, tell('never'))).rejects.toThrow('no answer');
  expect(told).toEqual(['never']);
});

test('nobody is given up by the end of the turn in which he was asked', async () => {
  let late = false;
  const wait = createPatience(1).wait(NEVER, () => {
    late = true;
  });
  busy(20);
  await new Promise((resolve) => setImmediate(resolve));
  expect(late).toBe(false);
  await expect(wait).rejects.toThrow('no answer');
});

test('each wait has a time of its own, and a clock that stood still goes on with the next', async () => {
  const patience = createPatience(5);
  const gone: string[] = [];
  const wait = (name: string): Promise<never> => patience.wait(NEVER, () => gone.push(name));
  const first = wait('first');
  await new Promise((resolve) => setTimeout(resolve, 3));
  const second = wait('second');
  await expect(first).rejects.toThrow('no answer');
  await expect(second).rejects.toThrow('no answer');
  await new Promise((resolve) => setTimeout(resolve, 20));
  await expect(wait('third')).rejects.toThrow('no answer');
  expect(gone).toEqual(['first', 'second', 'third']);
});
