import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type CommonOptions, command, run } from './command.ts';
import { EXIT } from './exit.ts';
import { print } from './output.ts';
import { problemLine } from './policy-text.ts';
import { withProgress } from './progress.ts';
import { sourcesOf } from './sources.ts';

const EXAMPLE = `assent policy build policies/finance --out finance.bundle`;

export function policyBuildCommand(): Command {
  return command('build', 'compile a folder of Rego into a bundle, here and now', EXAMPLE)
    .argument('<folder>', 'with `*.rego`, `manifest.json` and `data.json`')
    .option('--out <file>', 'where to write the bundle', 'policy.bundle')
    .action(
      run(async (folder: string, { json, out }: CommonOptions & { readonly out: string }) => {
        const sources = await sourcesOf(folder);
        const { createCompiler } = await import('../policy/compile.ts');
        const { packBundle } = await import('../policy/compile-bundle.ts');
        const made = await withProgress('compiling', () => createCompiler().compile(sources));
        if (!made.ok) {
          print(json, { ok: false, problems: made.problems }, made.problems.map(problemLine));
          return EXIT.failed;
        }
        const bytes = packBundle(made.bundle);
        writeFileSync(out, bytes);
        const { revision } = made.bundle;
        const result = { ok: true, revision, file: out, bytes: bytes.byteLength, warnings: made.warnings };
        print(json, result, [
          ...made.warnings.map(problemLine),
          `${out}: ${revision}, ${bytes.byteLength} bytes`,
        ]);
        return EXIT.ok;
      }),
    );
}
