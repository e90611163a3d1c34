import { expect, test } from 'vitest';
import { createLine } from '../../src/policy/line.ts';

const overfull = expect.objectContaining({ reason: 'TOO_MANY_PUSHES' });

/** Changes that end when they are told, and the order in which they began. */
function changes() {
  const line = createLine(64);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  return {
    line,
    begun,
    add(caller: string, name: string) {
      const place = line.enter(caller);
      return place
        .run(async () => {
          begun.push(name);
          await new Promise<void>((resolve) => ends.push(resolve));
          return name;
        })
        .finally(() => place.leave());
    },
    async endAll(count: number) {
      for (let n = 0; n < count; n += 1) {
        while (ends.length === 0) await new Promise((resolve) => setImmediate(resolve));
        ends.shift()?.();
      }
    },
  };
}

test('one runs at a time, and of one caller the one that came first', async () => {
  const { add, begun, endAll } = changes();
  const all = ['a', 'b', 'c'].map((name) => add('one', name));
  await new Promise((resolve) => setImmediate(resolve));
  expect(begun).toEqual(['a']);
  await endAll(3);
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c']);
});

test('callers take turns, so that one waits for one of another\u2019s and not for all', async () => {
  const { add, begun, endAll } = changes();
  const all = ['a1', 'a2', 'a3'].map((name) => add('a', name));
  all.push(add('b', 'b1'), add('b', 'b2'), add('c', 'c1'));
  await endAll(6);
  await Promise.all(all);
  expect(begun).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
});

test('a caller has so many places, and others have theirs', () => {
  const line = createLine(2);
  const [first] = [line.enter('one'), line.enter('one')];
  expect(() => line.enter('one')).toThrow(overfull);
  line.enter('two');
  first.leave();
  line.enter('one');
  expect(() => line.enter('one')).toThrow(overfull);
});

test('it is empty once nobody has a place, whether or not it ran', async () => {
  const line = createLine(2);
  await line.empty();
  const [one, two] = [line.enter('one'), line.enter('two')];
  let empty = false;
  const told = line.empty().then(() => {
    empty = true;
  });
  await one.run(async () => 1);
  one.leave();
  await new Promise((resolve) => setImmediate(resolve));
  expect(empty).toBe(false);
  two.leave();
  await told;
  await line.empty();
});

test('one that fails is for whoever asked, and the next one runs', async () => {
  const { line } = changes();
  const failed = line.enter('one').run(() => Promise.reject(new Error('no')));
  const next = line.enter('one').run(async () => 1);
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe(1);
});
