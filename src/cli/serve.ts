import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type CommonOptions, command, run } from './command.ts';
import { DEV_DIRECTORY } from './dev-material.ts';
import { EXIT, type ExitCode, UsageError } from './exit.ts';
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
        // Only this command needs the server: the others start faster without it.
        const { serve } = await import('../main.ts');
        const serving = await withProgress('starting', () =>
          serve({ config, dev, store, listen, telemetry, devDirectory: DEV_DIRECTORY, env: environment() }),
        );
        const [address = ''] = serving.addresses;
        if (dev) writeAddress(address);
        const { addresses } = serving;
        print(options.json, { addresses, telemetry: serving.telemetry, dev, pid: process.pid }, [
          `serving on ${addresses.join(', ')}`,
          ...(serving.telemetry === undefined ? [] : [`metrics on ${serving.telemetry}`]),
          ...(dev
            ? [`development only: throwaway keys in ${DEV_DIRECTORY}, no TLS`, 'next:  npx assent demo']
            : []),
        ]);
        return untilTold(() => serving.stop());
      }),
    );
}

/** Commands in this folder find the server by it. A crash before the rename leaves the old one. */
function writeAddress(address: string): void {
  const file = join(DEV_DIRECTORY, 'address');
  writeFileSync(`${file}.new`, `${address}\n`);
  renameSync(`${file}.new`, file);
}

/** The first signal drains and stops; a second one does not wait. */
async function untilTold(stop: () => Promise<void>): Promise<ExitCode> {
  const told = Promise.withResolvers<void>();
  let stopping = false;
  const signalled = (): void => {
    if (stopping) process.exit(EXIT.failed);
    stopping = true;
    told.resolve();
  };
  process.on('SIGINT', signalled);
  process.on('SIGTERM', signalled);
  await told.promise;
  process.stderr.write('draining; once more to stop at once\n');
  await stop();
  return EXIT.ok;
}
