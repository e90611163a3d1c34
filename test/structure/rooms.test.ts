import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copySources, cruise, OUTSIDE, plant, root, type Violation } from './cruise.ts';

const { forbidden } = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs')) as {
  forbidden: readonly { readonly name: string }[];
};
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Readonly<Record<string, string>>;
};

/** Rule, the file that breaks it, and what that file imports. */
const BREACHES: readonly (readonly [string, string, string])[] = [
  ['sources-stand-alone', 'src/policy/judge.ts', 'test/policy/archive.ts'],
  ['sources-stand-alone', 'src/session/outside-breach.ts', 'package.json'],
  ['sources-stand-alone', 'src/cli/outside-breach.ts', 'scripts/setup.mjs'],
  ['model-imports-nothing', 'src/model/breach.ts', 'src/decide.ts'],
  ['rooms-are-apart', 'src/token/breach.ts', 'src/policy/floors.ts'],
  ['walks-know-only-nouns', 'src/report.ts', 'src/session/memory.ts'],
  ['wire-translates', 'src/wire/breach.ts', 'src/policy/floors.ts'],
  ['client-stands-alone', 'src/client/breach.ts', 'src/decide.ts'],
  ['telemetry-watches', 'src/telemetry/breach.ts', 'src/policy/floors.ts'],
  ['config-gathers', 'src/config.ts', 'src/session/memory.ts'],
  ['redis-only-connects', 'src/redis.ts', 'src/session/memory.ts'],
  ['stores-name-drivers', 'src/stores.ts', 'src/session/session.ts'],
  ['dev-stands-alone', 'src/dev.ts', 'src/token/mint.ts'],
  ['gen-is-generated', 'src/gen/breach.ts', 'src/model/json.ts'],
  ['cli-is-a-client', 'src/cli/breach.ts', 'src/policy/floors.ts'],
  ['policy-is-built-by-its-commands', 'src/cli/ask-breach.ts', 'src/policy/compile.ts'],
  ['catalogs-are-drafted-by-their-command', 'src/cli/entry-breach.ts', 'src/catalog/parse.ts'],
  ['minting-is-dev-material', 'src/cli/mint-breach.ts', 'src/token/mint.ts'],
  ['gen-is-for-wires', 'src/session/gen-breach.ts', 'src/gen/assent/v1/session_pb.js'],
  ['gen-is-for-wires', 'src/model/gen-breach.ts', 'src/gen/assent/v1/session_pb.js'],
  ['main-is-the-top', 'src/cli/main-breach.ts', 'src/main.ts'],
  ['stores-are-opened-by-parts', 'src/cli/stores-breach.ts', 'src/stores.ts'],
  ['parts-are-for-main', 'src/cli/parts-breach.ts', 'src/parts.ts'],
  ['parts-carry-the-house', 'src/parts.ts', 'src/policy/floors.ts'],
  ['connections-are-for-stores', 'src/main.ts', 'src/redis.ts'],
  ['cli-is-imported-by-nobody', 'src/main.ts', 'src/cli/output.ts'],
  ['client-is-for-askers', 'src/main.ts', 'src/client/client.ts'],
  ['bufbuild-protobuf-has-owners', 'src/session/breach.ts', '@bufbuild/protobuf'],
  ['grpc-grpc-js-has-owners', 'src/session/breach.ts', '@grpc/grpc-js'],
  ['grpc-reflection-has-owners', 'src/client/breach.ts', '@grpc/reflection'],
  ['open-policy-agent-opa-wasm-has-owners', 'src/policy/breach.ts', '@open-policy-agent/opa-wasm'],
  ['commander-has-owners', 'src/token/breach.ts', 'commander'],
  ['ioredis-has-owners', 'src/policy/breach.ts', 'ioredis'],
  ['jose-has-owners', 'src/policy/breach.ts', 'jose'],
  ['lru-cache-has-owners', 'src/audit/breach.ts', 'lru-cache'],
  ['pino-has-owners', 'src/session/breach.ts', 'pino'],
  ['prom-client-has-owners', 'src/session/breach.ts', 'prom-client'],
  ['packages-are-in-the-table', 'src/session/breach.ts', 'typescript'],
  ['redis-is-connected-to-in-one-place', 'src/policy/redis-breach.ts', 'ioredis'],
  ['no-cycles', 'src/model/json-breach.ts', 'src/model/json.ts'],
];

/** What each part of src/ may import, of one file from every other part and of every package: nothing else. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  model: ['model'],
  token: ['token', 'model', 'jose', 'lru-cache'],
  session: ['session', 'model', 'lru-cache'],
  delegation: ['delegation', 'model', 'jose', 'lru-cache'],
  catalog: ['catalog', 'model'],
  provenance: ['provenance', 'model'],
  policy: ['policy', 'model', 'lru-cache'],
  audit: ['audit', 'model'],
  wire: ['wire', 'model', 'gen', '@bufbuild/protobuf', '@grpc/grpc-js', '@grpc/reflection'],
  telemetry: ['telemetry', 'model', 'decide.ts', 'pino', 'prom-client'],
  client: ['client', 'model', 'gen', '@bufbuild/protobuf', '@grpc/grpc-js'],
  cli: ['cli', 'client', 'model', 'dev.ts', 'commander'],
  gen: ['gen', '@bufbuild/protobuf'],
  'decide.ts': ['model'],
  'report.ts': ['model'],
  'sessions.ts': ['model'],
  'policies.ts': ['model'],
  'config.ts': ['model', 'settings.ts'],
  'settings.ts': ['model', 'config.ts'],
  'dev.ts': [],
  'redis.ts': ['ioredis'],
  'stores.ts': ['redis.ts'],
  'parts.ts': ['model', 'audit', 'telemetry', 'config.ts', 'stores.ts'],
  'main.ts': [
    ...['model', 'token', 'session', 'delegation', 'catalog', 'provenance', 'policy', 'audit', 'wire'],
    ...['telemetry', 'decide.ts', 'report.ts', 'sessions.ts', 'policies.ts', 'config.ts', 'settings.ts'],
    ...['dev.ts', 'parts.ts'],
  ],
};
/** The file of a part that the others try to import; a part that is a file is its own. */
const FACE: Readonly<Record<string, string>> = {
  model: 'src/model/json.ts',
  token: 'src/token/verify.ts',
  session: 'src/session/session.ts',
  delegation: 'src/delegation/verify.ts',
  catalog: 'src/catalog/parse.ts',
  provenance: 'src/provenance/provenance.ts',
  policy: 'src/policy/activate.ts',
  audit: 'src/audit/seal.ts',
  wire: 'src/wire/grpc/serve.ts',
  telemetry: 'src/telemetry/log.ts',
  client: 'src/client/client.ts',
  cli: 'src/cli/output.ts',
  gen: 'src/gen/assent/v1/session_pb.js',
};
const parts = Object.keys(MAY);
const targets = [
  ...parts.map((part) => [part, FACE[part] ?? `src/${part}`] as const),
  ...[...Object.keys(dependencies), 'typescript', ...OUTSIDE].map((pack) => [pack, pack] as const),
];
const importerOf = (part: string): string => (part.endsWith('.ts') ? `src/${part}` : `src/${part}/matrix.ts`);

const copies: string[] = [];
let clean: ReturnType<typeof cruise>;
let breached: readonly Violation[];
let crossed: readonly Violation[];

beforeAll(() => {
  const copy = () => {
    copies.push(copySources());
    return copies.at(-1) as string;
  };
  clean = cruise(copy());
  const withBreaches = copy();
  for (const [, from, to] of BREACHES) plant(withBreaches, from, to);
  // The way back of the cycle.
  plant(withBreaches, 'src/model/json.ts', 'src/model/json-breach.ts');
  breached = cruise(withBreaches).violations;
  const withAll = copy();
  for (const part of parts)
    for (const [target, to] of targets)
      if (target !== part || to !== importerOf(part)) plant(withAll, importerOf(part), to);
  crossed = cruise(withAll).violations.filter(({ rule }) => rule !== 'no-cycles');
}, 120_000);
afterAll(() => {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
});

test('the house keeps its own rules, and the check saw the house', () => {
  expect(clean.violations).toEqual([]);
  // A checker that reads nothing finds nothing wrong.
  expect(clean.modules).toBeGreaterThan(100);
});

test.each(BREACHES)('a planted breach of %s, by %s importing %s, is caught', (rule, from, to) => {
  expect(breached.filter((each) => each.from === from)).toContainEqual({ rule, from, to });
});

test('each rule has a planted breach', () => {
  const planted = new Set(BREACHES.map(([rule]) => rule));
  expect([...planted].sort()).toEqual(forbidden.map(({ name }) => name).sort());
});

test('each part of the sources is listed here', () => {
  expect(readdirSync(join(root, 'src')).sort()).toEqual([...parts].sort());
});

test.each(parts)('%s may import what is listed here, and nothing else', (part) => {
  const refused = new Set(crossed.filter(({ from }) => from === importerOf(part)).map(({ to }) => to));
  const allowed = targets
    .filter(([target, to]) => target !== part && !refused.has(to))
    .map(([target]) => target);
  const wanted = (MAY[part] ?? []).filter((target) => target !== part);
  expect(allowed.sort()).toEqual([...wanted].sort());
});
