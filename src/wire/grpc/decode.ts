import {
  AuthorizeRequestSchema,
  type SessionReference,
  type Action as WireAction,
  type Credential as WireCredential,
  type Resource as WireResource,
} from '../../gen/assent/v1/authorization_pb.js';
import type { Ask, Credential, Pep, SessionRef } from '../../model/ask.ts';
import type { Resource } from '../../model/catalog.ts';
import { canonicalJson, type JsonObject } from '../../model/json.ts';
import type { KeyedDigest } from '../../model/keyed-digest.ts';
import { Malformed } from '../../model/refusal.ts';
import { mintedAt } from '../../model/request-id.ts';
import {
  durationMs,
  isUuidV7,
  jsonObject,
  KIB,
  optionalId,
  plainText,
  required,
  requireId,
  requireText,
} from './fields.ts';
import { decodeMandate } from './mandate.ts';
import { decodeStrictly } from './strict.ts';

/** What an ask is decoded against. */
export interface AskContext {
  readonly pep: Pep;
  /** Unix ms. */
  readonly at: number;
  /** When it came in, where that may be before `at`: its timeout runs from then. */
  readonly arrivedAt?: number;
  /** The call's own deadline, Unix ms; infinite when it has none. */
  readonly callDeadline: number;
  /** Where the ask stands in the request, for errors: empty, `ask` or `asks[3]`. */
  readonly field: string;
  /** Makes the ask's digest of its content. */
  readonly digestAsk: KeyedDigest;
  /** Request ids of what came with the same proof of possession, where that may be more than this ask. */
  readonly proofScope?: readonly string[];
}

const MAX_ARGUMENTS = 256 * KIB;
const MAX_CLAIMED = 16 * KIB;
const MAX_PROPERTIES = 16 * KIB;
const MAX_TOKEN = 16 * KIB;
const MAX_HOP = 16 * KIB;
const MAX_HOPS = 8;
/** Characters; registered methods are shorter. */
const MAX_METHOD = 32;
const MAX_URL = 2048;
const MAX_RESOURCE_ID = 256;
const MAX_TIMEOUT_MS = 5000;
/** How far the clock that minted a request id may be ahead of ours. */
const MAX_AHEAD_MS = 300_000;
/** For a caller that says neither a deadline nor a timeout. */
const DEFAULT_TIMEOUT_MS = 1000;

// RFC 8705 §3.1: 32 bytes in base64url; the last character holds four bits, so that it has sixteen spellings.
const THUMBPRINT = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
// RFC 9110 §9.1: a token.
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const PRINTABLE = /^[!-~]+$/;
// W3C trace context, version 00; all-zero ids are no ids.
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * Bytes of an AuthorizeRequest as an ask.
 * @throws Malformed naming the field as it stands in the whole request
 */
export function decodeAsk(bytes: Uint8Array, context: AskContext): Ask {
  try {
    return read(bytes, context);
  } catch (cause) {
    if (!(cause instanceof Malformed) || context.field === '') throw cause;
    const { field, problem } = cause;
    throw new Malformed(field === WHOLE ? context.field : `${context.field}.${field}`, problem);
  }
}

const WHOLE = 'request';

function read(bytes: Uint8Array, context: AskContext): Ask {
  const { pep, at, arrivedAt = at, callDeadline, digestAsk, proofScope } = context;
  const wire = decodeStrictly(AuthorizeRequestSchema, bytes, WHOLE);
  const { requestId, operationId, traceparent, dryRun } = wire;
  if (requestId === '') throw new Malformed('request_id', 'is required');
  if (!isUuidV7(requestId)) throw new Malformed('request_id', 'must be a uuid of version 7 in lower case');
  // Once forgotten, it would make every id before its time too old: of this enforcement point, in this session.
  if (mintedAt(requestId) > at + MAX_AHEAD_MS)
    throw new Malformed('request_id', 'was minted more than 5 minutes from now');
  if (traceparent !== '' && !TRACEPARENT.test(traceparent))
    throw new Malformed('traceparent', 'must be a w3c trace context of version 00');
  const action = required(wire.action, 'action');
  const content = {
    action: requireId(action.name, 'action.name'),
    resource: decodeResource(action.resource),
    args: decodeArguments(action),
    credential: decodeCredential(required(wire.credential, 'credential')),
    session: decodeSession(wire.session, at),
    chain: decodeChain(wire.chain),
    claimed: jsonObject(wire.contextJson, 'context_json', MAX_CLAIMED),
    dryRun,
    ...(operationId !== '' && { operationId: requireId(operationId, 'operation_id') }),
  };
  const timeoutMs = wire.timeout && durationMs(wire.timeout, 'timeout', MAX_TIMEOUT_MS);
  return {
    ...content,
    pep,
    requestId,
    deadline: deadlineOf(arrivedAt, timeoutMs, callDeadline),
    digest: digestAsk(partsOf(pep, requestId, content)),
    proofScope: proofScope ?? [requestId],
    ...(traceparent !== '' && { traceparent }),
  };
}

function decodeArguments({ argumentsJson }: WireAction): JsonObject {
  return jsonObject(argumentsJson, 'action.arguments_json', MAX_ARGUMENTS);
}

const NO_RESOURCE: Resource = { type: '', id: '', properties: jsonObject(new Uint8Array(), '', 0) };

function decodeResource(wire: WireResource | undefined): Resource {
  if (wire === undefined) return NO_RESOURCE;
  return {
    type: optionalId(wire.type, 'action.resource.type'),
    id: plainText(wire.id, 'action.resource.id', MAX_RESOURCE_ID),
    properties: jsonObject(wire.propertiesJson, 'action.resource.properties_json', MAX_PROPERTIES),
  };
}

function decodeCredential({ form, certificateThumbprint }: WireCredential): Credential {
  const field = 'credential.certificate_thumbprint';
  if (certificateThumbprint !== '' && !THUMBPRINT.test(certificateThumbprint))
    throw new Malformed(field, 'must be a sha-256 in base64url without padding');
  const bound = certificateThumbprint === '' ? {} : { certificateThumbprint };
  switch (form.case) {
    case 'bearerToken':
      return {
        scheme: 'bearer',
        token: requireText(form.value, 'credential.bearer_token', MAX_TOKEN),
        ...bound,
      };
    case 'dpop':
      return {
        scheme: 'dpop',
        token: requireText(form.value.token, 'credential.dpop.token', MAX_TOKEN),
        proof: requireText(form.value.proof, 'credential.dpop.proof', MAX_TOKEN),
        method: matching(
          plainText(form.value.method, 'credential.dpop.method', MAX_METHOD),
          METHOD,
          'credential.dpop.method',
        ),
        url: matching(
          requireText(form.value.url, 'credential.dpop.url', MAX_URL),
          PRINTABLE,
          'credential.dpop.url',
        ),
        ...bound,
      };
    case undefined:
      throw new Malformed('credential.form', 'is required');
    default:
      // A new form does not compile until it is read here.
      return form satisfies never;
  }
}

function matching(text: string, form: RegExp, field: string): string {
  if (text === '') throw new Malformed(field, 'is required');
  if (!form.test(text)) throw new Malformed(field, 'holds a character that it may not');
  return text;
}

function decodeSession(wire: SessionReference | undefined, at: number): SessionRef {
  if (wire === undefined) return { kind: 'none' };
  const { reference } = wire;
  switch (reference.case) {
    case 'id':
      return { kind: 'id', id: requireId(reference.value, 'session.id') };
    case 'open': {
      const { key, mandate } = reference.value;
      return {
        kind: 'open',
        key: requireId(key, 'session.open.key'),
        mandate: decodeMandate(mandate, 'session.open.mandate', at),
      };
    }
    case undefined:
      // Silence is said by leaving `session` out: an empty one is a sender's mistake.
      throw new Malformed('session.reference', 'is required');
    default:
      return reference satisfies never;
  }
}

function decodeChain(chain: readonly string[]): readonly string[] {
  if (chain.length > MAX_HOPS) throw new Malformed('chain', `has more than ${MAX_HOPS} hops`);
  chain.forEach((hop, index) => {
    requireText(hop, `chain[${index}]`, MAX_HOP);
  });
  return chain;
}

/** Unix ms: the caller's deadline or its timeout, whichever is earlier, and never more than 5 s away. */
function deadlineOf(from: number, timeoutMs: number | undefined, callDeadline: number): number {
  const fallback = callDeadline === Number.POSITIVE_INFINITY ? DEFAULT_TIMEOUT_MS : MAX_TIMEOUT_MS;
  return Math.min(from + (timeoutMs ?? fallback), callDeadline);
}

type Content = Pick<
  Ask,
  'action' | 'resource' | 'args' | 'credential' | 'session' | 'chain' | 'claimed' | 'dryRun' | 'operationId'
>;

/**
 * What makes two requests the same request. Left out: token and proof, which are fresher in a retry; timeout and
 * trace context, which belong to one attempt. Whose request it is and its id are in it, so that two asks with the
 * same content have two digests: nobody sees by a record that an argument came again, or tries one out by asking.
 * Each part goes in with its length, so that no two contents share a text; one JSON text of it all took twice as long.
 */
function partsOf(pep: Pep, requestId: string, content: Content): string {
  const { action, resource, args, credential, session, chain, claimed, dryRun, operationId } = content;
  const { scheme, method, url, certificateThumbprint } = credential;
  let text =
    part(pep.tenant) +
    part(pep.id) +
    part(requestId) +
    part(action) +
    part(resource.type) +
    part(resource.id) +
    part(canonicalJson(resource.properties));
  text += part(canonicalJson(args)) + part(canonicalJson(claimed)) + part(operationId) + (dryRun ? '1' : '0');
  text += part(scheme) + part(method) + part(url) + part(certificateThumbprint);
  text += part(session.kind) + partsOfSession(session);
  for (const hop of chain) text += part(hop);
  return text;
}

function part(text = ''): string {
  return `${text.length}:${text}`;
}

function partsOfSession(session: SessionRef): string {
  if (session.kind === 'none') return '';
  if (session.kind === 'id') return part(session.id);
  const { subject, actor, taskType, purpose, actions, declared, limits, expiresAt } = session.mandate;
  const mandate = canonicalJson({
    actions,
    ...(actor && { actor: { id: actor.id, iss: actor.iss } }),
    declared,
    expiresAt,
    limits,
    purpose,
    ...(subject && { subject: { id: subject.id, iss: subject.iss } }),
    taskType,
  });
  return part(session.key) + part(mandate);
}
