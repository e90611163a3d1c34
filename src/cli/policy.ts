import { Command } from 'commander';
import { wholeNumber } from './arguments.ts';
import { type CommonOptions, command, run } from './command.ts';
import { type ConnectOptions, withClient, withConnection } from './connect.ts';
import { print, table } from './output.ts';
import { policyBuildCommand } from './policy-build.ts';
import { policyDataCommand } from './policy-data.ts';
import { policyPushCommand } from './policy-push.ts';
import { policyTestCommand } from './policy-test.ts';
import { activationRow } from './policy-text.ts';
import { withProgress } from './progress.ts';

type Options = CommonOptions & ConnectOptions;

export function policyCommand(): Command {
  return new Command('policy')
    .description('build, test and activate rules; change the data that they judge by')
    .addHelpText('after', '\nExample:\n  npx assent policy test policies/finance')
    .addCommand(policyBuildCommand())
    .addCommand(policyTestCommand())
    .addCommand(policyPushCommand())
    .addCommand(listCommand())
    .addCommand(rollbackCommand())
    .addCommand(policyDataCommand());
}

function listCommand(): Command {
  return withConnection(
    command('list', 'revisions, newest activation first', 'npx assent policy list --limit 5'),
  )
    .option('--limit <count>', 'at most this many, 1 to 200', '50')
    .option('--page <token>', 'from where an earlier list ended')
    .action(
      run(async (options: Options & { readonly limit: string; readonly page?: string }) => {
        const page = {
          size: wholeNumber(options.limit, '--limit', { least: 1, most: 200 }),
          token: options.page ?? '',
        };
        const listed = await withProgress(
          'listing revisions',
          () => withClient(options, (client) => client.listBundles(page)),
          options.json,
        );
        const more =
          listed.nextToken === '' ? [] : [`more: npx assent policy list --page ${listed.nextToken}`];
        print(options.json, listed, [...table(listed.activations.map(activationRow)), ...more]);
      }),
    );
}

function rollbackCommand(): Command {
  const example = `npx assent policy rollback
npx assent policy rollback 9f2c…`;
  return withConnection(command('rollback', 'activate an earlier revision; data stays as it is', example))
    .argument('[revision]', 'from the list; absent: the one that was active before')
    .action(
      run(async (revision: string | undefined, options: Options) => {
        const activation = await withProgress(
          'rolling back',
          () => withClient(options, (client) => client.rollback(revision)),
          options.json,
        );
        print(options.json, activation, table([activationRow(activation)]));
      }),
    );
}
