import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { PolicyService } from '../../src/gen/assent/v1/policy_pb.js';
import { SessionService, SessionState } from '../../src/gen/assent/v1/session_pb.js';
import { Rejection } from '../../src/model/refusal.ts';
import { BundleRefused } from '../../src/model/verbs.ts';
import { json, type Reply, rememberingHouse, type Served, serve } from './harness.ts';

function send<I extends DescMessage>(
  house: Served,
  method: DescMethodUnary<I, DescMessage>,
  init: MessageInitShape<I>,
): Promise<Reply> {
  const bytes = toBinary(method.input, create(method.input, init));
  return house.call(`/${method.parent.typeName}/${method.name}`, bytes);
}

async function ask<I extends DescMessage, O extends DescMessage>(
  house: Served,
  method: DescMethodUnary<I, O>,
  init: MessageInitShape<I>,
): Promise<MessageShape<O>> {
  const reply = await send(house, method, init);
  expect(reply).toMatchObject({ code: 'OK' });
  return fromBinary(method.output, reply.bytes);
}

const { method: sessions } = SessionService;
const { method: policies } = PolicyService;
const SOON = { seconds: BigInt(Math.floor(Date.now() / 1000) + 3600), nanos: 999_999_999 };
const mandate = {
  taskType: 'invoice_run',
  purpose: 'pay May',
  actions: ['payment.*'],
  declared: { invoice: 'INV-17' },
  limits: { eur: '500' },
  expireTime: SOON,
};

test('a session is opened, seen, amended, suspended, resumed and closed as its caller says', async () => {
  const house = await serve();
  const opened = await ask(house, sessions.openSession, { mandate, openKey: 'thread-1' });
  expect(opened.session).toMatchObject({
    id: 'ses-1',
    state: SessionState.OPEN,
    steps: 4n,
    denials: 1n,
    spent: { eur: '10.00' },
    remaining: { eur: '90.00' },
    version: 9n,
    digest: 'digest-of-the-head',
    mandateDigest: 'digest-of-the-mandate',
    mandate: {
      taskType: 'invoice_run',
      purpose: 'pay May',
      actions: ['payment.*'],
      declared: { invoice: 'INV-17' },
    },
    recent: [{ action: 'invoice.read', effect: 'allow', code: '', time: { seconds: 1_790_000_000n } }],
  });
  // Parts of a millisecond are cut: no session outlives its mandate.
  expect(opened.session?.mandate?.expireTime).toMatchObject({ seconds: SOON.seconds, nanos: 999_000_000 });
  await ask(house, sessions.openSession, { mandate });
  await ask(house, sessions.getSession, { sessionId: 'ses-1' });
  const listed = await ask(house, sessions.listSessions, { pageSize: 1000, pageToken: 'here' });
  expect(listed).toMatchObject({ sessions: [{ id: 'ses-1' }], nextPageToken: 'next' });
  await ask(house, sessions.listSessions, {});
  await ask(house, sessions.amendSession, {
    sessionId: 'ses-1',
    mandate: { ...mandate, purpose: 'June too' },
  });
  const suspended = await ask(house, sessions.suspendSession, { sessionId: 'ses-1', cause: 'odd' });
  expect(suspended.session?.state).toBe(SessionState.SUSPENDED);
  await ask(house, sessions.resumeSession, { sessionId: 'ses-1' });
  const closed = await ask(house, sessions.closeSession, { sessionId: 'ses-1' });
  expect(closed.session?.state).toBe(SessionState.CLOSED);
  const pep = expect.objectContaining({ id: 'dev', tenant: 'acme' });
  expect(house.calls.map(({ verb, args }) => [verb, ...args])).toEqual([
    ['open', pep, expect.objectContaining({ taskType: 'invoice_run', limits: { eur: '500' } }), 'thread-1'],
    ['open', pep, expect.anything(), undefined],
    ['get', pep, 'ses-1'],
    ['list', pep, { size: 200, token: 'here' }],
    ['list', pep, { size: 50, token: '' }],
    ['amend', pep, 'ses-1', expect.objectContaining({ purpose: 'June too' })],
    ['suspend', pep, 'ses-1', 'odd'],
    ['resume', pep, 'ses-1'],
    ['close', pep, 'ses-1'],
  ]);
});

test.each<[string, object, string]>([
  ['declared', { declared: { ['n'.repeat(129)]: 'v' } }, 'has a name that is longer than 128 characters'],
  ['declared', { declared: { 'a\nb': 'v' } }, 'has a name that holds a control character'],
  ['declared', { declared: { '': 'v' } }, 'has an empty name'],
  ...['n'.repeat(129), 'e u r', ''].map((name): [string, object, string] => [
    'limits',
    { limits: { [name]: '1' } },
    'has a name that is not 1 to 128 of `A-Z a-z 0-9 . _ : / @ + = ~ -`',
  ]),
])('a mandate with a wrong name in `%s` is refused for that name: %j', async (field, changes, problem) => {
  const house = await serve();
  const reply = await send(house, sessions.openSession, { mandate: { ...mandate, ...changes } });
  expect(reply).toMatchObject({ code: 'INVALID_ARGUMENT', message: `\`mandate.${field}\` ${problem}` });
});

test('bundles are pushed, listed and rolled back, and data is patched and read, as the caller says', async () => {
  const house = await serve();
  const files = { 'rules/a.rego': 'package rules.a', 'manifest.json': '{}' };
  const pushed = await ask(house, policies.pushBundle, { content: { case: 'sources', value: { files } } });
  expect(pushed).toMatchObject({
    testsPassed: 12,
    coveragePercent: 93.5,
    activation: { number: 2n, name: 'finance', active: true, pushedBy: 'dev', dataRoots: ['finance'] },
  });
  await ask(house, policies.pushBundle, {
    content: { case: 'bundle', value: Uint8Array.of(1, 2) },
    validateOnly: true,
    allowUntested: true,
  });
  expect((await ask(house, policies.listBundles, {})).activations).toHaveLength(1);
  await ask(house, policies.rollbackBundle, {});
  await ask(house, policies.rollbackBundle, { revision: 'c'.repeat(64) });
  const change = { case: 'valueJson', value: json('{"v-1":true}') } as const;
  const path = 'finance/blocked_vendors';
  expect((await ask(house, policies.patchData, { path, change, expectedVersion: 7n })).version).toBe(8n);
  await ask(house, policies.patchData, { path, change: { case: 'remove', value: true } });
  const data = await ask(house, policies.getData, {});
  expect(Buffer.from(data.valueJson).toString()).toBe('{"blocked":["v-1"]}');
  expect(data.version).toBe(8n);
  const pep = expect.objectContaining({ id: 'dev' });
  expect(house.calls.map(({ verb, args }) => [verb, ...args])).toEqual([
    [
      'push',
      pep,
      { kind: 'sources', files: new Map(Object.entries(files)) },
      { validateOnly: false, allowUntested: false },
    ],
    ['push', pep, { kind: 'bundle', bytes: expect.anything() }, { validateOnly: true, allowUntested: true }],
    ['policies.list', pep, { size: 50, token: '' }],
    ['rollback', pep, undefined],
    ['rollback', pep, 'c'.repeat(64)],
    ['patch', pep, path, { value: { 'v-1': true } }, 7],
    ['patch', pep, path, { remove: true }, undefined],
    ['data', pep, ''],
  ]);
});

test('a push larger than other requests gets in', async () => {
  const house = await serve();
  const content = { case: 'bundle', value: new Uint8Array(3 * 1024 * 1024) } as const;
  expect((await send(house, policies.pushBundle, { content })).code).toBe('OK');
  const larger = { case: 'bundle', value: new Uint8Array(3 * 1024 * 1024 + 1) } as const;
  expect(await send(house, policies.pushBundle, { content: larger })).toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
});

test('a rejection keeps its status, reason and facts', async () => {
  const house = rememberingHouse();
  const sessionVerbs = { ...house.verbs.sessions };
  sessionVerbs.get = () =>
    Promise.reject(
      new Rejection('NOT_FOUND', 'SESSION_UNKNOWN', 'there is no such session', { session: 'ses-9' }),
    );
  const served = await serve({ verbs: { ...house.verbs, sessions: sessionVerbs } });
  expect(await send(served, sessions.getSession, { sessionId: 'ses-9' })).toMatchObject({
    code: 'NOT_FOUND',
    reason: 'SESSION_UNKNOWN',
    facts: { session: 'ses-9' },
    message: 'there is no such session',
  });
});

function refusing(errors: BundleRefused['errors']): Promise<Served> {
  const house = rememberingHouse();
  const push = () => Promise.reject(new BundleRefused(errors));
  return serve({ verbs: { ...house.verbs, policies: { ...house.verbs.policies, push } } });
}

test('a refused bundle names file, line and column of each error', async () => {
  const house = await refusing([
    { file: 'rules/a.rego', line: 3, column: 7, code: 'rego_type_error', message: 'undefined function' },
    { file: 'manifest.json', line: 0, column: 0, code: '', message: 'is missing' },
  ]);
  const content = { case: 'bundle', value: Uint8Array.of(1) } as const;
  expect(await send(house, policies.pushBundle, { content })).toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'BUNDLE_REFUSED',
    facts: { errors: '2' },
    fields: [
      { field: 'rules/a.rego:3:7', description: 'rego_type_error: undefined function' },
      { field: 'manifest.json', description: 'is missing' },
    ],
  });
});

test('hundreds of errors are cut to what trailers hold, and the number tells so', async () => {
  const errors = Array.from({ length: 500 }, (_, i) => ({
    file: `rules/${'long-name-'.repeat(30)}${i}.rego`,
    line: i + 1,
    column: 1,
    code: 'rego_parse_error',
    message: '😀'.repeat(400),
  }));
  const house = await refusing(errors);
  const content = { case: 'bundle', value: Uint8Array.of(1) } as const;
  const reply = await send(house, policies.pushBundle, { content });
  expect(reply).toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'BUNDLE_REFUSED',
    facts: { errors: '500' },
  });
  expect(reply.fields.length).toBeGreaterThan(0);
  expect(reply.fields.length).toBeLessThan(500);
});
