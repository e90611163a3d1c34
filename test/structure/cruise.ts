/** A copy of the sources with breaches planted in it, held against the rules of the house. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

export interface Violation {
  readonly rule: string;
  /** Path of the importing file. */
  readonly from: string;
  /** Path of the imported file, or the name of the package. */
  readonly to: string;
}

/** Files outside of the sources, for the sources to import. */
export const OUTSIDE = ['package.json', 'test/policy/archive.ts', 'scripts/setup.mjs'];

/** Copies everything that the rules look at; the caller removes it. */
export function copySources(): string {
  const copy = mkdtempSync(join(tmpdir(), 'assent-rooms-'));
  for (const path of ['src', ...OUTSIDE, 'tsconfig.json', '.dependency-cruiser.cjs'])
    cpSync(join(root, path), join(copy, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** Has a file, new or not, import another one that is there (`src/…`) or a package. */
export function plant(copy: string, from: string, to: string): void {
  const path = relative(dirname(from), to);
  const specifier = !existsSync(join(copy, to)) ? to : path.startsWith('.') ? path : `./${path}`;
  appendFileSync(join(copy, from), `\nimport '${specifier}';\n`);
}

/** Runs the rules of the house over the copy. */
export function cruise(copy: string): {
  readonly violations: readonly Violation[];
  readonly modules: number;
} {
  const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  const done = spawnSync(
    process.execPath,
    [program, '--config', '.dependency-cruiser.cjs', '-T', 'json', 'src'],
    { cwd: copy, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
  );
  const { summary, modules } = JSON.parse(done.stdout) as {
    summary: { violations: { rule: { name: string }; from: string; to: string }[] };
    modules: unknown[];
  };
  return {
    violations: summary.violations.map(({ rule, from, to }) => {
      const [, pack = to] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(to) ?? [];
      return { rule: rule.name, from, to: pack };
    }),
    modules: modules.length,
  };
}
