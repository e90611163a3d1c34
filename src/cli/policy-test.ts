import type { Command } from 'commander';
import { type CommonOptions, command, run } from './command.ts';
import { EXIT, UsageError } from './exit.ts';
import { print, table } from './output.ts';
import { problemLine } from './policy-text.ts';
import { withProgress } from './progress.ts';
import { sourcesOf } from './sources.ts';

const EXAMPLE = `assent policy test policies/finance --min-coverage 90`;

interface Options extends CommonOptions {
  readonly minCoverage: string;
}

export function policyTestCommand(): Command {
  return command('test', "run a folder's Rego tests, with coverage, here and now", EXAMPLE)
    .argument('<folder>', 'with `*.rego`, `manifest.json` and `data.json`')
    .option('--min-coverage <percent>', 'fail below this coverage of the rules', '0')
    .action(
      run(async (folder: string, { json, minCoverage }: Options) => {
        const least = Number(minCoverage);
        if (!(least >= 0 && least <= 100)) throw new UsageError('--min-coverage is a number from 0 to 100');
        const sources = await sourcesOf(folder);
        const { createCompiler } = await import('../policy/compile.ts');
        const report = await withProgress('testing', () => createCompiler().test(sources));
        const { percent, files } = report.coverage;
        const failed = report.tests.filter(({ pass }) => !pass);
        const rows = report.tests.map(({ pass, package: pack, name, duration_us: us, error }) => [
          pass ? 'ok' : 'FAIL',
          `${pack}.${name}`,
          `${us} us`,
          error ?? '',
        ]);
        const missed = files
          .filter(({ uncovered }) => uncovered.length > 0)
          .map(({ file, uncovered }) => `not reached: ${file} lines ${uncovered.join(', ')}`);
        print(json, report, [
          ...[...report.problems, ...report.warnings].map(problemLine),
          ...table(rows),
          ...missed,
          `${report.tests.length - failed.length} passed, ${failed.length} failed, ${percent} % of the rules' lines reached`,
        ]);
        return report.ok && percent >= least ? EXIT.ok : EXIT.failed;
      }),
    );
}
