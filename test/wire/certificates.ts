import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A private key and its certificate, as PEM and as the files that hold them. */
export interface Pair {
  readonly key: Buffer;
  readonly cert: Buffer;
  readonly keyFile: string;
  readonly certFile: string;
}

/** A certificate authority of a test. */
export interface Authority {
  readonly ca: Buffer;
  readonly caFile: string;
  /** @param alt subject alternative names as OpenSSL writes them, such as `DNS:localhost,IP:127.0.0.1` */
  issue(name: string, alt: string): Pair;
  /** Removes its files. */
  end(): void;
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Made by `openssl`, good for two days. */
export function createAuthority(): Authority {
  const directory = mkdtempSync(join(tmpdir(), 'assent-certificates-'));
  const path = (name: string): string => join(directory, name);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'pipe' });
  };
  const own = [
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.crt'),
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
  ];
  openssl('req', '-x509', ...CURVE, ...own);
  return {
    ca: readFileSync(path('ca.crt')),
    caFile: path('ca.crt'),
    issue(name, alt) {
      const [keyFile, request, extensions, certFile] = ['key', 'csr', 'ext', 'crt'].map((end) =>
        path(`${name}.${end}`),
      ) as [string, string, string, string];
      openssl('req', ...CURVE, '-keyout', keyFile, '-out', request, '-subj', `/CN=${name}`);
      writeFileSync(extensions, `subjectAltName=${alt}\n`);
      openssl(
        ...[
          'x509',
          '-req',
          '-in',
          request,
          '-CA',
          path('ca.crt'),
          '-CAkey',
          path('ca.key'),
          '-CAcreateserial',
        ],
        ...['-days', '2', '-extfile', extensions, '-out', certFile],
      );
      return { key: readFileSync(keyFile), cert: readFileSync(certFile), keyFile, certFile };
    },
    end: () => rmSync(directory, { recursive: true }),
  };
}
