/** The embedded store: what was pushed, changed, closed, suspended, spent or answered is still so after a restart. */
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freshProofKey } from '../../src/cli/dev-material.ts';
import { readSources } from '../../src/policy/compile-sources.ts';
import { ACCOUNT, mandate, payment, read, request, said, settle } from './asking.ts';
import { createFleet, type Fleet, type Replica } from './fleet.ts';

const FINANCE = fileURLToPath(new URL('../../policies/finance', import.meta.url));
const LOOKUPS_END =
  '\ndeny contains {"code": "policy.out_of_task"} if input.action.name == "vendor.lookup"\n';
const LOOKUP_TEST = 'every action in ["invoice.read", "vendor.lookup"]';

let fleet: Fleet;
beforeEach(() => {
  fleet = createFleet();
});
afterEach(() => fleet.end());

/** The finance rules, but for looking vendors up. */
function changedRules(): ReadonlyMap<string, string> {
  const files = new Map(readSources(FINANCE));
  files.set('reads.rego', `${files.get('reads.rego')}${LOOKUPS_END}`);
  const tests = files.get('finance_test.rego') ?? '';
  expect(tests).toContain(LOOKUP_TEST);
  files.set('finance_test.rego', tests.replace(LOOKUP_TEST, 'every action in ["invoice.read"]'));
  return files;
}

test.each(['SIGTERM', 'SIGKILL'] as const)('everything acknowledged survives %s', async (signal) => {
  const token = await fleet.token();
  let at: Replica = await fleet.start({ name: 'only' });
  const restart = async (): Promise<void> => {
    const code = await at.end(signal);
    expect(code).toBe(signal === 'SIGTERM' ? 0 : null);
    at = await fleet.start({ name: 'only' });
  };
  const ask = async (
    asked: Parameters<typeof payment> | 'read' | 'lookup',
    session: string,
  ): Promise<string> => {
    if (asked === 'read') return said({ decision: await settle(at, request({ ...read(session), token })) });
    if (asked === 'lookup') {
      const lookup = { action: 'vendor.lookup', session, arguments: { vendor: 'acme' }, token };
      return said({ decision: await settle(at, request(lookup)) });
    }
    return said({ decision: await settle(at, request({ ...payment(...asked), token })) });
  };
  const open = async (changes = {}): Promise<string> => (await at.client.openSession(mandate(changes))).id;

  // Rules and data.
  const plain = await open();
  expect(await ask('lookup', plain)).toBe('allow');
  const { activation } = await at.client.pushBundle({ kind: 'sources', files: changedRules() });
  await at.client.patchData('finance/blocked_vendors/globex', { value: true });
  const version = (await at.client.getData()).version;
  expect(await ask('lookup', plain)).toBe('policy.out_of_task');
  // Sessions of every state.
  const [closed, suspended, spending] = [
    await open(),
    await open(),
    await open({ limits: { payments: '3' } }),
  ];
  await at.client.closeSession(closed);
  await at.client.suspend(suspended, 'odd');
  const first = request({ ...payment(spending, 'INV-1'), token });
  const answer = await settle(at, first);
  expect(answer.effect).toBe('allow');
  expect(await ask([spending, 'INV-2'], spending)).toBe('allow');
  // What a tool brought, a proof that was used, and a session found by its key.
  const traced = await open({ declared: {} });
  const reading = await settle(at, request({ ...read(traced), token }));
  await at.client.report({
    decisionId: reading.id,
    sessionId: traced,
    outcome: 'executed',
    output: { invoice_id: 'INV-1', vendor: { id: 'acme', account: ACCOUNT }, amount: '1' },
  });
  const url = 'https://tools.example/pay';
  const key = freshProofKey();
  const bound = await fleet.token(key.jkt);
  const shown = { token: bound, proof: await key.prove(bound, 'POST', url), method: 'POST', url };
  expect((await settle(at, request({ ...read(plain), token: shown }))).effect).toBe('allow');
  const { id: keyed } = await at.client.openSession(mandate(), 'thread-1');
  const known = await Promise.all(
    [plain, closed, suspended, spending, traced].map((id) => at.client.getSession(id)),
  );

  await restart();

  expect((await at.client.listBundles()).activations[0]).toEqual({ ...activation, active: true });
  expect(await ask('lookup', plain)).toBe('policy.out_of_task');
  expect((await at.client.getData()).version).toBe(version);
  expect(await ask([plain, 'INV-G1', { vendor: 'globex' }], plain)).toBe('policy.vendor_blocked');
  const again = await Promise.all(known.map(({ id }) => at.client.getSession(id)));
  expect(again.slice(1)).toEqual(known.slice(1));
  expect(await ask('read', closed)).toBe('session.task_closed');
  expect(await ask('read', suspended)).toBe('session.suspended');
  expect(await settle(at, first)).toMatchObject({ id: answer.id, effect: 'allow', replayed: true });
  expect(await ask([spending, 'INV-2'], spending)).toBe('session.duplicate');
  expect(await ask([spending, 'INV-3'], spending)).toBe('allow');
  expect(await ask([spending, 'INV-4'], spending)).toBe('session.budget');
  expect(await ask([traced, 'INV-1'], traced)).toBe('allow');
  expect(said({ decision: await settle(at, request({ ...read(plain), token: shown })) })).toBe(
    'token.replayed',
  );
  expect((await at.client.openSession(mandate(), 'thread-1')).id).toBe(keyed);

  // Older rules come back with a higher number, the older data does not.
  await at.client.resume(suspended);
  const rolled = await at.client.rollback();
  expect(rolled.number).toBe(activation.number + 1);

  await restart();

  expect((await at.client.listBundles()).activations[0]).toMatchObject({
    number: rolled.number,
    active: true,
  });
  expect(await ask('lookup', suspended)).toBe('allow');
  expect(await ask([plain, 'INV-G2', { vendor: 'globex' }], plain)).toBe('policy.vendor_blocked');
  expect(await ask([spending, 'INV-5'], spending)).toBe('session.budget');
});
