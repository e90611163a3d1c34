/**
 * What a decision costs, from the bare policy evaluation to the whole way over loopback, beside a bare echo.
 * `npm run bench` prints a table; `-- --json` one JSON object; `-- --smoke` runs each case for a moment, which
 * asserts every answer but measures nothing worth quoting. A case that fails is named, the others are measured all
 * the same, and the exit code is 1. bench/README.md says how to read the figures.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readFlags } from './flags.ts';
import { benchWalk, HARNESS } from './in-process.ts';
import { benchEcho, benchServer } from './over-wire.ts';
import { measurePatch, PATCH } from './patch.ts';
import { startRedis } from './remote.ts';
import { createReport, type Ratios, type Report, type Sizes } from './report.ts';
import { makeWorld } from './world.ts';

const USAGE = `npm run bench -- [--json] [--smoke]

measures what a decision costs; bench/README.md says what the figures are
  --json   one JSON object in place of the table
  --smoke  each case for a moment: is any answer wrong?`;

const FLAGS = { json: { type: 'boolean' }, smoke: { type: 'boolean' } } as const;
const { json = false, smoke = false } = readFlags(USAGE, FLAGS);

/** What a question costs is measured here, not how long a server waits: a busy machine must not end a case. */
const SESSION = { redis_timeout_ms: 2000 };

async function run(report: Report, directory: string): Promise<Sizes | undefined> {
  const catalog = fileURLToPath(new URL('../policies/catalog.json', import.meta.url));
  const dev = join(directory, 'dev');
  const world = makeWorld(dev, catalog);
  const configFile = join(directory, 'config.json');
  const config = { delegation: world.raw['delegation'], session: SESSION };
  writeFileSync(configFile, JSON.stringify(config));
  // Each replica has a record log of its own.
  const records = { directory: join(directory, 'second-records'), durability: 'os' };
  writeFileSync(`${configFile}.second`, JSON.stringify({ ...config, record_log: records }));

  const sizes = await report.part('cases of walk', () => benchWalk(report, world, join(directory, 'walk')));
  await report.part('cases of echo', async () => {
    if (sizes === undefined || sizes.answer === 0) throw new Error('no walk says how many bytes to echo');
    await benchEcho(report, sizes);
  });
  const server = { world, dev, configFile };
  await report.part('cases of embedded', () => benchServer(report, { ...server, label: 'embedded' }));
  const redis = await startRedis(directory);
  if (redis === undefined) {
    process.stderr.write('no redis-server on the PATH: its cases are left out\n');
    return sizes;
  }
  try {
    await report.part('cases of redis', () =>
      benchServer(report, { ...server, label: 'redis', store: redis.url }),
    );
    await report.part(PATCH, async () =>
      report.note(await measurePatch({ ...server, redis: `${redis.url}/1` }, smoke ? 2 : 10)),
    );
  } finally {
    redis.stop();
  }
  return sizes;
}

/** All with sixteen in flight but for what runs in one turn: see bench/README.md. */
function ratiosOf({ cpuOf }: Report): Ratios {
  const ratio = (a: number, b: number): number | null =>
    Number.isFinite(a / b) ? Math.round((a / b) * 100) / 100 : null;
  return {
    walk_evaluate: ratio(
      cpuOf('walk: allow, 1 KB input, 16 in flight') - cpuOf(HARNESS),
      cpuOf('evaluate: 1 KB input'),
    ),
    unary_echo: ratio(cpuOf('unary, embedded, 16 in flight'), cpuOf('echo unary, 16 in flight')),
    stream_echo: ratio(cpuOf('stream, embedded, 16 in flight'), cpuOf('echo stream, 16 in flight')),
  };
}

const directory = mkdtempSync(join(tmpdir(), 'assent-bench-'));
const report = createReport({ json, seconds: smoke ? 0.15 : 3 });
try {
  const sizes = await report.part('cases', () => run(report, directory));
  if (!report.end(ratiosOf(report), sizes)) process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
