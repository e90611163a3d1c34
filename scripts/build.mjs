// Builds JavaScript into dist: all that is published, or with `--client` only what `assent/client` needs, which a
// checkout lacks. Runs on the Node that the machine has (18 or later).
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const compiler = join(root, 'node_modules/.bin/tsc');
const project = process.argv.includes('--client') ? 'tsconfig.build.json' : 'tsconfig.package.json';
const made = join(root, 'dist.tmp');

if (!existsSync(compiler)) {
  process.stderr.write('assent: there is no compiler yet: run `npm install` first\n');
  process.exit(1);
}
rmSync(made, { recursive: true, force: true });
const done = spawnSync(compiler, ['-p', project, '--outDir', made], { cwd: root, stdio: 'inherit' });
if (done.status !== 0) process.exit(1);
// tsc leaves JavaScript that brings its own declarations where it is.
cpSync(join(root, 'src/gen'), join(made, 'gen'), { recursive: true });
// Whole or not at all: a crash between the two leaves no dist, and the next build makes one.
rmSync(join(root, 'dist'), { recursive: true, force: true });
renameSync(made, join(root, 'dist'));
