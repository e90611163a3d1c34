import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type CommonOptions, command, run } from './command.ts';
import { EXIT } from './exit.ts';
import { print } from './output.ts';
import { problemLine } from './policy-text.ts';
import { withProgress } from './progress.ts';
import { sourcesOf } from './sources.ts';

const EXAMPLE = `npx assent policy build policies/finance --out finance.bundle`;

const NOTES = `
The tests run first; where one fails, or the compiled module answers otherwise than it saw, the bundle is not written.
It carries its sources and tests, so that a push runs them again, and what the tests asked with, so that a server warms
up with it. The revision printed is what push and list show for this file: the SHA-256 of its bytes.`;

export function policyBuildCommand(): Command {
  return command('build', 'test and compile a folder of Rego into a bundle, here and now', EXAMPLE)
    .argument('<folder>', 'with `*.rego`, `manifest.json` and `data.json`')
    .option('--out <file>', 'where to write the bundle', 'policy.bundle')
    .addHelpText('after', NOTES)
    .action(
      run(async (folder: string, { json, out }: CommonOptions & { readonly out: string }) => {
        const sources = await sourcesOf(folder);
        const { createCompiler } = await import('../policy/compile.ts');
        const { packBundle } = await import('../policy/compile-bundle.ts');
        const { revisionOf } = await import('../policy/history.ts');
        const made = await withProgress(
          'testing and compiling',
          () => createCompiler().compile(sources),
          json,
        );
        if (!made.ok) {
          print(json, { ok: false, problems: made.problems }, made.problems.map(problemLine));
          return EXIT.failed;
        }
        const { bundle, report } = made;
        const content = packBundle(bundle);
        writeBundle(out, content);
        const { warnings } = report;
        const tests = report.tests.length;
        const [revision, bytes] = [revisionOf(content), content.byteLength];
        print(json, { ok: true, name: bundle.manifest.name, revision, file: out, bytes, tests, warnings }, [
          ...warnings.map(problemLine),
          ...(tests > 0 ? [] : ['there is no test: a push refuses this bundle unless told --allow-untested']),
          `${out}: ${bundle.manifest.name}, ${bytes} bytes, ${tests} tests passed`,
          `revision ${revision}`,
        ]);
        return EXIT.ok;
      }),
    );
}

function writeBundle(path: string, content: Uint8Array): void {
  try {
    writeFileSync(path, content);
  } catch (cause) {
    throw new Error(`--out \`${path}\` cannot be written`, { cause });
  }
}
