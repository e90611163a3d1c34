import { describe, expect, test } from 'vitest';
import { parseDelegationConfig } from '../../src/delegation/config.ts';
import { createDelegationVerifier } from '../../src/delegation/verify.ts';
import { agentSection, PAIRS } from './chains.ts';

test('without a section nobody may delegate', () => {
  expect(parseDelegationConfig(undefined)).toEqual({ agents: [], maxDepth: 8 });
});

describe('a section that is wrong refuses to start and names the key', () => {
  const one = (changes: Record<string, unknown>) => ({ agents: [agentSection('a', changes)] });
  test.each<[string, unknown, string]>([
    ['no object', [], '`delegation` must be an object'],
    ['an unknown key', { depth: 3 }, '`delegation.depth` is not a known key'],
    ['an unknown key of an agent', one({ key: [] }), '`delegation.agents[0].key` is not a known key'],
    ['no issuer', one({ iss: undefined }), '`delegation.agents[0].iss`'],
    ['a control character in an id', one({ id: 'a\nb' }), '`delegation.agents[0].id`'],
    ['keys in words', one({ keys: 'keys.json' }), '`delegation.agents[0].keys` must be an object'],
    ['a flag in words', one({ delegated_only: 'yes' }), '`delegation.agents[0].delegated_only`'],
    ['a bad pattern', one({ actions: ['pay*'] }), '`delegation.agents[0].actions`'],
    ['no depth', { max_depth: 0 }, '`delegation.max_depth`'],
    ['too much depth', { max_depth: 9 }, '`delegation.max_depth`'],
  ])('%s', (_, section, words) => {
    expect(() => parseDelegationConfig(section)).toThrow(words);
  });
});

describe('keys that cannot be used do not start', () => {
  const start = (agents: unknown[], readFile?: () => string) =>
    createDelegationVerifier({
      config: parseDelegationConfig({ agents }),
      ...(readFile === undefined ? {} : { readFile }),
    });
  const own = PAIRS.get('a');
  test.each<[string, unknown]>([
    ['a private key', { ...own?.privateKey.export({ format: 'jwk' }), kid: 'a' }],
    ['a key without a name', own?.publicKey.export({ format: 'jwk' })],
    ['no key at all', 'key'],
    ['a shared secret', { kty: 'oct', k: 'c2VjcmV0', kid: 'a' }],
  ])('%s', (_, key) => {
    expect(() => start([agentSection('a', { keys: [key] })])).toThrow('the keys of agent `agent-a`');
  });
  test('a file that is not there', () => {
    expect(() => start([agentSection('a', { keys: { file: '/nonexistent/a.json' } })])).toThrow('`agent-a`');
  });
  test('a file is read', () => {
    const set = JSON.stringify({ keys: agentSection('a')['keys'] });
    expect(() => start([agentSection('a', { keys: { file: 'a.json' } })], () => set)).not.toThrow();
  });
  test('one identity twice', () => {
    expect(() => start([agentSection('a'), agentSection('a')])).toThrow('registers `agent-a` twice');
  });
});
