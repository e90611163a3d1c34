/** Attacks on the actor claim (RFC 8693 §4.1 and the actor profile). */
import { describe, expect, test } from 'vitest';
import { AT, askWith, codeOf, forge, ISSUER, verifierOf } from '../token/issuer.ts';

type Act = Record<string, unknown>;
const callerOf = async (payload: Act, issuer: Act = {}) => {
  const { verifyToken } = await verifierOf(issuer);
  return verifyToken(askWith({ token: forge({ payload }) }), AT);
};
const chainOf = (depth: number): Act =>
  Array.from({ length: depth }, (_, i) => `agent-${depth - i}`).reduce<Act | undefined>(
    (act, sub) => ({ iss: ISSUER, sub, ...(act === undefined ? {} : { act }) }),
    undefined,
  ) ?? {};

test('DEL-1: the outermost actor acts, nested ones are history', async () => {
  const caller = await callerOf({ act: chainOf(3) });
  expect(caller.actor.id).toBe('agent-1');
  expect(caller.priorActors.map(({ id }) => id)).toEqual(['agent-2', 'agent-3']);
});

test('DEL-2: who may become an actor is not one', async () => {
  const caller = await callerOf({ act: undefined, may_act: { iss: ISSUER, sub: 'agent-9' } });
  expect(caller.actor).toEqual(caller.subject);
});

describe('DEL-10: an actor that cannot be read makes the token malformed, at any depth', () => {
  const whole = { iss: ISSUER, sub: 'agent-1' };
  test.each<[string, unknown]>([
    ['a string', 'agent-1'],
    ['a list', [whole]],
    ['null', null],
    ['a boolean', true],
    ['empty', {}],
    ['without iss', { sub: 'agent-1' }],
    ['without sub', { iss: ISSUER }],
    ['an empty sub', { iss: ISSUER, sub: '' }],
    ['a numeric sub', { iss: ISSUER, sub: 1 }],
    ['a NUL in sub', { iss: ISSUER, sub: 'agent\0' }],
    ['a nested one without iss', { ...whole, act: { sub: 'agent-2' } }],
    ['a nested string', { ...whole, act: 'agent-2' }],
    ['a nested null', { ...whole, act: null }],
  ])('%s', async (_, act) => {
    expect(await codeOf(() => callerOf({ act }))).toBe('token.actor_malformed');
  });
});

test('DEL-11: client_id and azp are never the actor', async () => {
  const caller = await callerOf({ client_id: 'agent-7', azp: 'agent-8' });
  expect(caller.actor.id).toBe('agent-1');
  expect(caller.client).toBe('agent-7');
  expect(await codeOf(() => callerOf({ act: { iss: ISSUER, client_id: 'agent-1' } }))).toBe(
    'token.actor_malformed',
  );
});

test('DEL-11: one id at two issuers is two actors', async () => {
  expect((await callerOf({ act: { iss: 'https://b.example', sub: 'agent-1' } })).actor).toEqual({
    iss: 'https://b.example',
    id: 'agent-1',
  });
});

test('DEL-12: an actor equal to the subject is no delegation', async () => {
  const caller = await callerOf({ act: { iss: ISSUER, sub: 'user-1' } });
  expect(caller.actor).toEqual(caller.subject);
});

test('DEL-13: eight actors are read, nine refused, none cut off', async () => {
  expect((await callerOf({ act: chainOf(8) })).priorActors).toHaveLength(7);
  expect(await codeOf(() => callerOf({ act: chainOf(9) }))).toBe('token.actor_malformed');
});

test('an actor that comes back makes a circle', async () => {
  const [a, b] = [
    { iss: ISSUER, sub: 'a' },
    { iss: ISSUER, sub: 'b' },
  ];
  expect(await codeOf(() => callerOf({ act: { ...a, act: { ...b, act: a } } }))).toBe(
    'token.actor_malformed',
  );
});

test('DEL-15: a binding inside an actor binds nothing', async () => {
  const act = { iss: ISSUER, sub: 'agent-1', cnf: { jkt: 'x' }, exp: 0, aud: 'other' };
  expect((await callerOf({ act })).auth.bound).toBe(false);
});

test('an issuer of the old form lends its name to its actors', async () => {
  const legacy = { legacy_act_without_iss: true };
  expect((await callerOf({ act: { sub: 'agent-1' } }, legacy)).actor).toEqual({ iss: ISSUER, id: 'agent-1' });
  expect(await codeOf(() => callerOf({ act: { iss: '', sub: 'agent-1' } }, legacy))).toBe(
    'token.actor_malformed',
  );
});
