import { expect, test } from 'vitest';
import { createTurn } from '../../src/wire/grpc/turn.ts';

test('what arrives in one turn of the event loop begins in a row, and none of it before the turn is over', async () => {
  const turn = createTurn();
  const seen: string[] = [];
  const arrive = async (name: string): Promise<void> => {
    await turn();
    seen.push(`${name} begins`);
    await undefined;
    seen.push(`${name} goes on`);
  };
  const first = arrive('first');
  await Promise.resolve();
  const second = arrive('second');
  expect(seen).toEqual([]);
  await Promise.all([first, second]);
  expect(seen).toEqual(['first begins', 'second begins', 'first goes on', 'second goes on']);
});

test('what arrives later begins in a later turn, in the order of arrival', async () => {
  const turn = createTurn();
  const seen: string[] = [];
  await turn().then(() => seen.push('early'));
  const late = ['a', 'b', 'c'].map((name) => turn().then(() => seen.push(name)));
  expect(seen).toEqual(['early']);
  await Promise.all(late);
  expect(seen).toEqual(['early', 'a', 'b', 'c']);
});
