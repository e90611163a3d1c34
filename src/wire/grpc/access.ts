import type { PeerCertificate } from 'node:tls';
import type { Metadata } from '@grpc/grpc-js';
import type { AuthorizationService } from '../../gen/assent/v1/authorization_pb.js';
import type { PolicyService } from '../../gen/assent/v1/policy_pb.js';
import type { SessionService } from '../../gen/assent/v1/session_pb.js';
import type { Pep, Role } from '../../model/ask.ts';
import { foldDnsName, type PepRegistry, readUri } from '../pep.ts';
import { WireError } from './errors.ts';
import { MIB, sizeName } from './fields.ts';

/** Who may call a method (any of the roles will do), and how large its request may be. */
export interface Access {
  readonly roles: readonly Role[];
  readonly maxBytes: number;
}

const asker: Access = { roles: ['asker'], maxBytes: MIB };
const opener: Access = { roles: ['opener'], maxBytes: MIB };
const admin: Access = { roles: ['admin'], maxBytes: MIB };
const viewer: Access = { roles: ['opener', 'details', 'admin'], maxBytes: MIB };
const author: Access = { roles: ['author'], maxBytes: MIB };
const reader: Access = { roles: ['author', 'security', 'admin'], maxBytes: MIB };

/** The one table of methods and roles; a method without a line here does not compile. */
export const ACCESS: {
  readonly authorization: Readonly<Record<keyof typeof AuthorizationService.method, Access>>;
  readonly session: Readonly<Record<keyof typeof SessionService.method, Access>>;
  readonly policy: Readonly<Record<keyof typeof PolicyService.method, Access>>;
} = {
  authorization: {
    authorize: asker,
    authorizeStream: asker,
    batchAuthorize: asker,
    report: asker,
  },
  session: {
    openSession: opener,
    getSession: viewer,
    listSessions: viewer,
    amendSession: opener,
    closeSession: opener,
    suspendSession: admin,
    resumeSession: admin,
  },
  policy: {
    pushBundle: { roles: ['author'], maxBytes: 4 * MIB },
    listBundles: reader,
    rollbackBundle: author,
    patchData: { roles: ['security'], maxBytes: 4 * MIB },
    getData: reader,
  },
};

/** The largest request of any method: what the transport itself lets in. */
export const MAX_MESSAGE: number = 4 * MIB;

/** The part of a call that shows who calls. */
export interface Credentials {
  readonly metadata: Metadata;
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate };
}

// RFC 6750 §2.1: the scheme in any case, one blank, then the key; longer ones are nobody's.
const BEARER = /^Bearer ([!-~]{1,512})$/i;

/**
 * The enforcement point that calls: by its key when it shows one, else by its TLS certificate.
 * @throws WireError UNAUTHENTICATED when nobody is proved, PERMISSION_DENIED when the role is missing
 */
export function admit(call: Credentials, peps: PepRegistry, access: Access): Pep {
  const pep = identify(call, peps);
  if (pep === undefined)
    throw new WireError(
      'UNAUTHENTICATED',
      'CALLER_NOT_AUTHENTICATED',
      'no registered enforcement point is shown',
    );
  if (!access.roles.some((role) => pep.roles.has(role))) throw forbidden(access.roles);
  return pep;
}

export function forbidden(roles: readonly Role[]): WireError {
  const names = roles.join(', ');
  return new WireError('PERMISSION_DENIED', 'CALLER_NOT_ALLOWED', `this needs the role ${names}`, {
    roles: names,
  });
}

/** @throws WireError when the request is larger than its method takes */
export function refuseLarger(bytes: Uint8Array, { maxBytes }: Access): void {
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
}

export function tooLarge(maxBytes: number): WireError {
  return new WireError(
    'RESOURCE_EXHAUSTED',
    'MESSAGE_TOO_LARGE',
    `the message is larger than ${sizeName(maxBytes)}`,
    { max_bytes: String(maxBytes) },
  );
}

/**
 * Who was found behind a call's metadata: asked before the message is read, and again by the handler. Reading a
 * certificate takes longer than all else here.
 */
const identified = new WeakMap<Metadata, { readonly pep: Pep | undefined }>();

function identify(call: Credentials, peps: PepRegistry): Pep | undefined {
  const found = identified.get(call.metadata) ?? { pep: findPep(call, peps) };
  identified.set(call.metadata, found);
  return found.pep;
}

function findPep(call: Credentials, peps: PepRegistry): Pep | undefined {
  const shown = call.metadata.get('authorization');
  if (shown.length > 0) {
    // A key that fits nobody is not made good by a certificate, nor one key by another.
    const key = shown.length === 1 ? BEARER.exec(String(shown[0]))?.[1] : undefined;
    return key === undefined ? undefined : peps.byKey(key);
  }
  // Present only after TLS has verified the chain to the configured authority.
  const certificate = call.getAuthContext().sslPeerCertificate;
  return certificate === undefined ? undefined : peps.byNames(namesOf(certificate.subjectaltname ?? ''));
}

/**
 * DNS names and URIs of a subject alternative name as Node prints it. Node quotes a name that holds anything
 * that could be taken for a separator (CVE-2021-44532): a certificate with such a name proves nothing here.
 */
export function namesOf(subjectAltName: string): readonly string[] {
  if (subjectAltName.includes('"')) return [];
  return subjectAltName.split(', ').flatMap((entry) => {
    const colon = entry.indexOf(':');
    const kind = entry.slice(0, colon);
    const name = entry.slice(colon + 1);
    const read = kind === 'DNS' ? foldDnsName(name) : kind === 'URI' ? readUri(name) : undefined;
    return read === undefined ? [] : [read];
  });
}
