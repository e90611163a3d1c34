import { spawnSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ServerCredentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEV_AUDIENCE, DEV_ISSUER, prepareDev } from '../../src/dev.ts';
import { AuthorizeResponseSchema, Effect } from '../../src/gen/assent/v1/authorization_pb.js';
import {
  GetSessionResponseSchema,
  ListSessionsResponseSchema,
  SessionState,
} from '../../src/gen/assent/v1/session_pb.js';
import { BadRequestSchema, ErrorInfoSchema } from '../../src/gen/google/rpc/error_details_pb.js';
import { type Status, StatusSchema } from '../../src/gen/google/rpc/status_pb.js';
import { readCompactJws } from '../../src/model/jws.ts';
import { allow, bytesOf, type Fate, type FaultyWire, faultyWire, readAsk } from '../client/wire.ts';
import { createAuthority } from '../wire/certificates.ts';
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
    ['with an agent beside a token', ['ask', 'a.b', '--token-file', 'f', '--as', 'auditor'], '--as is for'],
    ['with more time than the server grants', ['ask', 'a.b', '--timeout', '6s'], '--timeout is at most `5s`'],
    ['with the URL of no proof', ['ask', 'a.b', '--url', 'https://a.example'], '--proof-file'],
    ['with a proof for no token', ['ask', 'a.b', '--proof-file', 'f', '--url', 'u'], '--token-file'],
    ['with half a TLS pair', ['ask', 'a.b', '--cert-key', 'f'], '--cert and --cert-key'],
    ['with a certificate that is none', ['ask', 'a.b', '--agent-cert', '.assent/dev/pep.key'], 'pep.key'],
    ['with a page that is too long', ['sessions', 'list', '--limit', '201'], '--limit'],
    [
      'with a media type of nothing',
      ['report', 'd', '--session', 's', '--media-type', 'a/b'],
      '--output-file',
    ],
    ['with a URL for no proof', ['token', '--url', 'https://a.example'], '--dpop'],
    [
      'with two limits of one budget',
      ['open', '--task', 't', '--action', 'a.b', '--limit', 'payments=1', '--limit', 'payments=5000'],
      '--limit gives `payments` twice',
    ],
    [
      'with two values of one name',
      ['open', '--task', 't', '--action', 'a.b', '--declare', 'v=1', '--declare', 'v=2'],
      '--declare gives `v` twice',
    ],
    [
      'with two arguments of one name',
      ['ask', 'a.b', '--arg', 'v=1', '--arg', 'v=2'],
      '--arg gives `v` twice',
    ],
  ])('ends with 1 %s, and says why on stderr', async (_, args, why = '') => {
    const ran = await assent(args, { cwd });
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).not.toBe('');
    expect(ran.stderr).toContain(why);
    expect(ran.stderr).not.toMatch(/^\s+at /m);
    const asJson = await assent([...args, '--json'], { cwd });
    expect(asJson.code).toBe(1);
    expect(JSON.parse(asJson.stderr)).toMatchObject({ error: { message: expect.stringContaining(why) } });
  });

  describe('with a TLS file', () => {
    const { caFile, issue, end } = createAuthority();
    afterAll(end);
    const own = issue('pep', 'DNS:pep.test');
    const other = issue('other', 'DNS:other.test');
    const key = (): string => join(cwd, '.assent', 'dev', 'pep.key');

    test.each<[string, () => string[], string]>([
      ['of authorities that is not there', () => ['--ca', '/nope'], '--ca: `/nope` cannot be read'],
      ['of authorities that holds no pem', () => ['--ca', key()], 'pep.key` holds no pem'],
      ['of authorities that holds a key', () => ['--ca', own.keyFile], 'holds no certificate in pem'],
      ['of its own that is not there', () => ['--cert', '/nope', '--cert-key', key()], '--cert: `/nope`'],
      ['of its key that holds no pem', () => ['--cert', own.certFile, '--cert-key', key()], '--cert-key: `'],
      [
        'of its key that holds a certificate',
        () => ['--cert', own.certFile, '--cert-key', caFile],
        'holds no private key in pem',
      ],
      [
        'of another key',
        () => ['--cert', own.certFile, '--cert-key', other.keyFile],
        '--cert-key is not the key of the certificate in --cert',
      ],
    ])('%s ends with 1, and names the flag', async (_, flags, why) => {
      const ran = await assent(['sessions', 'list', ...flags()], { cwd });
      expect(ran).toMatchObject({ code: 1, stdout: '' });
      expect(ran.stderr).toMatch(/^assent: --c/);
      expect(ran.stderr).toContain(why);
    });
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

describe('the development key', () => {
  let shown: unknown;
  const watch = (at: FaultyWire): void => {
    shown = 'nothing came';
    at.unary = (_, metadata) => {
      shown = metadata.get('authorization')[0];
      return bytesOf(ListSessionsResponseSchema, {});
    };
  };

  test('is shown to the development server of the folder, named or not', async () => {
    for (const named of [[], ['--address', wire.address]]) {
      watch(wire);
      expect((await assent(['sessions', 'list', ...named], { cwd })).code).toBe(0);
      expect(shown).toMatch(/^Bearer ./);
    }
  });

  test('is shown to no other server, whoever names it', async () => {
    const other = await faultyWire();
    watch(other);
    const byFlag = await assent(['sessions', 'list', '--address', other.address], { cwd });
    const byEnvironment = await assent(['sessions', 'list'], { cwd, env: { ASSENT_ADDRESS: other.address } });
    other.stop();
    for (const ran of [byFlag, byEnvironment]) {
      expect(ran).toMatchObject({ code: 1, stdout: '' });
      expect(ran.stderr).toContain(`no key to show to \`${other.address}\`: give --key-file`);
      expect(ran.stderr).toContain(`at \`${wire.address}\``);
    }
    expect(shown).toBe('nothing came');
  });

  test('is not shown beside a certificate, and to an address of numbers nothing is warned of', async () => {
    const { ca, caFile, issue, end } = createAuthority();
    const { key, cert } = issue('server', 'IP:127.0.0.1');
    const own = issue('pep', 'DNS:pep.test');
    const pair = [{ private_key: key, cert_chain: cert }];
    const secure = await faultyWire(ServerCredentials.createSsl(ca, pair, true));
    writeFileSync(join(cwd, '.assent', 'dev', 'address'), `${secure.address}\n`);
    watch(secure);
    const certified = ['--ca', caFile, '--cert', own.certFile, '--cert-key', own.keyFile];
    const ran = await assent(['sessions', 'list', ...certified], { cwd });
    writeFileSync(join(cwd, '.assent', 'dev', 'address'), `${wire.address}\n`);
    secure.stop();
    end();
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(shown).toBeUndefined();
  });
});

function explained(code: number, reason: string): Status {
  const info = create(ErrorInfoSchema, { reason, domain: 'assent' });
  return create(StatusSchema, { code, message: reason, details: [anyPack(ErrorInfoSchema, info)] });
}

describe('a command that cannot reach its server', () => {
  const nowhere = ['--address', '127.0.0.1:1', '--key-file', join('.assent', 'dev', 'pep.key')];

  test.each([[['sessions', 'list']], [['policy', 'list']], [['ask', 'a.b']], [['ask', 'a.b', '--stream']]])(
    'ends with 5: %j',
    async (args) => {
      const ran = await assent([...args, ...nowhere], { cwd });
      expect(ran.code).toBe(5);
      const said = ran.stdout + ran.stderr;
      expect(said).toContain('no connection: connect ECONNREFUSED 127.0.0.1:1');
      expect(said).toContain('is `npx assent serve` running at `127.0.0.1:1`? --address HOST:PORT or');
    },
  );

  test('says so in JSON too', async () => {
    const ran = await assent(['sessions', 'list', '--json', ...nowhere], { cwd });
    const { error } = JSON.parse(ran.stderr) as { error: Record<string, unknown> };
    expect(error).toMatchObject({ status: 'UNAVAILABLE', reason: '' });
    expect(error['hint']).toContain('127.0.0.1:1');
  });

  test('because no development server runs in the folder ends with 5, and says what to type', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'assent-cli-'));
    prepareDev(join(folder, '.assent', 'dev'));
    const ran = await assent(['sessions', 'list'], { cwd: folder });
    rmSync(folder, { recursive: true });
    expect(ran).toMatchObject({ code: 5, stdout: '' });
    expect(ran.stderr).toMatch(/^assent: no development server runs in this folder .*\n {2}start one with/);
  });

  test('and cannot speak TLS with it is told so on one line', async () => {
    const { caFile, end } = createAuthority();
    const ran = await assent(['sessions', 'list', '--ca', caFile, '--server-name', 'pdp.test'], { cwd });
    end();
    expect(ran.code).toBe(5);
    expect(ran.stderr).toMatch(/^assent: no connection: [^\n]+ \(UNAVAILABLE\)\n {2}is /);
  });

  test('gives no hint where a server answered that it cannot', async () => {
    wire.unary = () => ({
      code: status.UNAVAILABLE,
      details: 'the session store cannot be reached',
      status: explained(status.UNAVAILABLE, 'SESSION_STORE_UNAVAILABLE'),
    });
    const ran = await assent(['sessions', 'list'], { cwd });
    expect(ran.code).toBe(5);
    expect(ran.stderr).toContain('SESSION_STORE_UNAVAILABLE');
    expect(ran.stderr).not.toContain('running at');
  });
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

test('a hop from an agent without a key is told which ones have one', async () => {
  const session = { id: 's-1', state: SessionState.OPEN, mandate: { taskType: 't', actions: ['a.b'] } };
  wire.unary = () => bytesOf(GetSessionResponseSchema, { session });
  const args = [
    'token',
    'hop',
    '--session',
    's-1',
    '--from',
    '../issuer',
    '--to',
    'payer',
    '--action',
    'a.b',
  ];
  const ran = await assent(args, { cwd });
  expect(ran).toMatchObject({ code: 1, stdout: '' });
  expect(ran.stderr).toContain('one of auditor, orchestrator, payer');
});

test('a token is bound to the certificate that the agent comes with, and an ask shows its thumbprint', async () => {
  const { issue, end } = createAuthority();
  const { cert, certFile } = issue('agent', 'DNS:agent.test');
  const thumbprint = createHash('sha256').update(new X509Certificate(cert).raw).digest('base64url');
  let shown: string | undefined;
  wire.unary = (bytes) => {
    shown = readAsk(bytes).credential?.certificateThumbprint;
    return decided(Effect.ALLOW);
  };
  const minted = await assent(['token', '--agent-cert', certFile], { cwd });
  const asked = await ask('--agent-cert', certFile);
  end();
  expect(readCompactJws(minted.stdout.trim(), 16_384).payload['cnf']).toEqual({ 'x5t#S256': thumbprint });
  expect(asked.code).toBe(0);
  expect(shown).toBe(thumbprint);
});

describe('assent policy', () => {
  test('build writes a bundle', async () => {
    const out = join(cwd, 'finance.bundle');
    const ran = await assent(['policy', 'build', FINANCE, '--out', out, '--json'], { cwd });
    expect(ran.code).toBe(0);
    const result = JSON.parse(ran.stdout) as { bytes: number; tests: number };
    const content = readFileSync(out);
    expect(result).toMatchObject({
      name: 'finance',
      revision: createHash('sha256').update(content).digest('hex'),
      warnings: [],
    });
    expect(content).toHaveLength(result.bytes);
    expect(result.tests).toBeGreaterThan(30);
  }, 60_000);

  test('build names file, line and column of what is wrong, and writes nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'assent-cli-'));
    writeFileSync(join(folder, 'manifest.json'), '{"name": "broken", "codes": {}, "data": []}');
    writeFileSync(join(folder, 'a.rego'), 'package rules.a\n\nallow contains {"code": "policy.x"} if {\n');
    const ran = await assent(['policy', 'build', folder, '--out', join(folder, 'out')], { cwd });
    const wrote = existsSync(join(folder, 'out'));
    writeFileSync(join(folder, 'a_test.rego'), 'package rules.a_test\n\ntest_one if true\n');
    const tested = await assent(['policy', 'test', folder], { cwd });
    rmSync(folder, { recursive: true });
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/^a\.rego:\d+:\d+: /m);
    expect(wrote).toBe(false);
    expect(tested.code).toBe(1);
    expect(tested.stdout).toMatch(/^a\.rego:\d+:\d+: .*\nno test was run\n$/s);
  }, 60_000);

  test('build names the option whose file cannot be written', async () => {
    const out = join(cwd, 'nowhere', 'x');
    const ran = await assent(['policy', 'build', FINANCE, '--out', out, '--json'], { cwd });
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stderr)).toEqual({
      error: { message: `--out \`${out}\` cannot be written`, because: expect.stringMatching(/^ENOENT/) },
    });
  }, 60_000);

  test('push names the file of a problem where it has one', async () => {
    const problems = [
      { field: '', description: 'the bundle is not gzip' },
      { field: 'a.rego:1:2', description: 'is odd' },
    ];
    const details = [anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations: problems }))];
    const refusal = create(StatusSchema, { code: status.INVALID_ARGUMENT, message: 'refused', details });
    wire.unary = () => ({ code: status.INVALID_ARGUMENT, details: 'refused', status: refusal });
    const ran = await assent(['policy', 'push', join(cwd, '.assent', 'dev', 'README')], { cwd });
    expect(ran.stderr).toBe(
      'assent: refused (INVALID_ARGUMENT)\n  the bundle is not gzip\n  a.rego:1:2: is odd\n',
    );
  });

  test('test runs the tests, and holds them to a coverage', async () => {
    const good = await assent(['policy', 'test', FINANCE, '--min-coverage', '90', '--json'], { cwd });
    const { ok, costs } = JSON.parse(good.stdout) as { ok: boolean; costs: { rules: unknown[] } };
    expect(ok).toBe(true);
    expect(costs.rules).toContainEqual(
      expect.objectContaining({
        rule: 'rules.payments.allow',
        file: 'payments.rego',
        mean_us: expect.any(Number),
      }),
    );
    expect(good.code).toBe(0);
  }, 60_000);

  test('test names the line and column of what failed, and prints no cost', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'assent-cli-'));
    writeFileSync(join(folder, 'manifest.json'), '{"name": "small", "codes": ["policy.x"], "data": []}');
    writeFileSync(
      join(folder, 'a.rego'),
      'package rules.a\n\nallow contains {"code": "policy.x"} if false\n',
    );
    const asking = 'test_no if count(data.rules.a.allow) == 1';
    writeFileSync(join(folder, 'a_test.rego'), `package rules.a_test\n\n${asking}\n`);
    const tested = await assent(['policy', 'test', folder], { cwd });
    const built = await assent(['policy', 'build', folder, '--out', join(folder, 'out')], { cwd });
    const wrote = existsSync(join(folder, 'out'));
    rmSync(folder, { recursive: true });
    expect(tested.code).toBe(1);
    expect(tested.stdout).toMatch(
      /^FAIL +rules\.a_test\.test_no .* a_test\.rego:3:12: does not hold: count/m,
    );
    expect(tested.stdout).not.toContain('cost');
    expect([built.code, wrote]).toEqual([1, false]);
    expect(built.stdout).toMatch(/^a_test\.rego:3:12: the test `test_no` fails/m);
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
