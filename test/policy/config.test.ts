import { expect, test } from 'vitest';
import { parsePolicyConfig } from '../../src/policy/config.ts';

test('nothing said is the shipped bundle, half a second and 64 MiB', () => {
  expect(parsePolicyConfig(undefined)).toEqual({ bundle: undefined, watchIntervalMs: 500, memoryMib: 64 });
});

test('everything can be said', () => {
  const section = { bundle: 'my.bundle', watch_interval_ms: 250, memory_mib: 128 };
  expect(parsePolicyConfig(section)).toEqual({ bundle: 'my.bundle', watchIntervalMs: 250, memoryMib: 128 });
});

test.each([
  [{ bundel: 'x' }, 'policy.bundel'],
  [{ bundle: '' }, 'policy.bundle'],
  [{ watch_interval_ms: 5000 }, 'policy.watch_interval_ms'],
  [{ memory_mib: 0.5 }, 'policy.memory_mib'],
  [[], 'policy'],
])('%j refuses to start, naming `%s`', (section, key) => {
  expect(() => parsePolicyConfig(section)).toThrow(`\`${key}\``);
});
