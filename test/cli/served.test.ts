import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority } from '../wire/certificates.ts';
import { assent, type Ran } from './run.ts';

const BIN = fileURLToPath(new URL('../../bin/assent.js', import.meta.url));
const FINANCE = fileURLToPath(new URL('../../policies/finance', import.meta.url));
let cwd: string;
let server: ChildProcess;

const run = (...args: string[]): Promise<Ran> => assent(args, { cwd });

/** Runs a command with `--json`, and gives its exit code and what it printed. */
async function json(...args: string[]): Promise<{ code: number | null; result: Record<string, unknown> }> {
  const { code, stdout, stderr } = await run(...args, '--json');
  return { code, result: JSON.parse(stdout === '' ? stderr : stdout) as Record<string, unknown> };
}

/** Starts a development server in `cwd`, and resolves once it says where it serves, and `said`. */
function start(more: readonly string[] = [], said = 'assent demo'): Promise<ChildProcess> {
  const child = spawn(process.execPath, [BIN, 'serve', '--dev', '--listen', '127.0.0.1:0', ...more], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes(said)) resolve(child);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${text}`)));
  });
}

function stop(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.removeAllListeners('exit');
    child.once('exit', (code) => resolve(code));
    child.kill('SIGTERM');
  });
}

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'assent-served-'));
  server = await start();
}, 60_000);
afterAll(async () => {
  await stop(server);
  rmSync(cwd, { recursive: true });
}, 30_000);

const MANDATE = [
  '--task',
  'invoice_run',
  '--action',
  'invoice.*',
  '--action',
  'payment.send',
  '--limit',
  'payments=5000',
];
const INVOICE = {
  invoice_id: 'INV-1',
  vendor: { id: 'acme', account: 'DE02120300000000202051' },
  amount: '1200.00',
};
const PAYMENT = [
  '--arg',
  'vendor=acme',
  '--arg',
  'account=DE02120300000000202051',
  '--arg',
  'amount=1200.00',
  '--arg',
  'invoice=INV-1',
];

async function open(...more: string[]): Promise<string> {
  const { code, result } = await json('open', '--purpose', 'pay INV-1', ...MANDATE, ...more);
  expect(code).toBe(0);
  return String(result['id']);
}

describe('without a flag, in the folder of a development server', () => {
  test('a session is opened, asked in, reported to, shown and closed', async () => {
    const session = await open();
    const read = await json('ask', 'invoice.read', '--session', session, '--arg', 'invoice=INV-1');
    expect(read).toMatchObject({ code: 0, result: { permitted: true } });
    const decision = (read.result['decision'] as { id: string }).id;
    const unseen = await json('ask', 'payment.send', '--session', session, ...PAYMENT, '--dry-run');
    expect(unseen).toMatchObject({ code: 3, result: { permitted: false, effect: 'escalate' } });
    const told = await json('report', decision, '--session', session, '--output', JSON.stringify(INVOICE));
    expect(told.code).toBe(0);
    expect(told.result['valuesRemembered']).toBeGreaterThan(0);
    const tried = await json('ask', 'payment.send', '--session', session, ...PAYMENT, '--dry-run');
    expect(tried).toMatchObject({
      code: 0,
      result: { permitted: false, reasons: [{ code: 'client.dry_run' }] },
    });
    const paid = await json(
      'ask',
      'payment.send',
      '--session',
      session,
      ...PAYMENT,
      '--operation',
      'op-1',
      '--stream',
    );
    expect(paid).toMatchObject({ code: 0, result: { permitted: true } });
    const again = await json('ask', 'payment.send', '--session', session, ...PAYMENT, '--operation', 'op-2');
    expect(again).toMatchObject({ code: 2, result: { reasons: [{ code: 'session.duplicate' }] } });
    const shown = await json('sessions', 'show', session);
    expect(shown.result).toMatchObject({ state: 'open', steps: 3, denials: 1, spent: { payments: '1200' } });
    expect((await json('close', session)).result).toMatchObject({ state: 'closed' });
    expect((await json('ask', 'invoice.read', '--session', session, '--arg', 'invoice=INV-1')).code).toBe(2);
  }, 60_000);

  test('a session is suspended, resumed, amended and listed', async () => {
    const session = await open();
    expect((await json('sessions', 'suspend', session, '--cause', 'odd')).result).toMatchObject({
      state: 'suspended',
    });
    const held = await json('ask', 'invoice.read', '--session', session, '--arg', 'invoice=INV-1');
    expect(held).toMatchObject({ code: 2, result: { reasons: [{ code: 'session.suspended' }] } });
    expect((await json('sessions', 'resume', session)).result).toMatchObject({ state: 'open' });
    const amended = await json(
      'sessions',
      'amend',
      session,
      '--task',
      'invoice_run',
      '--action',
      'vendor.lookup',
    );
    expect(amended.result).toMatchObject({ mandate: { actions: ['vendor.lookup'] } });
    const outside = await json('ask', 'invoice.read', '--session', session, '--arg', 'invoice=INV-1');
    expect(outside.code).toBe(2);
    const listed = await json('sessions', 'list', '--limit', '1');
    expect(listed.result).toMatchObject({
      sessions: [{ id: session }],
      nextToken: expect.stringMatching(/./),
    });
  }, 60_000);

  test('the same key opens the same session', async () => {
    expect(await open('--key', 'thread-1')).toBe(await open('--key', 'thread-1'));
  }, 30_000);

  test('a signed hop lets a delegate act, and another agent not', async () => {
    const session = await open('--actor', 'orchestrator');
    const hop = await run(
      'token',
      'hop',
      '--session',
      session,
      '--from',
      'orchestrator',
      '--to',
      'payer',
      '--action',
      'invoice.read',
    );
    writeFileSync(join(cwd, 'chain.jwt'), hop.stdout);
    const asked = ['ask', 'invoice.read', '--session', session, '--arg', 'invoice=INV-1'];
    expect((await json(...asked, '--chain-file', 'chain.jwt')).code).toBe(0);
    expect((await json(...asked)).result).toMatchObject({ reasons: [{ code: 'session.not_yours' }] });
    const other = await json(...asked, '--chain-file', 'chain.jwt', '--as', 'auditor');
    expect(other.result).toMatchObject({ reasons: [{ code: 'token.actor_mismatch' }] });
  }, 60_000);

  test('a second hop names its parent, and stands below it in the chain file', async () => {
    const session = await open('--actor', 'orchestrator');
    const hop = (...more: string[]): Promise<Ran> => run('token', 'hop', '--session', session, ...more);
    const parent = await hop('--from', 'orchestrator', '--to', 'payer', '--action', 'invoice.*');
    const child = await hop(
      ...['--from', 'payer', '--to', 'auditor', '--action', 'invoice.read'],
      ...['--parent', parent.stdout.trim()],
    );
    writeFileSync(join(cwd, 'whole.jwt'), parent.stdout + child.stdout);
    writeFileSync(join(cwd, 'half.jwt'), child.stdout);
    const asked = ['ask', 'invoice.read', '--as', 'auditor', '--session', session, '--arg', 'invoice=INV-1'];
    expect((await json(...asked, '--chain-file', 'whole.jwt')).code).toBe(0);
    const orphan = await json(...asked, '--chain-file', 'half.jwt');
    expect(orphan.result).toMatchObject({ reasons: [{ code: 'delegation.parent_missing' }] });
  }, 60_000);

  test('a token bound to a certificate is good with that certificate only', async () => {
    const { issue, end } = createAuthority();
    const own = issue('agent', 'DNS:agent.test').certFile;
    const other = issue('thief', 'DNS:agent.test').certFile;
    const minted = await run('token', '--agent-cert', own);
    writeFileSync(join(cwd, 'certified.jwt'), minted.stdout);
    const asked = ['ask', 'exchange_rate.read', '--arg', 'from=EUR', '--arg', 'to=USD'];
    const shown = ['--token-file', 'certified.jwt'];
    for (const lane of [[], ['--stream']]) {
      expect((await json(...asked, ...shown, ...lane, '--agent-cert', own)).code).toBe(0);
      for (const wrong of [[], ['--agent-cert', other]])
        expect(await json(...asked, ...shown, ...lane, ...wrong)).toMatchObject({
          code: 2,
          result: {
            reasons: [{ code: 'token.binding' }],
            decision: { challenge: expect.stringMatching(/^Bearer error="invalid_token"/) },
          },
        });
    }
    // A thumbprint beside a token that is bound to nothing proves nothing, and costs nothing.
    expect((await json(...asked, '--agent-cert', own)).code).toBe(0);
    end();
  }, 60_000);

  test('a token bound to a key is good with its proof only, and for its request only', async () => {
    const url = 'https://tools.example/rates';
    const { result } = await json('token', '--dpop', '--url', url);
    writeFileSync(join(cwd, 'bound.jwt'), String(result['token']));
    writeFileSync(join(cwd, 'proof.jwt'), String(result['proof']));
    const asked = [
      'ask',
      'exchange_rate.read',
      '--arg',
      'from=EUR',
      '--arg',
      'to=USD',
      '--token-file',
      'bound.jwt',
    ];
    expect((await json(...asked)).result).toMatchObject({
      reasons: [{ code: 'token.binding' }],
      decision: { challenge: expect.stringMatching(/^DPoP error="invalid_token".* algs="/) },
    });
    const elsewhere = await json(
      ...asked,
      '--proof-file',
      'proof.jwt',
      '--url',
      'https://tools.example/other',
    );
    expect(elsewhere.result).toMatchObject({ reasons: [{ code: 'token.proof' }] });
    expect((await json(...asked, '--proof-file', 'proof.jwt', '--url', url)).code).toBe(0);
    const replayed = await json(...asked, '--proof-file', 'proof.jwt', '--url', url);
    expect(replayed.result).toMatchObject({ reasons: [{ code: 'token.replayed' }] });
  }, 60_000);

  test('a session that does not exist is a failure of `show`, and a deny of an ask', async () => {
    expect(await json('sessions', 'show', 'nobody')).toMatchObject({
      code: 1,
      result: { error: { status: 'NOT_FOUND' } },
    });
    const asked = await json('ask', 'invoice.read', '--session', 'nobody', '--arg', 'invoice=INV-1');
    expect(asked).toMatchObject({ code: 2, result: { reasons: [{ code: 'session.unknown' }] } });
  }, 30_000);

  test('data is changed in its own versions, and taken away again', async () => {
    const path = 'finance/blocked_vendors/umbrella';
    const patched = await json('policy', 'data', 'patch', path, 'true');
    expect(patched.code).toBe(0);
    expect((await json('policy', 'data', 'get', path)).result).toMatchObject({ value: true });
    const stale = await json('policy', 'data', 'patch', path, 'false', '--expect-version', '0');
    expect(stale.code).toBe(1);
    const removed = await json('policy', 'data', 'remove', path);
    expect(removed.result['version']).toBe(Number(patched.result['version']) + 1);
    const { result } = await json('policy', 'data', 'get', 'finance/blocked_vendors');
    expect(result).toMatchObject({ value: { mallory: true } });
    expect(result['value']).not.toHaveProperty('umbrella');
  }, 60_000);

  test('rules are pushed as plain Rego, listed and rolled back', async () => {
    const valid = await json('policy', 'push', FINANCE, '--validate-only');
    expect(valid).toMatchObject({ code: 0, result: { testsPassed: expect.any(Number) } });
    const changed = join(cwd, 'changed');
    cpSync(FINANCE, changed, { recursive: true });
    appendFileSync(join(changed, 'reads.rego'), '\ndeny contains {"code": "policy.out_of_task"} if false\n');
    expect((await json('policy', 'push', changed)).code).toBe(0);
    const listed = await json('policy', 'list');
    const activations = listed.result['activations'] as { active: boolean; number: number }[];
    expect(activations.length).toBeGreaterThan(1);
    expect(activations[0]?.active).toBe(true);
    const rolled = await json('policy', 'rollback');
    expect(rolled.result['number']).toBe((activations[0]?.number ?? 0) + 1);
  }, 120_000);

  test('a built bundle is tested again, and has the revision that build printed', async () => {
    const out = join(cwd, 'finance.bundle');
    const { result: made } = await json('policy', 'build', FINANCE, '--out', out);
    const pushed = await json('policy', 'push', out, '--validate-only');
    expect(pushed.result).toMatchObject({
      activation: { name: 'finance', revision: made['revision'] },
      testsPassed: made['tests'],
    });
    const plain = await json('policy', 'push', FINANCE, '--validate-only');
    expect(plain.result).toMatchObject({ activation: { revision: made['revision'] } });
  }, 120_000);

  test('rules without a test are refused until they are allowed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'assent-untested-'));
    writeFileSync(join(folder, 'manifest.json'), '{"name": "bare", "codes": ["policy.x"], "data": []}');
    writeFileSync(
      join(folder, 'a.rego'),
      'package rules.a\n\nallow contains {"code": "policy.x"} if false\n',
    );
    const refused = await run('policy', 'push', folder, '--validate-only');
    const allowed = await json('policy', 'push', folder, '--validate-only', '--allow-untested');
    writeFileSync(join(folder, 'a.rego'), 'package rules.a\n\nx := 1\n');
    const silent = await run('policy', 'push', folder, '--validate-only', '--allow-untested');
    rmSync(folder, { recursive: true });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('assent_no_tests') });
    expect(allowed).toMatchObject({ code: 0, result: { testsPassed: 0 } });
    expect(silent).toMatchObject({ code: 1, stderr: expect.stringMatching(/a\.rego:1:1: assent_no_rules/) });
  }, 60_000);

  test('a bad bundle is refused with file and line, and the active one stays', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'assent-bad-'));
    writeFileSync(join(folder, 'manifest.json'), '{"name": "bad", "codes": {}, "data": []}');
    writeFileSync(join(folder, 'a.rego'), 'package rules.a\n\nallow contains if {\n');
    const before = await json('policy', 'list', '--limit', '1');
    const { code, stderr } = await run('policy', 'push', folder);
    rmSync(folder, { recursive: true });
    expect(code).toBe(1);
    expect(stderr).toMatch(/a\.rego:3/);
    expect((await json('policy', 'list', '--limit', '1')).result).toEqual(before.result);
  }, 60_000);

  test('the demo comes out as named, twice, and prints every step', async () => {
    const first = await run('demo');
    expect(first.stdout).toContain('6 of 6 came out as named');
    expect(first.code).toBe(0);
    const { code, result } = await json('demo', '--stream');
    expect(result).toMatchObject({ as_named: 6, of: 6 });
    expect(code).toBe(0);
  }, 60_000);
});

describe('the demo', () => {
  test('fails when one session does not come out as named', async () => {
    const limits = await json('policy', 'data', 'get', 'limits');
    await run('policy', 'data', 'patch', 'limits/throttles_before_escalate', '1000');
    const ran = await run('demo', '--only', 'machine-speed');
    await run(
      'policy',
      'data',
      'patch',
      'limits',
      JSON.stringify((limits.result as { value: unknown }).value),
    );
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain('0 of 1 came out as named');
  }, 60_000);

  test('knows its scenarios by name only', async () => {
    const ran = await run('demo', '--only', 'nothing');
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('machine-speed');
  }, 30_000);
});

describe('the server', () => {
  test('drains on SIGTERM, and after a restart a closed session is still closed', async () => {
    const session = await open();
    await json('close', session);
    expect(await stop(server)).toBe(0);
    server = await start();
    const asked = await json('ask', 'invoice.read', '--session', session, '--arg', 'invoice=INV-1');
    expect(asked).toMatchObject({ code: 2, result: { reasons: [{ code: 'session.task_closed' }] } });
  }, 60_000);

  test('whose address is taken says so on one line, as JSON too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'assent-taken-'));
    const address = readFileSync(join(cwd, '.assent', 'dev', 'address'), 'utf8').trim();
    const again = ['serve', '--dev', '--listen', address];
    const ran = await assent(again, { cwd: folder });
    const asJson = await assent([...again, '--json'], { cwd: folder });
    rmSync(folder, { recursive: true });
    const message = `\`listen\`: \`${address}\` is in use: stop what listens there, or listen elsewhere`;
    expect(ran).toMatchObject({ code: 1, stdout: '', stderr: `assent: ${message}\n` });
    expect(asJson.code).toBe(1);
    expect(JSON.parse(asJson.stderr)).toEqual({ error: { message } });
  }, 30_000);

  test('beside another in its folder leaves commands with the first, and takes over from one that is gone', async () => {
    const found = (): string => readFileSync(join(cwd, '.assent', 'dev', 'address'), 'utf8').trim();
    const first = found();
    const more = ['--store', join(cwd, 'second.db'), '--config', join(cwd, 'second.json')];
    const recordLog = { directory: join(cwd, 'second-records'), durability: 'os' };
    writeFileSync(join(cwd, 'second.json'), JSON.stringify({ record_log: recordLog }));
    const second = await start(more, 'commands in this folder go on talking to');
    expect(found()).toBe(first);
    expect(await stop(second)).toBe(0);
    expect(found()).toBe(first);
    expect((await json('sessions', 'list')).code).toBe(0);
    server.removeAllListeners('exit');
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
    expect(found()).toBe(first);
    server = await start();
    expect(found()).not.toBe(first);
    expect((await json('sessions', 'list')).code).toBe(0);
    expect(await stop(server)).toBe(0);
    expect(await json('sessions', 'list')).toMatchObject({
      code: 5,
      result: { error: { message: 'no development server runs in this folder' } },
    });
    server = await start();
  }, 60_000);

  test('is not started without a configuration', async () => {
    const ran = await run('serve');
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('--config');
  }, 30_000);
});
