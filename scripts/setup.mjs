// Brings a checkout to the point where everything runs: packages (Node 24 among them) and the built client.
// Runs on the Node that the machine has (18 or later); does nothing when there is nothing to do.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** SHA-256 over names and contents of the files below `paths`. */
function digestOf(paths) {
  const hash = createHash('sha256');
  const visit = (path) => {
    hash.update(`${path}\0`);
    hash.update(readFileSync(join(root, path)));
  };
  for (const path of paths) {
    if (!existsSync(join(root, path))) continue;
    if (!path.endsWith('/')) visit(path);
    else
      for (const entry of readdirSync(join(root, path), { recursive: true, withFileTypes: true }).sort(
        (a, b) => (a.name < b.name ? -1 : 1),
      ))
        if (entry.isFile()) visit(join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1));
  }
  return hash.digest('hex');
}

/** Runs `work` unless the stamp shows that it ran on these inputs; the stamp is written last. */
function once(name, digest, work) {
  const stamp = join(root, 'node_modules', `.assent-${name}`);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  work();
  writeFileSync(stamp, digest);
}

function run(what, command, args) {
  process.stderr.write(`assent: ${what} …\n`);
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (done.status !== 0) {
    process.stderr.write(`assent: ${what} failed; run \`${command} ${args.join(' ')}\` to see why\n`);
    process.exit(done.status ?? 1);
  }
}

/** npm 10 leaves this link out, because several of the optional packages that are not for this platform name it too. */
function linkNode() {
  const link = join(root, 'node_modules/.bin/node');
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const installed = Object.keys(optionalDependencies)
    .map((name) => join('..', name, 'bin', 'node'))
    .find((binary) => existsSync(join(root, 'node_modules/.bin', binary)));
  if (!existsSync(link) && installed !== undefined) symlinkSync(installed, link);
}

once('packages', digestOf(['package.json', 'package-lock.json']), () => {
  // Not saved: npm 10 would take fields out of the lock file that npm 11 put there.
  run('installing packages', 'npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
  linkNode();
  if (!existsSync(join(root, 'node_modules/.bin/node')) && Number(process.versions.node.split('.')[0]) < 24) {
    process.stderr.write(
      'assent: there is no packaged Node 24 for this platform; install Node 24 or later\n',
    );
    process.exit(1);
  }
});

// Without the folder the stamp says nothing: a build that was cut short leaves none.
if (!existsSync(join(root, 'dist/client/client.js')))
  rmSync(join(root, 'node_modules/.assent-client'), { force: true });
once(
  'client',
  digestOf(['tsconfig.json', 'tsconfig.build.json', 'src/client/', 'src/model/', 'src/gen/']),
  () => run('building assent/client', process.execPath, ['scripts/build.mjs', '--client']),
);
