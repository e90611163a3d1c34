import { hash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Pep, ROLES, type Role } from '../model/ask.ts';
import { readList, readSection, readText } from '../model/section.ts';

/** A registered enforcement point: it shows either a key or a TLS client certificate. */
export interface Registration {
  readonly id: string;
  readonly tenant: string;
  readonly roles: readonly Role[];
  readonly proof: /** SHA-256 of the key's text. */
    | { readonly kind: 'key'; readonly sha256: Buffer }
    /** A DNS name, in lower case, or URI among the certificate's subject alternative names. */
    | { readonly kind: 'certificate'; readonly name: string };
}

export interface PepRegistry {
  /** Who holds this key; takes as long for a wrong key as for a right one. */
  byKey(key: string): Pep | undefined;
  /** Who is named by a verified certificate's subject alternative names. */
  byNames(names: readonly string[]): Pep | undefined;
}

const KNOWN = ['id', 'tenant', 'roles', 'key_file', 'key_sha256', 'mtls_name'] as const;
const PROOFS = ['key_file', 'key_sha256', 'mtls_name'] as const;
const NAME = /^[A-Za-z0-9._:/@+=~-]{1,128}$/;
const SHA256 = /^[0-9a-f]{64}$/;
/** As it can stand in a header. Less can be guessed: 22 characters are 16 random bytes in base64url. */
const KEY = /^[\x21-\x7e]{22,512}$/;
const DNS_NAME = /^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/;
/** Without what Node quotes where it prints a certificate: such a name is never taken from one. */
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:[!#-&(-+\--[\]-~]+$/;
/** These alone: a byte-order mark is part of what stands in the file, and of no key. */
const BLANKS = /^[ \t\r\n]+|[ \t\r\n]+$/g;

/**
 * Reads the `enforcement_points` section. A key is given as its file (surrounding blanks and line ends do not
 * count) or as the lower-case hex SHA-256 of its text, so that the config need not hold the key itself.
 * @throws Error naming the dotted key
 */
export function parsePepConfig(section: unknown): readonly Registration[] {
  const items = readList(section, 'enforcement_points');
  if (items.length === 0) throw new Error('`enforcement_points` must name at least one');
  const registrations = items.map((item, index) => parseRegistration(item, `enforcement_points[${index}]`));
  refuseTwice(registrations, 'id', ({ id }) => id);
  refuseTwice(registrations, 'proof', ({ proof }) =>
    proof.kind === 'key' ? proof.sha256.toString('hex') : proof.name,
  );
  return registrations;
}

function parseRegistration(item: unknown, path: string): Registration {
  const fields = readSection(item, path, KNOWN);
  const name = (key: 'id' | 'tenant'): string => {
    const text = readText(fields[key], `${path}.${key}`);
    if (!NAME.test(text))
      throw new Error(`\`${path}.${key}\` must be at most 128 of \`A-Z a-z 0-9 . _ : / @ + = ~ -\``);
    return text;
  };
  return {
    id: name('id'),
    tenant: name('tenant'),
    roles: parseRoles(fields['roles'], `${path}.roles`),
    proof: parseProof(fields, path),
  };
}

function parseRoles(value: unknown, path: string): readonly Role[] {
  const roles = readList(value, path).map((role) => {
    const known = ROLES.find((name) => name === role);
    if (known === undefined) throw new Error(`\`${path}\` may hold only ${ROLES.join(', ')}`);
    return known;
  });
  if (roles.length === 0) throw new Error(`\`${path}\` must name at least one role`);
  return roles;
}

function parseProof(fields: Readonly<Record<string, unknown>>, path: string): Registration['proof'] {
  const given = PROOFS.filter((key) => fields[key] !== undefined);
  const [key] = given;
  if (key === undefined || given.length > 1)
    throw new Error(`\`${path}\` must have exactly one of \`key_file\`, \`key_sha256\` and \`mtls_name\``);
  const text = readText(fields[key], `${path}.${key}`);
  if (key === 'mtls_name') {
    const name = foldDnsName(text) ?? readUri(text);
    if (name === undefined)
      throw new Error(`\`${path}.mtls_name\` must be a dns name without \`*\`, or a uri`);
    return { kind: 'certificate', name };
  }
  if (key === 'key_sha256') {
    if (!SHA256.test(text)) throw new Error(`\`${path}.key_sha256\` must be 64 lower-case hex digits`);
    return { kind: 'key', sha256: Buffer.from(text, 'hex') };
  }
  const held = readKeyFile(text, `${path}.key_file`);
  return { kind: 'key', sha256: digestOf(held) };
}

/** In lower case, as DNS compares (RFC 4343); undefined for what is no host's name, wildcards among it. */
export function foldDnsName(text: string): string | undefined {
  return DNS_NAME.test(text) ? text.toLowerCase() : undefined;
}

/** As it is: undefined for what is no URI that a certificate could name. */
export function readUri(text: string): string | undefined {
  return URI.test(text) ? text : undefined;
}

function readKeyFile(file: string, path: string): string {
  let key: string;
  try {
    key = readFileSync(file, 'utf8').replace(BLANKS, '');
  } catch (cause) {
    throw new Error(`\`${path}\` cannot be read`, { cause });
  }
  if (!KEY.test(key))
    throw new Error(`\`${path}\` must hold a key of 22 to 512 visible ascii characters, and nothing else`);
  return key;
}

function refuseTwice(
  registrations: readonly Registration[],
  what: string,
  of: (registration: Registration) => string,
): void {
  const seen = new Set<string>();
  registrations.forEach((registration, index) => {
    const value = of(registration);
    if (seen.has(value)) throw new Error(`\`enforcement_points[${index}]\` has the same ${what} as another`);
    seen.add(value);
  });
}

/**
 * No start with a name that nobody could ever show: a certificate is asked for only where `tls.client_ca` is set,
 * and never on a Unix socket.
 * @throws Error naming the dotted key
 */
export function refuseUnshowable(
  registrations: readonly Registration[],
  { listen, clientCa }: { readonly listen: readonly string[]; readonly clientCa: boolean },
): void {
  const index = registrations.findIndex(({ proof }) => proof.kind === 'certificate');
  if (index < 0) return;
  const path = `enforcement_points[${index}].mtls_name`;
  if (!clientCa)
    throw new Error(`\`${path}\` needs \`tls.client_ca\`: without it no certificate is asked for`);
  if (listen.every((address) => address.startsWith('unix:')))
    throw new Error(
      `\`${path}\` needs a TCP address in \`listen\`: on a unix socket there is no certificate`,
    );
}

/** Prepared once: every call looks itself up here. */
export function createPepRegistry(registrations: readonly Registration[]): PepRegistry {
  const keys: { readonly sha256: Buffer; readonly pep: Pep }[] = [];
  const names = new Map<string, Pep>();
  for (const { id, tenant, roles, proof } of registrations) {
    const pep: Pep = { id, tenant, roles: new Set(roles) };
    if (proof.kind === 'key') keys.push({ sha256: proof.sha256, pep });
    else names.set(proof.name, pep);
  }
  return {
    byKey(key) {
      const shown = digestOf(key);
      let found: Pep | undefined;
      // Every registration is compared, whichever fits: the time tells nothing of the place.
      for (const { sha256, pep } of keys) if (timingSafeEqual(sha256, shown)) found = pep;
      return found;
    },
    byNames(shown) {
      const found = new Set(shown.map((name) => names.get(name)).filter((pep) => pep !== undefined));
      // A certificate that names two enforcement points proves to be neither.
      return found.size === 1 ? [...found][0] : undefined;
    },
  };
}

function digestOf(key: string): Buffer {
  // By way of a string: a buffer from `hash` is memory of its own, which takes three times as long.
  return Buffer.from(hash('sha256', key, 'binary'), 'binary');
}
