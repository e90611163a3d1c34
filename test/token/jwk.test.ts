import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { importPublicJwk } from '../../src/model/jwk.ts';

const { n = '', e = '' } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
  format: 'jwk',
});

/** An odd modulus of so many bits: whether it is a product of primes, nobody can see. */
function modulus(bits: number): string {
  return bytesOf((1n << BigInt(bits - 1)) + 1n);
}

/** As base64url without a leading zero byte (RFC 7518 §2). */
function bytesOf(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
}

test.each<[string, { n?: string; e?: string }, boolean]>([
  ['of 2047 bits is refused', { n: modulus(2047) }, false],
  ['of 2048 bits is taken', { n: modulus(2048) }, true],
  ['of 8192 bits is taken', { n: modulus(8192) }, true],
  ['of 8193 bits is refused', { n: modulus(8193) }, false],
  ['of 16384 bits is refused', { n: modulus(16_384) }, false],
  ['with the exponent 1 is refused', { e: bytesOf(1n) }, false],
  ['with the exponent 2 is refused', { e: bytesOf(2n) }, false],
  ['with the exponent 3 is taken', { e: bytesOf(3n) }, true],
  ['with the exponent 2^33 - 1 is taken', { e: bytesOf(2n ** 33n - 1n) }, true],
  ['with the exponent 2^33 is refused', { e: bytesOf(2n ** 33n) }, false],
  ['with the exponent 2^33 + 1 is refused', { e: bytesOf(2n ** 33n + 1n) }, false],
  ['with an exponent of 2048 bits is refused', { e: modulus(2048) }, false],
])('an RSA key %s', (_, changes, accepted) => {
  const imported = importPublicJwk({ kty: 'RSA', n, e, ...changes });
  if (accepted) expect(imported).not.toHaveProperty('problem');
  else expect(imported).toEqual({ problem: 'is of a kind or size that is not accepted' });
});
