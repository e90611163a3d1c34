import type { Command } from 'commander';
import { type CommonOptions, command, run } from './command.ts';
import { type ConnectOptions, withClient, withConnection } from './connect.ts';
import { type MandateOptions, mandateOf, withMandate } from './mandate-options.ts';
import { print } from './output.ts';
import { withProgress } from './progress.ts';
import { sessionLines } from './session-text.ts';

type Options = CommonOptions & ConnectOptions & MandateOptions & { readonly key?: string };

const EXAMPLE = `npx assent open --task invoice_run --purpose "pay invoice INV-17 of acme" \\
  --action 'invoice.*' --action payment.send --limit payments=5000 --declare invoice=INV-17`;

export function openCommand(): Command {
  return withConnection(withMandate(command('open', 'open a session under a mandate', EXAMPLE)))
    .option('--key <key>', 'the same key finds the same session again')
    .action(
      run(async (options: Options) => {
        const mandate = mandateOf(options);
        const session = await withProgress(
          'opening the session',
          () => withClient(options, (client) => client.openSession(mandate, options.key)),
          options.json,
        );
        print(options.json, session, sessionLines(session));
      }),
    );
}
