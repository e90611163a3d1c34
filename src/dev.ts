import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const DEV_ISSUER = 'https://dev.assent.invalid';
export const DEV_AUDIENCE = 'assent-dev';
/** Agents that the development server knows: each has a key of its own to sign hops with. */
const DEV_AGENTS = ['orchestrator', 'payer', 'auditor'] as const;

/**
 * Makes the throwaway keys of a development server below `directory`, once: a restart finds them again, so that
 * its sessions and tokens still verify. Returns the configuration that uses them.
 * @throws Error naming the directory when it cannot be written
 */
export function prepareDev(directory: string): Readonly<Record<string, unknown>> {
  try {
    return makeDev(directory);
  } catch (cause) {
    throw new Error(`the development keys below \`${directory}\` cannot be made or read`, { cause });
  }
}

function makeDev(directory: string): Readonly<Record<string, unknown>> {
  mkdirSync(join(directory, 'agents'), { recursive: true, mode: 0o700 });
  writeOnce(
    join(directory, 'README'),
    () => 'throwaway development keys: never use them for anything that matters\n',
  );
  writeOnce(join(directory, 'pep.key'), () => `${randomBytes(32).toString('base64url')}\n`);
  writeOnce(join(directory, 'fleet.key'), () => `${randomBytes(32).toString('base64url')}\n`);
  const issuer = writeOnce(join(directory, 'issuer.jwk'), () => privateJwk('dev-issuer', 'ES256'));
  writeOnce(join(directory, 'issuer.jwks.json'), () =>
    JSON.stringify({ keys: [publicJwk(issuer)] }, null, 2),
  );
  const agents = DEV_AGENTS.map((name) => {
    const key = writeOnce(join(directory, 'agents', `${name}.jwk`), () => privateJwk(`dev-${name}`, 'EdDSA'));
    return { iss: DEV_ISSUER, id: name, keys: [publicJwk(key)] };
  });
  return {
    store: join(directory, 'assent.db'),
    fleet_key_file: join(directory, 'fleet.key'),
    enforcement_points: [
      {
        id: 'dev',
        tenant: 'dev',
        roles: ['asker', 'opener', 'details', 'author', 'security', 'admin'],
        key_file: join(directory, 'pep.key'),
      },
    ],
    token: {
      issuers: [
        {
          issuer: DEV_ISSUER,
          audience: DEV_AUDIENCE,
          algorithms: ['ES256'],
          keys: { file: join(directory, 'issuer.jwks.json') },
          scopes: {
            agent: ['*'],
            payments: ['payment.*', 'invoice.*', 'vendor.*'],
            invoices: ['invoice.*', 'vendor.*'],
            customers: ['customer.*'],
            mail: ['mail.*'],
          },
        },
      ],
    },
    delegation: { agents },
    record_log: { directory: join(directory, 'records'), durability: 'os' },
    // What a person at a terminal wants to see; the rest is for machines.
    telemetry: { log_level: 'warn' },
  };
}

/** A crash between the two writes leaves a `.new` file that nobody reads; the next start writes it again. */
function writeOnce(path: string, make: () => string): string {
  if (existsSync(path)) return readFileSync(path, 'utf8');
  const text = make();
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return text;
}

function privateJwk(kid: string, alg: 'ES256' | 'EdDSA'): string {
  const { privateKey } =
    alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  return `${JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }, null, 2)}\n`;
}

/** The public half: the one private member of these key types is `d` (RFC 7518 §6.2.2, RFC 8037 §2). */
function publicJwk(text: string): Readonly<Record<string, unknown>> {
  const { d: _private, ...open } = JSON.parse(text) as Record<string, unknown>;
  return open;
}
