import { statSync } from 'node:fs';
import type { Command } from 'commander';
import type { BundleContent } from '../client/client.ts';
import { readBytes } from './arguments.ts';
import { type CommonOptions, command, run } from './command.ts';
import { type ConnectOptions, withClient, withConnection } from './connect.ts';
import { print, table } from './output.ts';
import { activationRow, keptLines } from './policy-text.ts';
import { withProgress } from './progress.ts';
import { sourcesOf } from './sources.ts';

const EXAMPLE = `npx assent policy push policies/finance
npx assent policy push finance.bundle --validate-only`;

interface Options extends CommonOptions, ConnectOptions {
  readonly validateOnly?: boolean;
  readonly allowUntested?: boolean;
}

export function policyPushCommand(): Command {
  const description =
    'compile, test and activate rules on a server; a bad bundle is refused, the active one stays';
  return withConnection(command('push', description, EXAMPLE))
    .argument('<path>', 'a folder of Rego, or a bundle file')
    .option('--validate-only', 'compile and test, but do not activate')
    .option(
      '--allow-untested',
      'take a bundle that has no test; the record of the push says `tests_passed: 0`',
    )
    .action(
      run(async (path: string, options: Options) => {
        const content = await contentOf(path);
        const { validateOnly = false, allowUntested = false } = options;
        const pushed = await withProgress(
          'compiling, testing and activating',
          () => withClient(options, (client) => client.pushBundle(content, { validateOnly, allowUntested })),
          options.json,
        );
        const { activation, testsPassed, coveragePercent, keptData } = pushed;
        print(options.json, pushed, [
          ...table([activationRow(activation)]),
          `${testsPassed} tests passed, ${coveragePercent} % of the rules' lines reached`,
          ...keptLines(keptData),
          validateOnly ? 'valid; nothing was activated' : 'in force',
        ]);
      }),
    );
}

async function contentOf(path: string): Promise<BundleContent> {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder) return { kind: 'sources', files: await sourcesOf(path) };
  return { kind: 'bundle', bytes: readBytes(path) };
}
