// The whole test command: static checks, then every suite, with a real Redis where one can be had.
// `npm test -- test/session` runs the suites below that path only, without the static checks.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const only = process.argv.slice(2);
const inCi = process.env.CI === 'true';
const scratch = mkdtempSync(join(tmpdir(), 'assent-test-'));

function onPath(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Whether a Redis answers on a port of this machine. */
function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const done = (yes) => {
      socket.destroy();
      resolve(yes);
    };
    socket.setTimeout(1000, () => done(false));
    socket.once('error', () => done(false));
    socket.once('data', (bytes) => done(bytes.toString().startsWith('+PONG')));
  });
}

/** A Redis URL and how to end it; undefined where none can be had. */
async function redis() {
  const given = process.env.ASSENT_TEST_REDIS;
  if (given) return { url: given, stop: () => undefined };
  if (!onPath('redis-server') && inCi && process.getuid?.() === 0 && onPath('apt-get')) {
    process.stderr.write('assent: installing redis-server\n');
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore', timeout: 180_000 });
    spawnSync('apt-get', ['install', '-y', '-qq', 'redis-server'], {
      stdio: 'ignore',
      timeout: 300_000,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    });
  }
  if (!onPath('redis-server')) return undefined;
  const port = await freePort();
  const options = [
    '--port',
    port,
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    scratch,
  ];
  const server = spawn('redis-server', options.map(String), { stdio: 'ignore' });
  for (let i = 0; i < 100; i += 1) {
    if (await answers(port)) return { url: `redis://127.0.0.1:${port}`, stop: () => server.kill() };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  server.kill();
  return undefined;
}

/** Which suites could not run, for the closing line; empty: all could. */
function suitesWithoutRedis() {
  const startable = onPath('redis-server');
  if (store && startable) return '';
  if (store) return ' (those that start a Redis of their own: no redis-server on the PATH)';
  return startable
    ? ' (Redis suites: redis-server does not start)'
    : ' (the Redis suites: no redis-server on the PATH, no $ASSENT_TEST_REDIS)';
}

let failed = false;
if (only.length === 0) {
  const check = spawnSync(process.execPath, ['scripts/check.mjs'], { stdio: 'inherit' });
  failed = check.status !== 0;
}

const store = await redis();
const report = join(scratch, 'report.json');
const vitest = spawnSync(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...only,
  ],
  { stdio: 'inherit', env: { ...process.env, ...(store ? { ASSENT_TEST_REDIS: store.url } : {}) } },
);
store?.stop();
failed ||= vitest.status !== 0;

const totals = existsSync(report)
  ? JSON.parse(readFileSync(report, 'utf8'))
  : { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0, numTotalTestSuites: 0 };
rmSync(scratch, { recursive: true, force: true });
const skippedSuites = suitesWithoutRedis();
// A CI that silently tests one store of two would call main green while it is not.
if (skippedSuites !== '' && inCi) failed = true;
if (failed && totals.numFailedTests === 0) {
  process.stdout.write(
    skippedSuites !== '' && inCi
      ? 'with CI=true the Redis suites must run\n'
      : 'a check outside the suites failed: see above\n',
  );
  totals.numFailedTests = 1;
}
const { numPassedTests: passed, numFailedTests: bad, numPendingTests: skipped } = totals;
process.stdout.write(`tests: ${passed} passed, ${bad} failed, ${skipped} skipped${skippedSuites}\n`);
process.exit(failed || bad > 0 || passed === 0 ? 1 : 0);
