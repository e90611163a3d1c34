import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
let copy: string;

/** Runs the rules of the house over the copy. */
function cruise(): { readonly rules: readonly string[]; readonly modules: number } {
  const done = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
      '--config',
      '.dependency-cruiser.cjs',
      '-T',
      'json',
      'src',
    ],
    { cwd: copy, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
  );
  const { summary, modules } = JSON.parse(done.stdout) as {
    summary: { violations: { rule: { name: string } }[] };
    modules: unknown[];
  };
  return { rules: summary.violations.map(({ rule }) => rule.name), modules: modules.length };
}

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'assent-rooms-'));
  for (const path of ['src', 'package.json', 'tsconfig.json', '.dependency-cruiser.cjs'])
    cpSync(join(root, path), join(copy, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

test('the house keeps its own rules, and the check saw the house', () => {
  const { rules, modules } = cruise();
  expect(rules).toEqual([]);
  // A checker that reads nothing finds nothing wrong.
  expect(modules).toBeGreaterThan(100);
});

test.each([
  ['model-imports-nothing', 'src/model/breach.ts', '../decide.ts', 'decide'],
  ['rooms-are-apart', 'src/token/breach.ts', '../policy/floors.ts', 'holdFloors'],
  ['walks-know-only-nouns', 'src/report.ts', './session/memory.ts', 'createMemorySessionStore'],
  ['wire-translates', 'src/wire/breach.ts', '../policy/floors.ts', 'holdFloors'],
  ['client-stands-alone', 'src/client/breach.ts', '../decide.ts', 'decide'],
  ['telemetry-watches', 'src/telemetry/breach.ts', '../policy/floors.ts', 'holdFloors'],
  ['main-is-the-top', 'src/cli/breach.ts', '../main.ts', 'serve'],
  ['jose-has-owners', 'src/policy/breach.ts', 'jose', 'jwtVerify'],
  ['ioredis-has-owners', 'src/policy/breach.ts', 'ioredis', 'Redis'],
  ['redis-is-connected-to-in-one-place', 'src/policy/redis-breach.ts', 'ioredis', 'Redis'],
  ['redis-only-connects', 'src/redis.ts', './session/memory.ts', 'createMemorySessionStore'],
  ['stores-are-opened-by-main', 'src/cli/breach.ts', '../stores.ts', 'openStores'],
  ['opa-wasm-has-owners', 'src/session/breach.ts', '@open-policy-agent/opa-wasm', 'loadPolicy'],
  ['grpc-js-has-owners', 'src/session/breach.ts', '@grpc/grpc-js', 'Server'],
  ['protobuf-has-owners', 'src/session/breach.ts', '@bufbuild/protobuf', 'create'],
])('a planted breach of %s is caught', (rule, path, from, name) => {
  const original = path.endsWith('breach.ts') ? undefined : join(root, path);
  mkdirSync(dirname(join(copy, path)), { recursive: true });
  writeFileSync(
    join(copy, path),
    `import { ${name} } from '${from}';\nexport const planted: unknown = ${name};\n`,
  );
  try {
    expect(cruise().rules).toContain(rule);
  } finally {
    if (original === undefined) rmSync(join(copy, path));
    else cpSync(original, join(copy, path));
  }
});
