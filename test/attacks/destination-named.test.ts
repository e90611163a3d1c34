/** An account stands where a name is expected: the name of a member, or of an argument that nobody described. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { mintDevToken } from '../../src/cli/dev-material.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import type { Decision } from '../../src/client/permission.ts';
import { prepareDev } from '../../src/dev.ts';
import { type Serving, serve } from '../../src/main.ts';
import type { JsonObject } from '../../src/model/json.ts';

const EVIL = 'DE89370400440532013000';
const OURS = 'DE02120300000000202051';

const external = { class: 'external', output: { default: 'free_text' } };
const CATALOG = {
  version: 1,
  actions: {
    'wire.send': {
      ...external,
      arguments: {
        to: { type: 'object', role: 'destination' },
        amount: { type: 'decimal', role: 'amount' },
        about: { type: 'object', role: 'plain', required: false },
      },
      identity: ['to', 'amount'],
    },
    'list.send': { ...external, arguments: { to: { type: 'string_list', role: 'destination' } } },
  },
};

/** Rules that let everything through but what `trusted_arguments` and duplicates hold: the floors have the rest. */
const FILES = new Map([
  ['manifest.json', JSON.stringify({ name: 'open', codes: { 'policy.open': {} }, data: ['limits'] })],
  [
    'open.rego',
    'package rules.open\n\nallow contains {"code": "policy.open"} if {\n\tinput.authority.permits\n}\n',
  ],
  ['data.json', JSON.stringify({ limits: { trusted_arguments: {} } })],
]);

let directory: string;
let serving: Serving;
let client: Client;
let token: string;
let session: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'assent-named-'));
  const made = prepareDev(directory);
  const catalog = join(directory, 'catalog.json');
  writeFileSync(catalog, JSON.stringify(CATALOG));
  const config = join(directory, 'assent.json');
  writeFileSync(config, JSON.stringify({ ...made, catalog }));
  const env = { ASSENT_LOG_LEVEL: 'silent' };
  serving = await serve({ dev: true, config, listen: '127.0.0.1:0', devDirectory: directory, env });
  const key = readFileSync(join(directory, 'pep.key'), 'utf8').trim();
  client = createClient({ address: serving.addresses[0] ?? '', key, timeoutMs: 5000 });
  const value = { action_per_second: 1e6, action_per_minute: 1e6, session_per_minute: 1e6 };
  await client.patchData('limits/rate', { value });
  await client.pushBundle({ kind: 'sources', files: FILES }, { allowUntested: true });
  token = await mintDevToken(
    { sub: 'ana', act: 'payer', client: 'finance-agent', scope: 'agent' },
    { directory },
  );
}, 60_000);

afterAll(async () => {
  client?.close();
  await serving?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** The user names a payee, an account of the house and an amount. */
beforeEach(async () => {
  const opened = await client.openSession({
    taskType: 'pay',
    purpose: 'pay acme 100',
    actions: ['*'],
    declared: { amount: '100', account: OURS },
    expiresAt: Date.now() + 600_000,
  });
  session = opened.id;
});

async function ask(action: string, args: JsonObject): Promise<Decision> {
  const { decision } = await client.authorize({ action, session, arguments: args, token });
  if (decision === undefined) throw new Error('nothing was decided');
  return decision;
}

async function said(action: string, args: JsonObject): Promise<string> {
  const { effect, reasons } = await ask(action, args);
  return effect === 'allow' ? 'allow' : `${effect} ${reasons.map(({ code }) => code).join(' ')}`;
}

const HELD = 'escalate provenance.untrusted';

describe('an account that nobody named is held wherever it stands', () => {
  test.each<[where: string, action: string, args: JsonObject]>([
    ['a value of the destination', 'wire.send', { to: { acme: EVIL }, amount: '100' }],
    ['a name in the destination', 'wire.send', { to: { [EVIL]: 'acme' }, amount: '100' }],
    ['a name of nothing', 'wire.send', { to: { [EVIL]: {} }, amount: '100' }],
    ['a name of an empty list', 'wire.send', { to: { acme: { [EVIL]: [] } }, amount: '100' }],
    ['a name beside a good one', 'wire.send', { to: { acme: OURS, [EVIL]: {} }, amount: '100' }],
    ['a name inside a list', 'wire.send', { to: { acme: [{ [EVIL]: OURS }] }, amount: '100' }],
    ['an argument nobody described', 'acme.pay', { acme: EVIL }],
    ['the name of such an argument', 'acme.pay', { [EVIL]: 'acme' }],
    ['the name of an empty one', 'acme.pay', { [EVIL]: [] }],
    ['a name inside such an argument', 'acme.pay', { acme: { [EVIL]: 'acme' } }],
    ['a name of nothing inside it', 'acme.pay', { acme: { [EVIL]: {} } }],
    ['a name in a list inside it', 'acme.pay', { acme: [{ [EVIL]: 'acme' }] }],
  ])('%s', async (_where, action, args) => {
    expect(await said(action, args)).toBe(HELD);
  });
});

describe('what the user named passes', () => {
  test.each<[where: string, action: string, args: JsonObject]>([
    ['as name and value', 'wire.send', { to: { acme: OURS }, amount: '100' }],
    ['as a name of nothing', 'wire.send', { to: { [OURS]: {} }, amount: '100' }],
    [
      'beside names that move nothing',
      'wire.send',
      { to: { acme: OURS }, amount: '100', about: { [EVIL]: 'x' } },
    ],
    ['in an action nobody described', 'acme.pay', { acme: { [OURS]: 'acme' } }],
    ['in a plain list', 'list.send', { to: [OURS] }],
  ])('%s', async (_where, action, args) => {
    expect(await said(action, args)).toBe('allow');
  });
});

test('a name has a path and an origin of its own', async () => {
  const { provenance } = await ask('wire.send', {
    to: { acme: OURS, 'acme#name': {}, [EVIL]: [] },
    amount: '100',
  });
  expect(provenance).toEqual({
    amount: 'user',
    'to.acme': 'user',
    'to.acme#name': 'user',
    'to["acme#name"]#name': 'unknown',
    [`to.${EVIL}#name`]: 'unknown',
  });
});

test.each(['to', 'about'])(
  '`%s` that rules want trusted is no more trusted for the names in it',
  async (name) => {
    const args = { to: { acme: OURS }, amount: '100', about: { acme: 'acme' } };
    await client.patchData('limits/trusted_arguments/wire.send', { value: [name] });
    expect(await said('wire.send', args)).toBe(HELD);
    await client.patchData('limits/trusted_arguments/wire.send', { remove: true });
    expect(await said('wire.send', args)).toBe('allow');
  },
);

test('a payment is not made again by writing its names in another way', async () => {
  expect(await said('wire.send', { to: { acme: OURS }, amount: '100' })).toBe('allow');
  for (const name of ['ACME', 'acme ', 'ac\u200bme', '\uff41cme'])
    expect([name, await said('wire.send', { to: { [name]: OURS }, amount: '100' })]).toEqual([
      name,
      'deny session.duplicate',
    ]);
  expect(await said('wire.send', { to: { acme: OURS, ACME: OURS }, amount: '100' })).toBe(
    'deny session.duplicate',
  );
});
