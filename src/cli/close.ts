import type { Command } from 'commander';
import { type CommonOptions, command, run } from './command.ts';
import { type ConnectOptions, withClient, withConnection } from './connect.ts';
import { print } from './output.ts';
import { withProgress } from './progress.ts';
import { sessionLines } from './session-text.ts';

const EXAMPLE = `npx assent close 8a1f…`;

export function closeCommand(): Command {
  return withConnection(command('close', 'end a session: nothing is allowed in it any more', EXAMPLE))
    .argument('<session>', 'id of the session')
    .action(
      run(async (id: string, options: CommonOptions & ConnectOptions) => {
        const session = await withProgress(
          'closing the session',
          () => withClient(options, (client) => client.closeSession(id)),
          options.json,
        );
        print(options.json, session, sessionLines(session));
      }),
    );
}
