import { join } from 'node:path';
import type { Command } from 'commander';
import { type CommonOptions, command, run } from './command.ts';
import { announce, withdraw } from './dev-address.ts';
import { DEV_DIRECTORY } from './dev-material.ts';
import { EXIT, UsageError } from './exit.ts';
import { print } from './output.ts';
import { withProgress } from './progress.ts';
import { environment } from './settings.ts';

interface Options extends CommonOptions {
  readonly config?: string;
  readonly dev?: boolean;
  readonly store?: string;
  readonly listen?: string;
  readonly telemetry?: string;
}

const EXAMPLE = `npx assent serve --dev
npx assent serve --config assent.json
npx assent serve --dev --store redis://127.0.0.1:6379`;

export function serveCommand(): Command {
  return command('serve', 'serve decisions until told to stop (Ctrl-C and SIGTERM drain first)', EXAMPLE)
    .option('--config <file>', 'configuration file (see config.example.jsonc)')
    .option('--dev', 'with throwaway keys below .assent/dev, on loopback, the finance policy loaded')
    .option('--store <url>', 'where sessions live: `redis://…`, or a path for the embedded store')
    .option('--listen <host:port>', 'where to listen, `unix:PATH` for a socket; default 127.0.0.1:7443')
    .option('--telemetry <host:port>', 'where to serve Prometheus metrics')
    .action(
      run(async (options: Options) => {
        const { config, dev = false, store, listen, telemetry } = options;
        if (config === undefined && !dev)
          throw new UsageError('give --config FILE, or --dev for a server with throwaway keys');
        // Before anything is there to be stopped: told while it starts, the server stops as soon as it has started.
        const told = untilTold();
        // Only this command needs the server: the others start faster without it.
        const { serve } = await import('../main.ts');
        const start = () =>
          serve({ config, dev, store, listen, telemetry, devDirectory: DEV_DIRECTORY, env: environment() });
        const serving = await withProgress('starting', start, true);
        const { addresses } = serving;
        const [address = ''] = addresses;
        const found = dev ? await announce(address) : undefined;
        print(options.json, { addresses, telemetry: serving.telemetry, dev, pid: process.pid }, [
          `serving on ${addresses.join(', ')}`,
          ...(serving.telemetry === undefined ? [] : [`metrics on ${serving.telemetry}`]),
          ...(found === undefined ? [] : devLines(address, found)),
        ]);
        await told;
        // Before it drains: what is typed from now on is not for this server.
        if (dev) withdraw(address);
        await serving.stop();
        return EXIT.ok;
      }),
    );
}

function devLines(address: string, found: string): string[] {
  const keys = `development only: throwaway keys in ${DEV_DIRECTORY}, no TLS`;
  return address === found
    ? [keys, 'next:  npx assent demo']
    : [
        keys,
        `commands in this folder go on talking to ${found}; for this server add --address ${address} --key-file ${join(DEV_DIRECTORY, 'pep.key')}`,
      ];
}

/** Resolves at the first signal, which drains and stops; a second one does not wait. */
function untilTold(): Promise<void> {
  const told = Promise.withResolvers<void>();
  let stopping = false;
  const signalled = (): void => {
    if (stopping) process.exit(EXIT.failed);
    stopping = true;
    process.stderr.write('draining; once more to stop at once\n');
    told.resolve();
  };
  process.on('SIGINT', signalled);
  process.on('SIGTERM', signalled);
  return told.promise;
}
