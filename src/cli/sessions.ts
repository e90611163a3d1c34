import { Command } from 'commander';
import type { Client, SessionView } from '../client/client.ts';
import { wholeNumber } from './arguments.ts';
import { type CommonOptions, command, run } from './command.ts';
import { type ConnectOptions, withClient, withConnection } from './connect.ts';
import { type MandateOptions, mandateOf, withMandate } from './mandate-options.ts';
import { print, table, timeText } from './output.ts';
import { withProgress } from './progress.ts';
import { sessionLines } from './session-text.ts';

type Options = CommonOptions & ConnectOptions;

export function sessionsCommand(): Command {
  return new Command('sessions')
    .description('look at sessions and change them')
    .addHelpText('after', '\nExample:\n  npx assent sessions list')
    .addCommand(list())
    .addCommand(
      one(
        'show',
        'one session as it stands, with its last steps',
        'npx assent sessions show 8a1f…',
        (client, id) => client.getSession(id),
      ),
    )
    .addCommand(
      one<{ cause?: string }>(
        'suspend',
        'refuse every ask of a session until it is resumed',
        'npx assent sessions suspend 8a1f… --cause "odd payments"',
        (client, id, { cause }) => client.suspend(id, cause),
      ).option('--cause <text>', 'why, for the record'),
    )
    .addCommand(
      one('resume', 'take a suspension back', 'npx assent sessions resume 8a1f…', (client, id) =>
        client.resume(id),
      ),
    )
    .addCommand(
      withMandate(
        one<MandateOptions>(
          'amend',
          'replace the mandate of a session',
          "npx assent sessions amend 8a1f… --task invoice_run --action 'invoice.*' --limit payments=9000",
          (client, id, options) => client.amendSession(id, mandateOf(options)),
        ),
      ),
    );
}

/** A verb on one session that answers with the session. */
function one<O>(
  name: string,
  description: string,
  example: string,
  verb: (client: Client, id: string, options: O) => Promise<SessionView>,
): Command {
  return withConnection(command(name, description, example))
    .argument('<session>', 'id of the session')
    .action(
      run(async (id: string, options: Options & O) => {
        const session = await withProgress(
          `${name} ${id}`,
          () => withClient(options, (client) => verb(client, id, options)),
          options.json,
        );
        print(options.json, session, sessionLines(session));
      }),
    );
}

function list(): Command {
  return withConnection(command('list', 'sessions, newest first', 'npx assent sessions list --limit 10'))
    .option('--limit <count>', 'at most this many, 1 to 200', '50')
    .option('--page <token>', 'from where an earlier list ended')
    .action(
      run(async (options: Options & { readonly limit: string; readonly page?: string }) => {
        const size = wholeNumber(options.limit, '--limit', { least: 1, most: 200 });
        const page = await withProgress(
          'listing sessions',
          () => withClient(options, (client) => client.listSessions({ size, token: options.page ?? '' })),
          options.json,
        );
        const rows = page.sessions.map(({ id, state, mandate, openedAt, steps, denials }) => [
          id,
          state,
          timeText(openedAt),
          `${steps} steps, ${denials} denied`,
          mandate.taskType,
        ]);
        const more = page.nextToken === '' ? [] : [`more: npx assent sessions list --page ${page.nextToken}`];
        print(options.json, page, rows.length === 0 ? ['no sessions'] : [...table(rows), ...more]);
      }),
    );
}
