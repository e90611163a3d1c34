import type { DescService } from '@bufbuild/protobuf';
import {
  type Metadata,
  type Server,
  type ServerDuplexStream,
  ServerInterceptingCall,
  type ServerInterceptor,
  status,
} from '@grpc/grpc-js';
import { AuthorizationService } from '../../gen/assent/v1/authorization_pb.js';
import { PolicyService } from '../../gen/assent/v1/policy_pb.js';
import { SessionService } from '../../gen/assent/v1/session_pb.js';
import { Fault } from '../../model/refusal.ts';
import type { PepRegistry } from '../pep.ts';
import { ACCESS, type Access, admit, type Credentials, MAX_MESSAGE, tooLarge } from './access.ts';
import { DETAILS_KEY, failureOf, serviceError, WireError } from './errors.ts';
import { hasEnded, openExit } from './exit.ts';
import { KIB } from './fields.ts';
import type { House } from './house.ts';
import { asIs, pathOf } from './methods.ts';

/** All names and values of a call's metadata, with 32 bytes an entry as HTTP/2 counts them (RFC 9113 §6.5.2). */
const MAX_METADATA = 16 * KIB;
const ENTRY_BYTES = 32;

/**
 * Stands before every call. It asks for the enforcement point's credential while the message is still unread, so
 * that a stranger cannot make the server hold messages, and it gives the transport's own refusals their reason:
 * whatever ends a call, handler or transport, passes here.
 */
export function createDoor(house: House, peps: PepRegistry): ServerInterceptor {
  return ({ path }, call) => {
    const sendStatus = call.sendStatus.bind(call);
    const refuse = (cause: unknown): void => sendStatus(serviceError(house.fail(cause, path)));
    // Put on the call itself: what the transport sends of its own passes every interceptor by.
    call.sendStatus = (ended) => {
      const explained = ended.code === status.OK || (ended.metadata?.get(DETAILS_KEY).length ?? 0) > 0;
      // A write that fails because its call is gone is nobody's mistake.
      if (explained || hasEnded(call)) sendStatus(ended);
      // The handler goes on and counts it; the transport's clock was merely the first.
      else if (ended.code === status.DEADLINE_EXCEEDED)
        sendStatus(serviceError(failureOf(new Fault('DEADLINE_PASSED'))));
      else refuse(causeOf(ended.code ?? status.UNKNOWN));
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(metadata, proceed) {
            try {
              letIn({ metadata, getAuthContext: () => call.getAuthContext() }, peps, path);
              openExit(call, metadata);
            } catch (cause) {
              refuse(cause);
              return;
            }
            proceed(metadata);
          },
        }),
    });
  };
}

/** @throws WireError */
function letIn(caller: Credentials, peps: PepRegistry, path: string): void {
  refuseLargeMetadata(caller.metadata);
  // Health, reflection and unknown methods need no credential.
  const access = RULES.get(path);
  if (access !== undefined) admit(caller, peps, access);
}

const RULES: ReadonlyMap<string, Access> = new Map([
  ...rulesOf(AuthorizationService, ACCESS.authorization),
  ...rulesOf(SessionService, ACCESS.session),
  ...rulesOf(PolicyService, ACCESS.policy),
]);

function rulesOf(service: DescService, rules: Readonly<Record<string, Access>>): [string, Access][] {
  return service.methods.flatMap((method) => {
    const access = rules[method.localName];
    return access === undefined ? [] : [[pathOf(method), access]];
  });
}

function refuseLargeMetadata(metadata: Metadata): void {
  let bytes = 0;
  for (const [name, values] of Object.entries(metadata.toJSON()))
    for (const value of values) bytes += name.length + value.length + ENTRY_BYTES;
  if (bytes > MAX_METADATA)
    throw new WireError('RESOURCE_EXHAUSTED', 'METADATA_TOO_LARGE', 'the metadata is larger than 16 KiB', {
      max_bytes: String(MAX_METADATA),
    });
}

/** What the transport found wrong by itself, told by the only stable thing that it says: the code. */
function causeOf(code: status): unknown {
  switch (code) {
    case status.RESOURCE_EXHAUSTED:
      return tooLarge(MAX_MESSAGE);
    case status.UNIMPLEMENTED:
      return new WireError(
        'UNIMPLEMENTED',
        'MALFORMED_CALL',
        'the method takes one message, plain or compressed by gzip or deflate',
      );
    case status.INTERNAL:
      return new WireError('INTERNAL', 'MALFORMED_CALL', 'the timeout or the compression cannot be read');
    default:
      return new Error(`the transport ended the call with code ${code}`);
  }
}

/**
 * Answers calls of methods that nobody serves. The library answers them before any interceptor, without a reason,
 * and its lookup is not public: should a later version look up otherwise, the server does not start.
 * @throws TypeError
 */
export function answerUnknownMethods(server: Server, house: House): void {
  const lookUp: unknown = Reflect.get(server, '_retrieveHandler');
  if (typeof lookUp !== 'function') throw new TypeError('the transport has no lookup of handlers to extend');
  const unknown = {
    // Takes whatever comes, one message or many, without reading any.
    type: 'bidi',
    path: 'unknown',
    serialize: asIs,
    deserialize: asIs,
    func: (call: ServerDuplexStream<Buffer, Buffer>) => {
      const cause = new WireError(
        'UNIMPLEMENTED',
        'METHOD_UNKNOWN',
        `\`${call.getPath()}\` is not served here`,
      );
      call.emit('error', serviceError(house.fail(cause, 'unknown')));
    },
  };
  Reflect.set(
    server,
    '_retrieveHandler',
    (path: string) => lookUp.call(server, path) ?? { ...unknown, path },
  );
}
