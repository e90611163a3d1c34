import { createHmac, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createMac, createSessionKeys } from '../../src/session/keys.ts';

test.each([0, 1, 54, 55, 56, 63, 64, 65, 1200, 21_000, 21_820, 21_821, 70_000])(
  'the hash of a text of %i characters is HMAC-SHA-256',
  (length) => {
    const key = randomBytes(32);
    for (const letter of ['a', 'ż', '🐢']) {
      const text = letter.repeat(length);
      const wanted = createHmac('sha256', key).update(`head${text}`).digest('base64url');
      expect(createMac(key)('head', text)).toBe(wanted);
    }
  },
);

test('each purpose has a key of its own, and each part counts', () => {
  const keys = createSessionKeys(Buffer.alloc(32, 1), 'k');
  const head = { version: 1, digest: 'd' };
  const all = [
    keys.sealEntry('log', head, 'x'),
    keys.sealEntry('log', { ...head, version: 2 }, 'x'),
    keys.sealEntry('log', { ...head, digest: 'e' }, 'x'),
    keys.sealEntry('other', head, 'x'),
    keys.sealSnapshot('log', head, 'x'),
    keys.sealName(['t', 'p', 'o'], 'x'),
    keys.sealName(['t', 'p', 'o'], 'y'),
    keys.sealName(['u', 'p', 'o'], 'x'),
    keys.sealName(['t', 'q', 'o'], 'x'),
    keys.sealName(['t', 'p', 'q'], 'x'),
    keys.sealName(['t', 'p","o', ''], 'x'),
    keys.sealName(['t', 'p', 'o\nx'], ''),
    keys.executionKey('log', 'x'),
    createSessionKeys(Buffer.alloc(32, 2), 'k').sealEntry('log', head, 'x'),
  ];
  expect(new Set(all).size).toBe(all.length);
});

test('a key that is too short is refused', () => {
  expect(() => createSessionKeys(Buffer.alloc(31), 'k')).toThrow(TypeError);
});
