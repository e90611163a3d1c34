import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEV_AUDIENCE, DEV_ISSUER, prepareDev } from '../../src/dev.ts';
import { AuthorizeResponseSchema, Effect } from '../../src/gen/assent/v1/authorization_pb.js';
import { readCompactJws } from '../../src/model/jws.ts';
import { allow, bytesOf, type Fate, type FaultyWire, faultyWire, readAsk } from '../client/wire.ts';
import { assent, type Ran } from './run.ts';

const FINANCE = fileURLToPath(new URL('../../policies/finance', import.meta.url));
let cwd: string;
let wire: FaultyWire;

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'assent-cli-'));
  prepareDev(join(cwd, '.assent', 'dev'));
  wire = await faultyWire();
  writeFileSync(join(cwd, '.assent', 'dev', 'address'), `${wire.address}\n`);
});
afterAll(() => {
  wire.stop();
  rmSync(cwd, { recursive: true });
});

const decided = (effect: Effect): Fate => bytesOf(AuthorizeResponseSchema, { decision: allow({ effect }) });
const ask = (...more: string[]): Promise<Ran> => assent(['ask', 'invoice.read', '--json', ...more], { cwd });

describe('assent ask', () => {
  test.each([
    ['an allow', 0, decided(Effect.ALLOW)],
    ['a deny', 2, decided(Effect.DENY)],
    ['an escalate', 3, decided(Effect.ESCALATE)],
    ['a throttle', 4, decided(Effect.THROTTLE)],
    ['an effect that nobody knows', 2, decided(33 as Effect)],
    ['a server that is not available', 5, { code: status.UNAVAILABLE }],
    ['an ask that the server does not take', 1, { code: status.INVALID_ARGUMENT }],
  ] satisfies [string, number, Fate][])('ends on %s with %i', async (_, code, fate) => {
    wire.unary = () => fate;
    const ran = await ask();
    expect(ran.code).toBe(code);
    expect(JSON.parse(ran.stdout)).toMatchObject({ permitted: code === 0 });
  });

  test('sends what the options say, with a token for the development agent', async () => {
    let sent: ReturnType<typeof readAsk> | undefined;
    wire.unary = (bytes) => {
      sent = readAsk(bytes);
      return decided(Effect.ALLOW);
    };
    const ran = await ask(
      '--session',
      's-9',
      '--arg',
      'invoice=INV-1',
      '--resource',
      'invoice/INV-1',
      '--operation',
      'op-1',
      '--as',
      'auditor',
    );
    expect(ran.code).toBe(0);
    expect(sent).toMatchObject({
      session: { reference: { case: 'id', value: 's-9' } },
      operationId: 'op-1',
      action: { name: 'invoice.read', resource: { type: 'invoice', id: 'INV-1' } },
    });
    expect(Buffer.from(sent?.action?.argumentsJson ?? []).toString()).toBe('{"invoice":"INV-1"}');
    const token = sent?.credential?.form.value;
    const { payload } = readCompactJws(typeof token === 'string' ? token : '', 16_384);
    expect(payload).toMatchObject({
      iss: DEV_ISSUER,
      aud: DEV_AUDIENCE,
      sub: 'ana',
      act: { iss: DEV_ISSUER, sub: 'auditor' },
    });
    expect(ran.stdout + ran.stderr).not.toContain(typeof token === 'string' ? token : 'ey');
  });

  test.each([
    ['without an action', ['ask']],
    ['with an option that does not exist', ['ask', 'a.b', '--force']],
    ['with a duration that is none', ['ask', 'a.b', '--timeout', 'soon']],
    ['with a token file that is not there', ['ask', 'a.b', '--token-file', '/nowhere/at/all']],
    ['with a resource without an id', ['ask', 'a.b', '--resource', 'invoice']],
  ])('ends with 1 %s, and says why on stderr', async (_, args) => {
    const ran = await assent(args, { cwd });
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).not.toBe('');
    expect(ran.stderr).not.toMatch(/^\s+at /m);
  });

  test('says where a key comes from when there is none', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'assent-cli-'));
    const ran = await assent(['sessions', 'list'], { cwd: empty });
    rmSync(empty, { recursive: true });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('--key-file');
  });

  test('takes address and key from the environment, and never prints the key', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'assent-cli-'));
    const keyFile = join(empty, 'key');
    writeFileSync(keyFile, 'pep-secret\n');
    let shown: unknown;
    wire.unary = (_, metadata) => {
      shown = metadata.get('authorization')[0];
      return { code: status.PERMISSION_DENIED, details: 'no' };
    };
    const env = { ASSENT_ADDRESS: wire.address, ASSENT_KEY_FILE: keyFile };
    const ran = await assent(['sessions', 'list', '--json'], { cwd: empty, env });
    rmSync(empty, { recursive: true });
    expect(shown).toBe('Bearer pep-secret');
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stderr)).toMatchObject({ error: { status: 'PERMISSION_DENIED' } });
    expect(ran.stdout + ran.stderr).not.toContain('pep-secret');
  });
});

describe('a command that cannot reach its server', () => {
  test.each([[['sessions', 'list']], [['policy', 'list']], [['ask', 'a.b']]])(
    'ends with 5: %j',
    async (args) => {
      const ran = await assent([...args, '--address', '127.0.0.1:1'], { cwd });
      expect(ran.code).toBe(5);
    },
  );
});

describe('assent token', () => {
  test('mints what the options say', async () => {
    const args = [
      'token',
      '--sub',
      'bo',
      '--no-act',
      '--client',
      'c',
      '--scope',
      'mail',
      '--expires-in',
      '90s',
      '--json',
    ];
    const ran = await assent(args, { cwd });
    const { token } = JSON.parse(ran.stdout) as { token: string };
    const { header, payload } = readCompactJws(token, 16_384);
    expect(header).toMatchObject({ typ: 'at+jwt', alg: 'ES256', kid: 'dev-issuer' });
    expect(payload).toMatchObject({ sub: 'bo', client_id: 'c', scope: 'mail' });
    expect(payload['act']).toBeUndefined();
    expect(Number(payload['exp']) - Number(payload['iat'])).toBe(90);
  });

  test('binds a token to a fresh key, and proves it for one request', async () => {
    const args = ['token', '--dpop', '--method', 'POST', '--url', 'https://tools.example/pay', '--json'];
    const ran = await assent(args, { cwd });
    const { token, proof, jkt } = JSON.parse(ran.stdout) as Record<'token' | 'proof' | 'jkt', string>;
    expect(readCompactJws(token, 16_384).payload['cnf']).toEqual({ jkt });
    expect(readCompactJws(proof, 16_384).payload).toMatchObject({
      htm: 'POST',
      htu: 'https://tools.example/pay',
    });
  });
});

describe('assent policy', () => {
  test('build writes a bundle', async () => {
    const out = join(cwd, 'finance.bundle');
    const ran = await assent(['policy', 'build', FINANCE, '--out', out, '--json'], { cwd });
    expect(ran.code).toBe(0);
    const { revision, bytes } = JSON.parse(ran.stdout) as { revision: string; bytes: number };
    expect(revision).toMatch(/^finance@/);
    expect(readFileSync(out)).toHaveLength(bytes);
  }, 60_000);

  test('build names file, line and column of what is wrong, and writes nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'assent-cli-'));
    writeFileSync(join(folder, 'manifest.json'), '{"name": "broken", "codes": {}, "data": []}');
    writeFileSync(join(folder, 'a.rego'), 'package rules.a\n\nallow contains {"code": "policy.x"} if {\n');
    const ran = await assent(['policy', 'build', folder, '--out', join(folder, 'out')], { cwd });
    const wrote = existsSync(join(folder, 'out'));
    rmSync(folder, { recursive: true });
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/^a\.rego:\d+:\d+: /m);
    expect(wrote).toBe(false);
  }, 60_000);

  test('test runs the tests, and holds them to a coverage', async () => {
    const good = await assent(['policy', 'test', FINANCE, '--min-coverage', '90', '--json'], { cwd });
    expect(JSON.parse(good.stdout)).toMatchObject({ ok: true });
    expect(good.code).toBe(0);
  }, 60_000);

  test.each(['build', 'test', 'push'])('%s of a folder that is not there ends with 1', async (verb) => {
    const ran = await assent(['policy', verb, join(cwd, 'nowhere')], { cwd });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('nowhere');
  });
});

describe('the program', () => {
  const old = '/usr/bin/node';
  const major = existsSync(old)
    ? Number(spawnSync(old, ['-p', 'process.versions.node.split(".")[0]']).stdout)
    : 99;

  test.runIf(major < 24)('started on an older Node runs on the one that came along, in silence', async () => {
    const ran = await assent(['--version'], { cwd, node: old });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('passes the exit code on', async () => {
    const ran = await assent(['nonsense'], { cwd, ...(major < 24 ? { node: old } : {}) });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('--help');
  });
});
