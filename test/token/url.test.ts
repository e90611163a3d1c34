import { expect, test } from 'vitest';
import { normaliseUrl } from '../../src/token/url.ts';

test.each([
  ['https://t.example/p', 'https://t.example/p'],
  ['HTTPS://T.example:443/p?a=1#b', 'https://t.example/p'],
  ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/'],
  ['https://t.example//p', 'https://t.example//p'],
])('%s is %s', (text, normal) => {
  expect(normaliseUrl(text)).toBe(normal);
});

test.each([
  'https:t.example/p',
  'https:/t.example/p',
  'https:///t.example/p',
  'https:////t.example/p',
  'HTTP:t.example/p',
  'https:',
  'https://',
  'https://?p',
  'https:\\\\t.example/p',
  ' https://t.example/p',
  '//t.example/p',
  't.example/p',
  'ftp://t.example/p',
  'wss://t.example/p',
  'https://ana@t.example/p',
  'https://:word@t.example/p',
  'https://t.example/ä',
  `https://t.example/${'p'.repeat(2048)}`,
])('%s is no url of a request', (text) => {
  expect(normaliseUrl(text)).toBeUndefined();
});
