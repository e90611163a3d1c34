import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
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
import { devAddress } from './dev-address.ts';
import { DEV_DIRECTORY } from './dev-material.ts';
import { NotReached, UsageError } from './exit.ts';
import { listens } from './reach.ts';
import { readSettings } from './settings.ts';
import { type TlsOptions, tlsOf } from './tls-files.ts';

/** Options of every command that talks to a server. */
export interface ConnectOptions extends TlsOptions {
  readonly address?: string;
  readonly keyFile?: string;
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
      "file with the enforcement point's key (else $ASSENT_KEY_FILE; else, to the development server here, its key)",
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

function addressOf(options: ConnectOptions): string {
  return namedAddress(options) ?? devAddress() ?? DEFAULT_ADDRESS;
}

function namedAddress({ address }: ConnectOptions): string | undefined {
  return address ?? readSettings().address;
}

/**
 * The stream lane where it is asked for and somebody listens. A stream that nobody takes is tried until its time is
 * over; a single call tells at once that nobody is there.
 */
export async function laneOf(
  options: ConnectOptions & { readonly stream?: boolean },
): Promise<Pick<ClientOptions, 'lane'>> {
  return options.stream === true && (await listens(addressOf(options))) ? { lane: 'stream' } : {};
}

/** @throws UsageError when nothing says who we are; NotReached when only a development server would take our key */
function connection(options: ConnectOptions): ClientOptions {
  const { cert, serverName } = options;
  const tls = tlsOf(options);
  const address = addressOf(options);
  // To an address of numbers the gRPC library sends it as the server's name, and Node tells the user that it should not.
  if (tls !== undefined && serverName === undefined && isIP(hostOf(address)) > 0)
    process.noDeprecation = true;
  const keyFile =
    options.keyFile ?? readSettings().keyFile ?? (cert === undefined ? devKey(options) : undefined);
  return {
    address,
    ...(keyFile === undefined ? {} : { key: readText(keyFile).trim() }),
    ...(tls === undefined ? {} : { tls }),
    timeoutMs: 5000,
  };
}

/** The development key's file: for the development server of this folder, and shown to nobody else. */
function devKey(options: ConnectOptions): string {
  const file = join(DEV_DIRECTORY, 'pep.key');
  const [named, own] = [namedAddress(options), devAddress()];
  if (!existsSync(file))
    throw new UsageError(
      'there is no key to show: give --key-file, or type this in the folder where `npx assent serve --dev` runs',
    );
  if (own === undefined && named === undefined)
    throw new NotReached(
      new AssentError(NOBODY),
      'start one with `npx assent serve --dev`, or give --address and --key-file',
    );
  if (own !== (named ?? own))
    throw new UsageError(
      `there is no key to show to \`${named}\`: give --key-file; the development key is only for the development server of this folder${own === undefined ? '' : `, at \`${own}\``}`,
    );
  return file;
}

const NOBODY: Failure = {
  status: 'UNAVAILABLE',
  reason: '',
  message: 'no development server runs in this folder',
  fields: [],
  retryDelayMs: undefined,
};

function hostOf(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}
