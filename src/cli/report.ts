import { type Command, Option } from 'commander';
import type { Report } from '../client/client.ts';
import { jsonValue, readBytes } from './arguments.ts';
import { type CommonOptions, command, run } from './command.ts';
import { type ConnectOptions, withClient, withConnection } from './connect.ts';
import { UsageError } from './exit.ts';
import { print } from './output.ts';
import { withProgress } from './progress.ts';

interface Options extends CommonOptions, ConnectOptions {
  readonly session?: string;
  readonly outcome: Report['outcome'];
  readonly output?: string;
  readonly outputFile?: string;
  readonly mediaType?: string;
  readonly proof?: string;
}

const EXAMPLE = `npx assent report 0197… --session 8a1f… --output '{"amount": "1200.00", "memo": "thanks"}'`;

export function reportCommand(): Command {
  return withConnection(
    command('report', 'tell what became of an allowed action, and what it brought', EXAMPLE),
  )
    .argument('<decision>', 'id of the decision')
    .option('--session <id>', 'its session (required)')
    .addOption(
      new Option('--outcome <outcome>', '`failed`: the effect cannot take place any more')
        .choices(['executed', 'failed', 'unknown'])
        .default('executed'),
    )
    .option('--output <json>', "the tool's output, JSON")
    .option('--output-file <file>', "the tool's output, any bytes; `-` reads stdin")
    .option('--media-type <type>', 'media type of --output-file (default: text/plain)')
    .option('--proof <text>', "the far side's proof that a failed effect did not take place")
    .action(
      run(async (decisionId: string, options: Options) => {
        const told = reportOf(decisionId, options);
        const answer = await withProgress(
          'reporting',
          () => withClient(options, (client) => client.report(told)),
          options.json,
        );
        print(options.json, answer, [`reported; ${answer.valuesRemembered} values remembered`]);
      }),
    );
}

function reportOf(decisionId: string, options: Options): Report {
  const { session, output, outputFile, mediaType, proof, outcome } = options;
  if (session === undefined) throw new UsageError('a report needs --session');
  if (output !== undefined && outputFile !== undefined)
    throw new UsageError('--output and --output-file say the same thing: give one');
  if (mediaType !== undefined && outputFile === undefined)
    throw new UsageError('--media-type is that of --output-file: give it too');
  return {
    decisionId,
    sessionId: session,
    outcome,
    ...(output === undefined ? {} : { output: jsonValue(output, '--output') }),
    ...(outputFile === undefined
      ? {}
      : { output: readBytes(outputFile), mediaType: mediaType ?? 'text/plain' }),
    ...(proof === undefined ? {} : { failureProof: proof }),
  };
}
