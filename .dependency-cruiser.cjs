// Who may import whom. A room is a folder of src/ that answers one question of the walk.
const rooms = 'token|delegation|session|provenance|catalog|policy|audit';
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: allowed },
});
const owned = (name, pack, owners) => ({
  name: `${name}-has-owners`,
  comment: `${name} is imported only by ${owners}`,
  severity: 'error',
  from: { path: '^src/', pathNot: owners },
  to: { path: `node_modules/${pack}` },
});

module.exports = {
  forbidden: [
    only('model-imports-nothing', '^src/model/', '^src/model/', 'the nouns know nobody'),
    {
      name: 'rooms-are-apart',
      comment: 'a room imports itself and the nouns',
      severity: 'error',
      from: { path: `^src/(${rooms})/` },
      to: { path: '^src/', pathNot: '^src/(model|$1)/' },
    },
    only(
      'walks-know-only-nouns',
      '^src/(decide|sessions|report|policies)\\.ts$',
      '^src/(model/|decide\\.ts)',
      'a walk gets its rooms handed in',
    ),
    only('wire-translates', '^src/wire/', '^src/(model|gen|wire)/', 'a wire holds no opinion'),
    only('client-stands-alone', '^src/client/', '^src/(client|model|gen)/', 'it is published on its own'),
    only(
      'telemetry-watches',
      '^src/telemetry/',
      '^src/(telemetry|model)/|^src/decide\\.ts$',
      'observers wrap rooms, in main.ts',
    ),
    only(
      'config-gathers',
      '^src/(config|settings)\\.ts$',
      `^src/((${rooms})/config\\.ts|wire/pep\\.ts|model/|(config|settings)\\.ts)`,
      'each room parses its own section',
    ),
    {
      name: 'stores-are-opened-by-main',
      comment: 'everybody else gets stores handed in',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main|stores)\\.ts$' },
      to: { path: '^src/(stores|redis)\\.ts$' },
    },
    {
      name: 'main-is-the-top',
      comment: 'only the command that serves assembles the house',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/serve\\.ts$' },
      to: { path: '^src/main\\.ts$' },
    },
    owned('jose', 'jose/', '^src/(token|delegation)/|^src/main\\.ts$|^src/dev\\.ts$'),
    owned('ioredis', 'ioredis/', '/redis[^/]*\\.ts$'),
    {
      name: 'redis-is-connected-to-in-one-place',
      comment: 'drivers know the type of a connection, src/redis.ts makes it',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/redis\\.ts$' },
      to: { path: 'node_modules/ioredis/', dependencyTypesNot: ['type-only'] },
    },
    only(
      'redis-only-connects',
      '^src/redis\\.ts$',
      '^src/(redis|session/redis-url)\\.ts$',
      'what it connects to is read by the config',
    ),
    owned('opa-wasm', '@open-policy-agent/', '^src/policy/opa\\.ts$'),
    owned('grpc-js', '@grpc/', '^src/(wire|client)/'),
    owned('protobuf', '@bufbuild/protobuf', '^src/(wire|gen|client)/'),
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/gen/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
