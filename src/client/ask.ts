import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type AuthorizeRequest,
  AuthorizeRequestSchema,
  type Credential as CredentialMessage,
  CredentialSchema,
  type ResourceSchema,
  type SessionReference,
  SessionReferenceSchema,
} from '../gen/assent/v1/authorization_pb.js';
import type { JsonObject } from '../model/json.ts';
import { MANDATE, type MandateInput, mandateMessage } from './mandate.ts';
import { anything, demand, flag, number, object, optional, text, textOr, texts } from './shape.ts';
import { NotJson, strictObject } from './strict-json.ts';

/** A DPoP-bound token, its proof, and the request of the agent that the proof was made for (RFC 9449). */
export interface DpopToken {
  readonly token: string;
  readonly proof: string;
  readonly method: string;
  readonly url: string;
}

/** May this agent do this now? */
export interface Ask {
  /** Name in the catalog, such as `payment.send`. */
  readonly action: string;
  readonly resource?: { readonly type?: string; readonly id?: string; readonly properties?: object };
  /** The tool call's arguments: plain JSON; amounts as decimal strings. */
  readonly arguments?: object;
  /** The agent's access token. Sent, never kept or printed. */
  readonly token: string | DpopToken;
  /** base64url SHA-256 of the certificate with which the agent came (RFC 8705 §3.1). */
  readonly certificateThumbprint?: string;
  /** A session's id, or how to open it at the first ask with this key; absent: a stateless ask. */
  readonly session?: string | { readonly key: string; readonly mandate: MandateInput };
  /** Signed hops of the delegation chain, root first. */
  readonly chain?: readonly string[];
  /** The intended effect, from the framework's tool-call id: the same operation asked again is no duplicate. */
  readonly operationId?: string;
  /** What the caller asserts: policy sees it as `claimed`. */
  readonly claimed?: object;
  /** How long to wait for the answer, retries included; absent: the client's `timeoutMs`. */
  readonly timeoutMs?: number;
  readonly traceparent?: string;
  /** Judges only: the answer permits nothing and spends nothing. */
  readonly dryRun?: boolean;
}

type Resource = NonNullable<Ask['resource']>;

/** The objects are looked at where they are copied. */
const ASK = object<Ask>(
  {
    action: text,
    resource: optional(object<Resource>({ type: optional(text), id: optional(text), properties: anything })),
    arguments: anything,
    token: textOr(object<DpopToken>({ token: text, proof: text, method: text, url: text })),
    certificateThumbprint: optional(text),
    session: optional(
      textOr(object<Exclude<NonNullable<Ask['session']>, string>>({ key: text, mandate: MANDATE })),
    ),
    chain: optional(texts),
    operationId: optional(text),
    claimed: anything,
    timeoutMs: optional(number),
    traceparent: optional(text),
    dryRun: optional(flag),
  },
  { bare: true },
);

/** An ask made ready: one request id for all its attempts, and the arguments as they will be judged. */
export interface PreparedAsk {
  readonly request: AuthorizeRequest;
  /** Frozen: what is judged is what the tool gets. */
  readonly arguments: JsonObject;
  readonly timeoutMs: number;
}

/** The longest time that an answer may be of use on the wire. */
const MAX_TIMEOUT_MS = 5000;
const encoder = new TextEncoder();

/** @throws NotJson where arguments, claims or properties are not plain JSON, AssentError for any other member */
export function prepareAsk(ask: Ask, requestId: string, defaultTimeoutMs: number): PreparedAsk {
  demand(ASK, ask, 'ask');
  const args = strictObject(ask.arguments === undefined ? {} : ask.arguments, 'arguments');
  const timeoutMs = Math.min(ask.timeoutMs ?? defaultTimeoutMs, MAX_TIMEOUT_MS);
  if (!(timeoutMs >= 1)) throw new NotJson('timeoutMs', 'is not a number of milliseconds, 1 or more');
  const request = create(AuthorizeRequestSchema, {
    requestId,
    action: {
      name: ask.action,
      argumentsJson: encoder.encode(JSON.stringify(args)),
      ...(ask.resource === undefined ? {} : { resource: resourceInit(ask.resource) }),
    },
    credential: credentialMessage(ask),
    chain: [...(ask.chain ?? [])],
    operationId: ask.operationId ?? '',
    // The whole time, not what is left of it: every attempt must be the same message.
    timeout: durationFromMs(Math.round(timeoutMs)),
    traceparent: ask.traceparent ?? '',
    dryRun: ask.dryRun ?? false,
  });
  if (ask.claimed !== undefined) request.contextJson = jsonBytes(ask.claimed, 'claimed');
  if (ask.session !== undefined) request.session = sessionReference(ask.session);
  return { request, arguments: args, timeoutMs };
}

function resourceInit(resource: Resource): MessageInitShape<typeof ResourceSchema> {
  return {
    type: resource.type ?? '',
    id: resource.id ?? '',
    ...(resource.properties === undefined
      ? {}
      : { propertiesJson: jsonBytes(resource.properties, 'resource.properties') }),
  };
}

function credentialMessage(ask: Ask): CredentialMessage {
  const { token } = ask;
  return create(CredentialSchema, {
    form:
      typeof token === 'string'
        ? { case: 'bearerToken', value: token }
        : {
            case: 'dpop',
            value: { token: token.token, proof: token.proof, method: token.method, url: token.url },
          },
    certificateThumbprint: ask.certificateThumbprint ?? '',
  });
}

function sessionReference(session: NonNullable<Ask['session']>): SessionReference {
  return create(SessionReferenceSchema, {
    reference:
      typeof session === 'string'
        ? { case: 'id', value: session }
        : { case: 'open', value: { key: session.key, mandate: mandateMessage(session.mandate) } },
  });
}

function jsonBytes(value: object, name: string): Uint8Array {
  return encoder.encode(JSON.stringify(strictObject(value, name)));
}
