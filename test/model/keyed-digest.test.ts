import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createKeyedDigest } from '../../src/model/keyed-digest.ts';

const KEY = Buffer.alloc(32, 1);

test('equal key, purpose and text give equal digests, and anything else another', () => {
  const first = createKeyedDigest(KEY, 'ask')('text');
  expect(first).toMatch(/^[A-Za-z0-9_-]{22}$/);
  expect(createKeyedDigest(Buffer.from(KEY), 'ask')('text')).toBe(first);
  const others = [
    createKeyedDigest(KEY, 'input')('text'),
    createKeyedDigest(Buffer.alloc(32, 2), 'ask')('text'),
    createKeyedDigest(KEY, 'ask')('text '),
    createKeyedDigest(KEY, 'ask')(''),
  ];
  expect(new Set([first, ...others]).size).toBe(1 + others.length);
});

test('the key stays out of reach: no digest is the plain hash of the text', () => {
  expect(hash('sha256', 'text', 'base64url')).not.toContain(createKeyedDigest(KEY, 'ask')('text'));
});

test('a key that is too short is refused', () => {
  expect(() => createKeyedDigest(Buffer.alloc(31), 'ask')).toThrow(RangeError);
});
