import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { AuthorizationService } from '../../src/gen/assent/v1/authorization_pb.js';
import { PolicyService } from '../../src/gen/assent/v1/policy_pb.js';
import { SessionService } from '../../src/gen/assent/v1/session_pb.js';
import type { Role } from '../../src/model/ask.ts';
import { namesOf } from '../../src/wire/grpc/access.ts';
import { createPepRegistry, parsePepConfig } from '../../src/wire/pep.ts';
import { ALL_ROLES, AUTHORIZE, asIs, askBytes, KEY, registration, replyOf, serve } from './harness.ts';

/** As the contract's comments say it, method by method. */
const ROLES: Readonly<Record<string, readonly Role[]>> = {
  Authorize: ['asker'],
  BatchAuthorize: ['asker'],
  Report: ['asker'],
  OpenSession: ['opener'],
  AmendSession: ['opener'],
  CloseSession: ['opener'],
  SuspendSession: ['admin'],
  ResumeSession: ['admin'],
  GetSession: ['opener', 'details', 'admin'],
  ListSessions: ['opener', 'details', 'admin'],
  PushBundle: ['author'],
  RollbackBundle: ['author'],
  PatchData: ['security'],
  ListBundles: ['author', 'security', 'admin'],
  GetData: ['author', 'security', 'admin'],
};
const METHODS = [AuthorizationService, SessionService, PolicyService]
  .flatMap(({ methods }) => methods)
  .filter(({ methodKind }) => methodKind === 'unary');

test('every unary method has its roles in the table above', () => {
  expect(METHODS.map(({ name }) => name).toSorted()).toEqual(Object.keys(ROLES).toSorted());
});

test.each(METHODS.map((method) => [method.name, `/${method.parent.typeName}/${method.name}`] as const))(
  '%s is for its roles alone',
  async (name, path) => {
    const keyOf = (role: Role): string => `the-key-of-somebody-who-is-${role}`;
    const house = await serve({
      registrations: ALL_ROLES.map((role) => registration(role, keyOf(role), [role])),
    });
    for (const role of ALL_ROLES) {
      // An empty request gets as far as its fields, or further, once the role is right.
      const { code } = await house.call(path, new Uint8Array(), { key: keyOf(role) });
      if (ROLES[name]?.includes(role)) expect(['OK', 'INVALID_ARGUMENT']).toContain(code);
      else expect(code, role).toBe('PERMISSION_DENIED');
    }
    expect((await house.call(path, new Uint8Array(), { key: null })).code).toBe('UNAUTHENTICATED');
  },
);

const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  ['no header', []],
  ['an empty header', ['']],
  ['a scheme alone', ['Bearer']],
  ['a scheme and a blank', ['Bearer ']],
  ['another scheme', [`Basic ${KEY}`]],
  ['a key without a scheme', [KEY]],
  ['a key that begins right', [`Bearer ${KEY.slice(0, -1)}`]],
  ['a key with more behind it', [`Bearer ${KEY}x`]],
  ['a key and another word', [`Bearer ${KEY} ${KEY}`]],
  ['the digest of a key', [`Bearer ${createHash('sha256').update(KEY).digest('hex')}`]],
  ['a very long key', [`Bearer ${'k'.repeat(4000)}`]],
];

test.each(HEADERS)('%s is UNAUTHENTICATED, without telling why', async (_, values) => {
  const house = await serve();
  const metadata = new Metadata();
  for (const value of values) metadata.add('authorization', value);
  const reply = await new Promise<ReturnType<typeof replyOf> | undefined>((resolve) => {
    house.client().makeUnaryRequest(AUTHORIZE, asIs, asIs, Buffer.from(askBytes()), metadata, (error) => {
      resolve(error === null ? undefined : replyOf(error));
    });
  });
  expect(reply).toMatchObject({
    code: 'UNAUTHENTICATED',
    reason: 'CALLER_NOT_AUTHENTICATED',
    message: 'no registered enforcement point is shown',
  });
  expect(house.asks).toHaveLength(0);
  expect(JSON.stringify(house.lines)).not.toContain(KEY);
});

test('the right key works in any case of its scheme', async () => {
  const house = await serve();
  const metadata = new Metadata();
  metadata.set('authorization', `bearer ${KEY}`);
  const error = await new Promise((resolve) => {
    house.client().makeUnaryRequest(AUTHORIZE, asIs, asIs, Buffer.from(askBytes()), metadata, resolve);
  });
  expect(error).toBeNull();
});

test('names come from DNS and URI entries only, and a quoted one spoils them all', () => {
  expect(namesOf('DNS:Pep.example, URI:spiffe://acme/pep, IP Address:127.0.0.1, email:a@b')).toEqual([
    'pep.example',
    'spiffe://acme/pep',
  ]);
  expect(namesOf('')).toEqual([]);
  expect(namesOf('DNS:"evil, DNS:pep.example"')).toEqual([]);
  expect(namesOf('DNS:*.example')).toEqual([]);
  expect(namesOf('DNS:spiffe://acme/pep')).toEqual([]);
  expect(namesOf('dirName:DNS:pep.example')).toEqual([]);
});

test('a certificate that names two enforcement points proves to be neither', () => {
  const proof = (name: string) => ({ kind: 'certificate' as const, name });
  const registry = createPepRegistry([
    { id: 'one', tenant: 't', roles: ['asker'], proof: proof('one.example') },
    { id: 'two', tenant: 't', roles: ['asker'], proof: proof('two.example') },
  ]);
  expect(registry.byNames(['one.example', 'unknown.example'])?.id).toBe('one');
  expect(registry.byNames(['one.example', 'two.example'])).toBeUndefined();
  expect(registry.byNames([])).toBeUndefined();
  expect(registry.byKey('one.example')).toBeUndefined();
});

function inFile(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'assent-pep-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'key');
  writeFileSync(file, text);
  return file;
}

const SHA = 'ab'.repeat(32);
const fine = { id: 'p', tenant: 't', roles: ['asker'], key_sha256: SHA };

test('registrations are read with a key by file, by digest, or with a certificate name', () => {
  const read = parsePepConfig([
    { id: 'file', tenant: 't', roles: ['asker', 'opener'], key_file: inFile(`  ${KEY}\n`) },
    { ...fine, id: 'digest' },
    { id: 'cert', tenant: 't', roles: ['admin'], mtls_name: 'spiffe://acme/pep' },
  ]);
  const registry = createPepRegistry(read);
  expect(registry.byKey(KEY)).toMatchObject({ id: 'file', tenant: 't', roles: new Set(['asker', 'opener']) });
  expect(registry.byNames(['spiffe://acme/pep'])?.id).toBe('cert');
  expect(read[1]?.proof).toEqual({ kind: 'key', sha256: Buffer.from(SHA, 'hex') });
});

test.each([
  ['OTHER.Example', 'DNS:other.example'],
  ['other.example', 'DNS:OTHER.EXAMPLE'],
  ['spiffe://Acme/PEP', 'URI:spiffe://Acme/PEP'],
])('a registration of %s is that of who shows %s', (name, shown) => {
  const registry = createPepRegistry(
    parsePepConfig([{ id: 'cert', tenant: 't', roles: ['admin'], mtls_name: name }]),
  );
  expect(registry.byNames(namesOf(shown))?.id).toBe('cert');
});

test.each([
  '*.example',
  '*',
  'one example',
  'one..example',
  '.example',
  'bücher.example',
  'spiffe://acme/a pep',
  'spiffe://acme/a,b',
  'spiffe://acme/"a"',
  '://acme',
])('a registration of `%s`, which no certificate could show, does not start', (name) => {
  expect(namesOf(`DNS:${name}, URI:${name}`)).not.toContain(name);
  const section = [{ id: 'cert', tenant: 't', roles: ['admin'], mtls_name: name }];
  expect(() => parsePepConfig(section)).toThrow(
    '`enforcement_points[0].mtls_name` must be a dns name without `*`, or a uri',
  );
});

const BAD_SECTIONS: readonly (readonly [string, unknown, RegExp])[] = [
  ['nothing', undefined, /`enforcement_points` must be a list/],
  ['nobody', [], /`enforcement_points` must name at least one/],
  ['an unknown key', [{ ...fine, secret: 'x' }], /`enforcement_points\[0\]\.secret` is not a known key/],
  ['no id', [{ ...fine, id: '' }], /`enforcement_points\[0\]\.id`/],
  ['an id with a blank', [{ ...fine, id: 'a b' }], /`enforcement_points\[0\]\.id`/],
  ['no tenant', [{ ...fine, tenant: undefined }], /`enforcement_points\[0\]\.tenant`/],
  ['no roles', [{ ...fine, roles: [] }], /`enforcement_points\[0\]\.roles` must name/],
  ['an unknown role', [{ ...fine, roles: ['root'] }], /`enforcement_points\[0\]\.roles` may hold only/],
  ['no proof', [{ ...fine, key_sha256: undefined }], /exactly one of/],
  ['two proofs', [{ ...fine, mtls_name: 'x' }], /exactly one of/],
  [
    'a digest in upper case',
    [{ ...fine, key_sha256: SHA.toUpperCase() }],
    /`enforcement_points\[0\]\.key_sha256`/,
  ],
  [
    'a key file that is not there',
    [{ ...fine, key_sha256: undefined, key_file: '/nowhere/key' }],
    /`enforcement_points\[0\]\.key_file` cannot be read/,
  ],
  [
    'one id twice',
    [fine, { ...fine, key_sha256: 'cd'.repeat(32) }],
    /`enforcement_points\[1\]` has the same id/,
  ],
  [
    'one certificate name twice',
    ['one.example', 'ONE.example'].map((name, index) => ({
      id: `p${index}`,
      tenant: 't',
      roles: ['asker'],
      mtls_name: name,
    })),
    /`enforcement_points\[1\]` has the same proof/,
  ],
  ['one key twice', [fine, { ...fine, id: 'q' }], /`enforcement_points\[1\]` has the same proof/],
];

test.each(BAD_SECTIONS)('a section with %s does not start', (_, section, problem) => {
  expect(() => parsePepConfig(section)).toThrow(problem);
});

test('a key that can be guessed does not start', () => {
  const section = [{ id: 'p', tenant: 't', roles: ['asker'], key_file: inFile('short\n') }];
  expect(() => parsePepConfig(section)).toThrow(/22 to 512 visible ascii/);
});
