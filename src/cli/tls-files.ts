import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { ClientOptions } from '../client/client.ts';
import { UsageError } from './exit.ts';

export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly certKey?: string;
  readonly serverName?: string;
}

/**
 * What the flags say of TLS; undefined where none of them is given. The files are looked into before the client opens
 * them: it would tell the system's or OpenSSL's words, which name no flag, and takes authorities that are none.
 * @throws UsageError naming the flag
 */
export function tlsOf({ ca, cert, certKey, serverName }: TlsOptions): ClientOptions['tls'] {
  if ((cert === undefined) !== (certKey === undefined))
    throw new UsageError('--cert and --cert-key come together');
  if (ca === undefined && cert === undefined && serverName === undefined) return undefined;
  if (ca !== undefined) readCertificate('--ca', ca);
  if (cert !== undefined && certKey !== undefined) {
    const pair = { cert: readCertificate('--cert', cert), key: readPrivateKey('--cert-key', certKey) };
    refuseUnless(() => createSecureContext(pair), '--cert-key is not the key of the certificate in --cert');
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(certKey === undefined ? {} : { key: certKey }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

function readCertificate(flag: string, path: string): Buffer {
  const pem = readPem(flag, path);
  refuseUnless(() => new X509Certificate(pem), `${flag}: \`${path}\` holds no certificate in pem`);
  return pem;
}

function readPrivateKey(flag: string, path: string): Buffer {
  const pem = readPem(flag, path);
  refuseUnless(
    () => createPrivateKey(pem),
    `${flag}: \`${path}\` holds no private key in pem without passphrase`,
  );
  return pem;
}

function readPem(flag: string, path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new UsageError(`${flag}: \`${path}\` cannot be read`, { cause });
  }
  // Node takes certificates in DER as well; the client does not.
  if (!bytes.includes('-----BEGIN ')) throw new UsageError(`${flag}: \`${path}\` holds no pem`);
  return bytes;
}

function refuseUnless(read: () => unknown, words: string): void {
  try {
    read();
  } catch (cause) {
    throw new UsageError(words, { cause });
  }
}
