import { statSync } from 'node:fs';
import type { Command } from 'commander';
import type { BundleContent } from '../client/client.ts';
import { readBytes } from './arguments.ts';
import { type CommonOptions, command, run } from './command.ts';
import { type ConnectOptions, withClient, withConnection } from './connect.ts';
import { print, table } from './output.ts';
import { activationRow } from './policy-text.ts';
import { withProgress } from './progress.ts';
import { sourcesOf } from './sources.ts';

const EXAMPLE = `assent policy push policies/finance
assent policy push finance.bundle --validate-only`;

interface Options extends CommonOptions, ConnectOptions {
  readonly validateOnly?: boolean;
}

export function policyPushCommand(): Command {
  const description =
    'compile, test and activate rules on a server; a bad bundle is refused, the active one stays';
  return withConnection(command('push', description, EXAMPLE))
    .argument('<path>', 'a folder of Rego, or a bundle file')
    .option('--validate-only', 'compile and test, but do not activate')
    .action(
      run(async (path: string, options: Options) => {
        const content = await contentOf(path);
        const pushed = await withProgress('compiling, testing and activating', () =>
          withClient(options, (client) => client.pushBundle(content, options.validateOnly)),
        );
        const { activation, testsPassed, coveragePercent } = pushed;
        print(options.json, pushed, [
          ...table([activationRow(activation)]),
          `${testsPassed} tests passed, ${coveragePercent} % of the rules' lines reached`,
          options.validateOnly === true ? 'valid; nothing was activated' : 'in force',
        ]);
      }),
    );
}

async function contentOf(path: string): Promise<BundleContent> {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder) return { kind: 'sources', files: await sourcesOf(path) };
  return { kind: 'bundle', bytes: readBytes(path) };
}
