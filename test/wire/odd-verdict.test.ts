/** A policy that answers, but with no verdict: over the real wire, from a push to the record's last word. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createGuarded, decided, type Guarded } from '../attacks/guarded.ts';
import { mandate, request } from '../system/asking.ts';

const ODD = readFileSync(resolve(import.meta.dirname, '../policy/fixtures/odd.bundle'));

let house: Guarded;
let token: string;
let session: string;

beforeAll(async () => {
  house = await createGuarded();
  token = await house.token();
  await house.first.client.pushBundle({ kind: 'bundle', bytes: ODD }, { allowUntested: true });
  session = (await house.first.client.openSession(mandate({ actions: ['*'] }))).id;
}, 60_000);

afterAll(() => house?.end());

/** What comes of an action that the policy answers as its name says. */
async function said(action: string, args = {}): Promise<readonly string[]> {
  const ask = request({ action, session, arguments: args, token });
  const { effect, reasons } = await decided(house.first, ask);
  return [effect, ...reasons.map(({ code }) => code)];
}

describe('what is no verdict is a deny', () => {
  test.each([
    ['nothing at all', 'nothing'],
    ['a number', 'number'],
    ['a text', 'string'],
    ['a list of verdicts', 'array'],
    ['an effect that nobody knows', 'effect'],
    ['a code that the bundle does not declare', 'code'],
    ['a code that is not policy’s', 'own_code'],
    ['a refusal without a reason', 'reasonless'],
    ['an amount below nothing', 'negative'],
    ['an amount that cannot be counted', 'inexact'],
    ['an evaluation that ends in the middle', 'throws'],
  ])('%s', async (_, name) => {
    expect(await said(`odd.${name}`)).toEqual(['deny', 'policy.undefined']);
  });
});

test('and a verdict, in between, is one', async () => {
  expect(await said('invoice.read', { invoice: 'INV-1' })).toEqual(['allow', 'policy.odd']);
});
