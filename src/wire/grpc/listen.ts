import { X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, readFileSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { createSecureContext } from 'node:tls';
import { type Server, ServerCredentials, setLogger } from '@grpc/grpc-js';
import { isLoopback } from '../../model/loopback.ts';

/** PEM files' contents, as the config's paths name them. */
export interface TlsMaterial {
  readonly key: Buffer;
  readonly cert: Buffer;
  /** Authorities whose client certificates are taken; with them every caller must show one (mutual TLS). */
  readonly clientCa?: Buffer;
}

export interface ListenOptions {
  readonly tls: TlsMaterial | undefined;
  /** Allows plaintext, on loopback only. */
  readonly dev: boolean;
}

const UNIX = 'unix:';
const TCP = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/;
const PROBE_MS = 1000;

/**
 * Binds one address: `127.0.0.1:7443`, `[::1]:0`, `unix:/run/assent.sock`. A Unix socket is plaintext, guarded
 * by its file mode; TCP is TLS, but for loopback with `dev`.
 * @returns the address as bound, with the port that 0 became
 * @throws Error naming the key and the address when it may not be served this way, or is taken
 */
export async function listenOn(
  server: Server,
  address: string,
  { tls, dev }: ListenOptions,
): Promise<string> {
  if (address.startsWith(UNIX)) {
    const path = address.slice(UNIX.length);
    // The system calls this, too, a lack of permission.
    if (!existsSync(dirname(path))) throw unusable(address, 'lies in a folder that does not exist');
    await removeStale(path);
    await bind(server, address, ServerCredentials.createInsecure());
    // Between bind and here the umask decides; whoever gets in still needs a key.
    chmodSync(path, 0o660);
    return address;
  }
  const [, v6, name, port] = TCP.exec(address) ?? [];
  const host = v6 === undefined ? name : `[${v6}]`;
  if (host === undefined || Number(port) > 65_535)
    throw unusable(address, 'is no address: write `host:port` or `unix:/path`');
  if (tls === undefined && !dev)
    throw unusable(address, 'needs `tls`: plaintext is for `--dev` and unix sockets');
  if (tls === undefined && !isLoopback(host))
    throw unusable(address, 'is not loopback: plaintext goes no further, even with `--dev`');
  const bound = await bind(
    server,
    address,
    tls === undefined ? ServerCredentials.createInsecure() : secure(tls),
  );
  return `${host}:${bound}`;
}

/** @throws Error when the files are not what they should be: the library would tell of it at every connection */
function secure({ key, cert, clientCa }: TlsMaterial): ServerCredentials {
  try {
    createSecureContext({ key, cert });
    // A context takes authorities that are none, and then trusts nobody.
    if (clientCa !== undefined) readAuthority(clientCa);
  } catch (cause) {
    throw new Error('`tls` does not hold a certificate, the key that belongs to it, and authorities', {
      cause,
    });
  }
  return ServerCredentials.createSsl(
    clientCa ?? null,
    [{ private_key: key, cert_chain: cert }],
    clientCa !== undefined,
  );
}

function readAuthority(pem: Buffer): X509Certificate {
  return new X509Certificate(pem);
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(refusedBind(address, error));
    });
  });
}

/** The library tells the system's reason in words alone, and wraps it in its own. */
function refusedBind(address: string, cause: Error): Error {
  if (cause.message.includes('EADDRINUSE'))
    return unusable(address, 'is in use: stop what listens there, or listen elsewhere');
  if (cause.message.includes('EADDRNOTAVAIL') || cause.message.includes('ENOTFOUND'))
    return unusable(address, 'is no address of this machine');
  if (cause.message.includes('EACCES')) return unusable(address, 'may not be listened on by this user');
  return unusable(address, 'cannot be listened on', cause);
}

/** Under the name of the key that lists it, whether it came from the file, the environment or a flag. */
function unusable(address: string, problem: string, cause?: Error): Error {
  return new Error(`\`listen\`: \`${address}\` ${problem}`, { cause });
}

/**
 * The library writes its errors straight to stderr: some a second time, some with metadata values in them, which
 * may be keys. All of them reach a callback or the caller too. What `GRPC_TRACE` asks for is still written.
 */
export function hushTransport(): void {
  const write = (...words: readonly unknown[]): void => console.error(...words);
  setLogger({ error: () => undefined, info: write, debug: write });
}

/** A socket that nobody answers on was left by a process that died; one that answers, or no socket, is kept. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw unusable(`${UNIX}${path}`, 'exists and is no socket');
  if (await answers(path)) throw unusable(`${UNIX}${path}`, 'is in use by a running process');
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    // Whoever is too busy to answer is alive.
    socket.setTimeout(PROBE_MS, () => done(true));
    socket.once('connect', () => done(true));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      done(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}

/** @throws Error naming the dotted key */
export function readPem(file: string, path: string): Buffer {
  let pem: Buffer;
  try {
    pem = readFileSync(file);
  } catch (cause) {
    throw new Error(`\`${path}\` cannot be read`, { cause });
  }
  if (!pem.includes('-----BEGIN ')) throw new Error(`\`${path}\` holds no pem`);
  return pem;
}
