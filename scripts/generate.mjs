// Writes what is generated and checked in: protobuf code and the example configuration.
// `--check` writes nothing and fails when a checked-in file is stale.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

const check = process.argv.includes('--check');
const scratch = mkdtempSync(join(tmpdir(), 'assent-generate-'));

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

const buf = spawnSync(
  resolve('node_modules/.bin/buf'),
  ['generate', '--output', scratch],
  // The plugin is a script for `node`, found on the PATH.
  { stdio: 'inherit', env: { ...process.env, PATH: `${resolve('node_modules/.bin')}:${process.env.PATH}` } },
);
if (buf.status !== 0) process.exit(1);
const fresh = join(scratch, 'src/gen');

const { configExample } = await import('../src/settings.ts');
const texts = [['config.example.jsonc', configExample()]];

const stale = [];
const names = new Set([...filesBelow(fresh), ...(existsSync('src/gen') ? filesBelow('src/gen') : [])]);
if (names.size === 0) stale.push('src/gen (nothing was generated)');
for (const name of names) {
  const [made, kept] = [join(fresh, name), join('src/gen', name)];
  if (!existsSync(made) || !existsSync(kept) || !readFileSync(made).equals(readFileSync(kept)))
    stale.push(kept);
}
for (const [path, text] of texts)
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) stale.push(path);

if (!check) {
  rmSync('src/gen', { recursive: true, force: true });
  cpSync(fresh, 'src/gen', { recursive: true });
  for (const [path, text] of texts) writeFileSync(path, text);
}
rmSync(scratch, { recursive: true, force: true });
if (check && stale.length > 0) {
  process.stdout.write(`stale, run \`npm run generate\`:\n${stale.map((path) => `  ${path}`).join('\n')}\n`);
  process.exit(1);
}
