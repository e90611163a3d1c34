import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import {
  AssentError,
  type Client,
  type ClientOptions,
  createClient,
  type Failure,
} from '../client/client.ts';
import { readText } from './arguments.ts';
import { DEV_DIRECTORY } from './dev-material.ts';
import { NotReached, UsageError } from './exit.ts';
import { readSettings } from './settings.ts';

/** Options of every command that talks to a server. */
export interface ConnectOptions {
  readonly address?: string;
  readonly keyFile?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly certKey?: string;
  readonly serverName?: string;
}

const DEFAULT_ADDRESS = '127.0.0.1:7443';

export function withConnection(command: Command): Command {
  return command
    .option(
      '--address <host:port>',
      'server to talk to (else $ASSENT_ADDRESS, else the development server here)',
    )
    .option(
      '--key-file <file>',
      "file with the enforcement point's key (else $ASSENT_KEY_FILE, else the development key)",
    )
    .option('--ca <file>', 'connect by TLS, and trust the authorities in this PEM file')
    .option('--cert <file>', 'TLS client certificate, PEM')
    .option('--cert-key <file>', 'its key, PEM')
    .option('--server-name <name>', "name to expect in the server's certificate");
}

/** Runs `work` with a client, and closes it whatever happens. */
export async function withClient<T>(
  options: ConnectOptions,
  work: (client: Client) => Promise<T>,
  more: Partial<ClientOptions> = {},
): Promise<T> {
  const client = createClient({ ...connection(options), ...more });
  try {
    return await work(client);
  } catch (cause) {
    if (!(cause instanceof AssentError && unreached(cause))) throw cause;
    throw new NotReached(cause, reachHint(options));
  } finally {
    client.close();
  }
}

/** Whether nobody answered at all: who answers says a reason. */
export function unreached(failure: Failure | undefined): boolean {
  return (
    failure?.reason === '' && (failure.status === 'UNAVAILABLE' || failure.status === 'DEADLINE_EXCEEDED')
  );
}

/** What to do when nobody answers. */
export function reachHint(options: ConnectOptions): string {
  return `is \`npx assent serve\` running at \`${addressOf(options)}\`? --address HOST:PORT or $ASSENT_ADDRESS names another`;
}

function addressOf({ address }: ConnectOptions): string {
  return address ?? readSettings().address ?? devAddress();
}

/** @throws UsageError when nothing says who we are */
function connection(options: ConnectOptions): ClientOptions {
  const settings = readSettings();
  const { ca, cert, certKey, serverName } = options;
  if ((cert === undefined) !== (certKey === undefined))
    throw new UsageError('--cert and --cert-key come together');
  const tls = ca !== undefined || cert !== undefined || serverName !== undefined;
  const keyFile = options.keyFile ?? settings.keyFile ?? devFile('pep.key');
  if (keyFile === undefined && cert === undefined)
    throw new UsageError(
      'there is no key to show: give --key-file, or type this in the folder where `npx assent serve --dev` runs',
    );
  return {
    address: addressOf(options),
    ...(keyFile === undefined ? {} : { key: readText(keyFile).trim() }),
    ...(tls
      ? {
          tls: {
            ...(ca === undefined ? {} : { ca }),
            ...(cert === undefined ? {} : { cert }),
            ...(certKey === undefined ? {} : { key: certKey }),
            ...(serverName === undefined ? {} : { serverName }),
          },
        }
      : {}),
    timeoutMs: 5000,
  };
}

function devAddress(): string {
  const file = devFile('address');
  return file === undefined ? DEFAULT_ADDRESS : readText(file).trim();
}

function devFile(name: string): string | undefined {
  const path = join(DEV_DIRECTORY, name);
  return existsSync(path) ? path : undefined;
}
