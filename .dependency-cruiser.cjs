// Who may import whom. A room is a folder of src/ that answers one question of the walk.
const rooms = 'token|delegation|session|provenance|catalog|policy|audit';

/** Package → the files that may import it. One that is not listed may be imported by nobody. */
const packages = {
  '@bufbuild/protobuf': '^src/(wire|client|gen)/',
  '@grpc/grpc-js': '^src/(wire|client)/',
  '@grpc/reflection': '^src/wire/',
  '@open-policy-agent/opa-wasm': '^src/policy/opa\\.ts$',
  commander: '^src/cli/',
  ioredis: '^src/((session|policy|token)/)?redis[^/]*\\.ts$',
  jose: '^src/(token|delegation)/',
  'lru-cache': '^src/(token|delegation|session|policy)/',
  pino: '^src/telemetry/',
  'prom-client': '^src/telemetry/',
};

const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: allowed },
});
const imported = (name, to, importers, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: '^src/', pathNot: importers },
  to: { path: to },
});
const owned = ([pack, owners]) =>
  imported(
    `${pack.replace('@', '').replace('/', '-')}-has-owners`,
    `node_modules/${pack}/`,
    owners,
    `${pack} is imported only by ${owners}`,
  );

module.exports = {
  forbidden: [
    {
      name: 'sources-stand-alone',
      comment:
        'what is published holds src/ and its packages: no test, no bench, no script, no file of the root',
      severity: 'error',
      from: { path: '^src/' },
      to: { pathNot: '^src/|node_modules/', dependencyTypesNot: ['core'] },
    },
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
      '^src/model/',
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
    only(
      'redis-only-connects',
      '^src/redis\\.ts$',
      '^src/session/redis-url\\.ts$',
      'what it connects to is read by the config',
    ),
    only(
      'stores-name-drivers',
      '^src/stores\\.ts$',
      '^src/(redis|session/config|(session|policy)/(memory|redis|sqlite|store)|token/(redis|replay[a-z-]*))\\.ts$',
      'it opens them, and knows no room',
    ),
    only(
      'parts-carry-the-house',
      '^src/parts\\.ts$',
      '^src/(audit|telemetry|model)/|^src/(config|stores)\\.ts$',
      'they know no room that decides',
    ),
    only('dev-stands-alone', '^src/dev\\.ts$', '^$', 'throwaway keys are of no room'),
    only('gen-is-generated', '^src/gen/', '^src/gen/', 'it knows what protoc knew'),

    // The command line is a client; what it does in place, without a server, has a file each.
    only(
      'cli-is-a-client',
      '^src/cli/',
      '^src/(cli|client|model)/|^src/(dev|main)\\.ts$|^src/policy/(compile[a-z-]*|cost|history)\\.ts$|^src/(token|delegation)/mint\\.ts$|^src/catalog/(parse\\.ts$|draft/)',
      'it asks over the wire, builds policy, drafts catalogs and mints throwaway material',
    ),
    {
      name: 'catalogs-are-drafted-by-their-command',
      comment: 'every other command asks a server about actions',
      severity: 'error',
      from: { path: '^src/cli/', pathNot: '^src/cli/catalog-[a-z-]*\\.ts$' },
      to: { path: '^src/catalog/' },
    },
    {
      name: 'policy-is-built-by-its-commands',
      comment: 'every other command asks a server about policy',
      severity: 'error',
      from: { path: '^src/cli/', pathNot: '^src/cli/(policy-(build|test|report)|sources)\\.ts$' },
      to: { path: '^src/policy/' },
    },
    {
      name: 'minting-is-dev-material',
      comment: 'tokens and hops are made in one file, for development',
      severity: 'error',
      from: { path: '^src/cli/', pathNot: '^src/cli/dev-material\\.ts$' },
      to: { path: '^src/(token|delegation)/' },
    },

    imported('gen-is-for-wires', '^src/gen/', '^src/(wire|client|gen)/', 'bytes end at the wire'),
    imported('main-is-the-top', '^src/main\\.ts$', '^src/cli/serve\\.ts$', 'only serve assembles the house'),
    imported(
      'stores-are-opened-by-parts',
      '^src/stores\\.ts$',
      '^src/parts\\.ts$',
      'everybody else gets stores handed in',
    ),
    imported('parts-are-for-main', '^src/parts\\.ts$', '^src/main\\.ts$', 'the house stands on them once'),
    imported(
      'connections-are-for-stores',
      '^src/redis\\.ts$',
      '^src/stores\\.ts$',
      'drivers get theirs handed in',
    ),
    imported('cli-is-imported-by-nobody', '^src/cli/', '^src/cli/', 'commands come last'),
    imported('client-is-for-askers', '^src/client/', '^src/(client|cli)/', 'the house asks itself nothing'),

    ...Object.entries(packages).map(owned),
    {
      name: 'packages-are-in-the-table',
      comment: 'a package that nobody owns is imported by nobody',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: 'node_modules/', pathNot: `node_modules/(${Object.keys(packages).join('|')})/` },
    },
    {
      name: 'redis-is-connected-to-in-one-place',
      comment: 'drivers know the type of a connection, src/redis.ts makes it',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/redis\\.ts$' },
      to: { path: 'node_modules/ioredis/', dependencyTypesNot: ['type-only'] },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
