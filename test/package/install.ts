import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

export const root: string = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

/** What a checkout holds, but for what tells a package's content from a checkout's: what is built or installed. */
const SOURCES = [
  '.gitignore',
  'bin',
  'bench/README.md',
  'docs',
  'examples',
  'policies',
  'proto',
  'scripts',
  'src',
  'test/scenarios',
  'tools',
  'ARCHITECTURE.md',
  'README.md',
  'SECURITY.md',
  'config.example.jsonc',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

/** Packs a copy of this checkout as `npm pack` does, `prepack` included; returns the tarball's path. */
export async function pack(scratch: string): Promise<string> {
  const checkout = join(scratch, 'checkout');
  for (const path of SOURCES) cpSync(join(root, path), join(checkout, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
  const project = readFileSync(join(root, 'tsconfig.package.json'), 'utf8');
  // The static checks look at the types; here they would cost most of the time.
  const unchecked = project.replace('"include"', '"compilerOptions": { "noCheck": true },\n  "include"');
  writeFileSync(join(checkout, 'tsconfig.package.json'), unchecked);
  await run('npm', ['pack', '--offline', '--pack-destination', scratch], {
    cwd: checkout,
    // Nothing of the user's own npm: no log, no cache, no look for a newer one.
    env: {
      PATH: process.env['PATH'] ?? '',
      npm_config_cache: join(scratch, 'npm'),
      npm_config_userconfig: join(scratch, 'npmrc'),
      npm_config_update_notifier: 'false',
    },
    timeout: 60_000,
  });
  const { name, version } = manifest();
  return join(scratch, `${name}-${version}.tgz`);
}

/** Puts the tarball below a project's `node_modules`, with what it depends on beside it and nothing more. */
export async function install(tarball: string, project: string): Promise<void> {
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, '.bin'), { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', modules], { timeout: 30_000 });
  renameSync(join(modules, 'package'), join(modules, 'assent'));
  symlinkSync('../assent/bin/assent.js', join(modules, '.bin/assent'));
  const { dependencies, optionalDependencies } = manifest();
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const installed = join(root, 'node_modules', name);
    if (!existsSync(installed)) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(installed, join(modules, name));
  }
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

export function manifest(): Manifest {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
}
