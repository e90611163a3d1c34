import type { Command } from 'commander';
import { type CommonOptions, command, run } from './command.ts';
import { EXIT, UsageError } from './exit.ts';
import { print } from './output.ts';
import { reportLines } from './policy-report.ts';
import { withProgress } from './progress.ts';
import { sourcesOf } from './sources.ts';

const EXAMPLE = `npx assent policy test policies/finance --min-coverage 90`;

const NOTES = `
Besides the tests, each rule's cost: microseconds of one evaluation of that rule alone in the compiled module, as a
server on this machine would spend them, over up to 64 of the inputs that the tests ask with. Mean is over all of
them, most is the dearest. Helpers that a rule calls count in; reading the input does not, and has a line of its own.
Rules share what they call, so the whole is less than their sum. The time beside a test is that of OPA's interpreter
and says nothing about a server. glob.match and regex.* build an automaton at each call, which takes 2 to 20 us: rules
that reach one are marked.`;

interface Options extends CommonOptions {
  readonly minCoverage: string;
}

export function policyTestCommand(): Command {
  const description = "run a folder's Rego tests, with coverage and each rule's cost, here and now";
  return command('test', description, EXAMPLE)
    .argument('<folder>', 'with `*.rego`, `manifest.json` and `data.json`')
    .option('--min-coverage <percent>', 'fail below this coverage of the rules', '0')
    .addHelpText('after', NOTES)
    .action(
      run(async (folder: string, { json, minCoverage }: Options) => {
        const least = Number(minCoverage);
        if (!(least >= 0 && least <= 100)) throw new UsageError('--min-coverage is a number from 0 to 100');
        const sources = await sourcesOf(folder);
        const { createCompiler } = await import('../policy/compile.ts');
        const { measureCosts } = await import('../policy/cost.ts');
        const { report, probed } = await withProgress('testing', () => createCompiler().test(sources), json);
        const costs =
          probed === undefined
            ? undefined
            : await withProgress('measuring', () => measureCosts(probed, () => performance.now()), json);
        print(json, { ...report, costs: costs ?? null }, reportLines(report, costs));
        return report.ok && report.coverage.percent >= least ? EXIT.ok : EXIT.failed;
      }),
    );
}
