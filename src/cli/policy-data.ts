import { Command } from 'commander';
import type { Client } from '../client/client.ts';
import { jsonValue, wholeNumber } from './arguments.ts';
import { type CommonOptions, command, run } from './command.ts';
import { type ConnectOptions, withClient, withConnection } from './connect.ts';
import { print } from './output.ts';
import { withProgress } from './progress.ts';

type Options = CommonOptions & ConnectOptions & { readonly expectVersion?: string };

export function policyDataCommand(): Command {
  return new Command('data')
    .description('the data that rules judge by: blocklists, limits')
    .addHelpText('after', '\nExample:\n  npx assent policy data patch finance/blocked_vendors/acme true')
    .addCommand(get())
    .addCommand(patch())
    .addCommand(remove());
}

function get(): Command {
  return withConnection(
    command('get', 'data as it stands', 'npx assent policy data get finance/blocked_vendors'),
  )
    .argument('[path]', 'below `data`; absent: all of it')
    .action(
      run(async (path: string | undefined, options: Options) => {
        const data = await withProgress(
          'reading data',
          () => withClient(options, (client) => client.getData(path)),
          options.json,
        );
        print(options.json, data, [JSON.stringify(data.value, null, 2)]);
      }),
    );
}

function patch(): Command {
  const example = `npx assent policy data patch finance/blocked_vendors/acme true
npx assent policy data patch finance/blocked_vendors @blocklist.json`;
  return changing('patch', 'put a JSON value in the place of what is there; in force at once', example)
    .argument('<path>', 'below `data`')
    .argument('<json>', 'the value, or `@file`')
    .action(
      run(async (path: string, json: string, options: Options) => {
        const value = jsonValue(json, 'the value');
        await change(options, (client, expected) => client.patchData(path, { value }, expected));
      }),
    );
}

function remove(): Command {
  return changing(
    'remove',
    'take a value away; in force at once, and no push brings it back',
    'npx assent policy data remove finance/blocked_vendors/acme',
  )
    .argument('<path>', 'below `data`')
    .action(
      run(async (path: string, options: Options) => {
        await change(options, (client, expected) => client.patchData(path, { remove: true }, expected));
      }),
    );
}

function changing(name: string, description: string, example: string): Command {
  return withConnection(command(name, description, example)).option(
    '--expect-version <number>',
    'refuse unless the data has this version',
  );
}

async function change(
  options: Options,
  verb: (client: Client, expected: number | undefined) => Promise<number>,
): Promise<void> {
  const expected =
    options.expectVersion === undefined ? undefined : wholeNumber(options.expectVersion, '--expect-version');
  const version = await withProgress(
    'changing data',
    () => withClient(options, (client) => verb(client, expected)),
    options.json,
  );
  print(options.json, { version }, [`data is at version ${version}`]);
}
