import { create, toBinary } from '@bufbuild/protobuf';
import { type Any, anyPack, durationFromMs } from '@bufbuild/protobuf/wkt';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '../../gen/google/rpc/error_details_pb.js';
import { type Status, StatusSchema } from '../../gen/google/rpc/status_pb.js';
import type { ReasonCode } from '../../model/reason.ts';
import { Fault, type FaultReason, Malformed, Refusal, Rejection } from '../../model/refusal.ts';
import { BundleRefused } from '../../model/verbs.ts';

/** A failure that arises on the wire itself and belongs to no room. */
export class WireError extends Error {
  readonly code: WireCode;
  /** UPPER_SNAKE_CASE, stable. */
  readonly reason: string;
  readonly facts: Readonly<Record<string, string>>;
  constructor(code: WireCode, reason: string, words: string, facts: Readonly<Record<string, string>> = {}) {
    super(words);
    this.code = code;
    this.reason = reason;
    this.facts = facts;
  }
}
export type WireCode =
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'NOT_FOUND'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE';

/** What a failure looks like to the caller; `reason` is `ErrorInfo.reason` (AIP-193). */
export interface Failure {
  readonly code: status;
  readonly reason: string;
  readonly message: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly fields: readonly { readonly field: string; readonly description: string }[];
  readonly retryDelayMs: number | undefined;
  /** False for what nobody foresaw: its cause belongs in the log. */
  readonly foreseen: boolean;
}

const DOMAIN = 'assent';
/** Trailer that carries a serialised `google.rpc.Status`. */
export const DETAILS_KEY = 'grpc-status-details-bin';
/** Refusals of verbs other than asks that are more than a wrong state. */
const STATUS_OF: Readonly<Partial<Record<ReasonCode, keyof typeof status>>> = {
  'session.unknown': 'NOT_FOUND',
  'session.not_yours': 'PERMISSION_DENIED',
  'session.torn': 'DATA_LOSS',
};
const OVERLOAD_RETRY_MS = 100;
/** A push takes seconds. */
const PUSH_RETRY_MS = 2000;
const MAX_MESSAGE = 256;
const MAX_FIELD = 256;
const MAX_DESCRIPTION = 512;
/**
 * Serialised status, bytes: base64 adds a third, the same message stands in `grpc-message` percent-encoded, and
 * all trailers together must stay below the 8 KiB that peers accept by default.
 */
const MAX_STATUS = 3600;

/** The one place where a thrown cause becomes a gRPC status. Never carries a cause's own words. */
export function failureOf(cause: unknown): Failure {
  if (cause instanceof Malformed) {
    const field = shown(cause.field, MAX_FIELD);
    const description = shown(cause.problem, MAX_DESCRIPTION);
    return {
      ...failure('INVALID_ARGUMENT', 'MALFORMED_REQUEST', `\`${field}\` ${description}`),
      fields: [{ field, description }],
    };
  }
  if (cause instanceof WireError || cause instanceof Rejection) {
    const code = cause instanceof WireError ? cause.code : cause.status;
    return { ...failure(code, cause.reason, cause.message), facts: factsShown(cause.facts) };
  }
  if (cause instanceof Fault) return failureOfFault(cause.reason);
  if (cause instanceof BundleRefused) return failureOfBundle(cause);
  if (cause instanceof Refusal) {
    const { code, words } = cause.reason;
    return { ...failure(STATUS_OF[code] ?? 'FAILED_PRECONDITION', 'REFUSED', words), facts: { code } };
  }
  return { ...failure('INTERNAL', 'INTERNAL', 'something failed on our side'), foreseen: false };
}

function failureOfFault(reason: FaultReason): Failure {
  switch (reason) {
    case 'DEADLINE_PASSED':
      return failure('DEADLINE_EXCEEDED', reason, 'there was no answer before the deadline');
    case 'OVERLOADED':
      return {
        ...failure('RESOURCE_EXHAUSTED', reason, 'too many asks are in flight'),
        retryDelayMs: OVERLOAD_RETRY_MS,
      };
    case 'DRAINING':
      return failure('UNAVAILABLE', reason, 'the server is going away; another connection may do');
    case 'TOO_MANY_PUSHES':
      return {
        ...failure('RESOURCE_EXHAUSTED', reason, 'too many pushes, rollbacks or data changes wait'),
        retryDelayMs: PUSH_RETRY_MS,
      };
    case 'SESSION_STORE_UNAVAILABLE':
      return failure('UNAVAILABLE', reason, 'the session store cannot be reached');
    case 'AUDIT_UNAVAILABLE':
      return failure('UNAVAILABLE', reason, 'the record log cannot be written');
    case 'POLICY_BEHIND':
      return failure('UNAVAILABLE', reason, 'a newer policy is not in force here yet');
    case 'POLICY_STORE_UNAVAILABLE':
      return failure('UNAVAILABLE', reason, 'the policy store cannot be reached');
    default:
      // A new reason does not compile until it is placed here.
      return reason satisfies never;
  }
}

function failureOfBundle({ errors }: BundleRefused): Failure {
  return {
    ...failure('INVALID_ARGUMENT', 'BUNDLE_REFUSED', 'the bundle was refused; the active one stays'),
    facts: { errors: String(errors.length) },
    fields: errors.map(({ file, line, column, code, message }) => ({
      field: shown(line === 0 ? file : `${file}:${line}:${column}`, MAX_FIELD),
      description: shown(code === '' ? message : `${code}: ${message}`, MAX_DESCRIPTION),
    })),
  };
}

function failure(code: keyof typeof status, reason: string, message: string): Failure {
  const plain = { facts: {}, fields: [], retryDelayMs: undefined, foreseen: true };
  return { ...plain, code: status[code], reason, message: shown(message, MAX_MESSAGE) };
}

/** As a value, for a stream's or a batch's slot and for the trailer. */
export function statusMessage(failed: Failure): Status {
  const { code, message, reason, facts, retryDelayMs } = failed;
  const details: Any[] = [
    anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain: DOMAIN, metadata: { ...facts } })),
  ];
  if (retryDelayMs !== undefined)
    details.push(
      anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: durationFromMs(retryDelayMs) })),
    );
  for (let kept = failed.fields.length; kept > 0; kept = Math.floor(kept / 2)) {
    const fieldViolations = failed.fields.slice(0, kept);
    const bad = anyPack(
      BadRequestSchema,
      create(BadRequestSchema, { fieldViolations: [...fieldViolations] }),
    );
    const full = create(StatusSchema, { code, message, details: [...details, bad] });
    // A refused bundle may have hundreds of errors: the first ones are kept, `errors` says how many there were.
    if (toBinary(StatusSchema, full).length <= MAX_STATUS) return full;
  }
  return create(StatusSchema, { code, message, details });
}

/** As the error that ends a call, its details in the trailer. */
export function serviceError(failed: Failure): ServiceError {
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(toBinary(StatusSchema, statusMessage(failed))));
  return Object.assign(new Error(failed.message), { code: failed.code, details: failed.message, metadata });
}

/** Controls, formats (all that turn the direction of text among them), separators of lines, halves of a pair. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * What may be a caller's own words, fit for a terminal and a log: at most `most` UTF-16 units, and what cannot be
 * seen, or makes other text be seen otherwise, written as `\u{202e}`.
 */
function shown(text: string, most: number): string {
  // Cut twice: before, so that a long text costs nothing, and after, because an escape is longer than what it shows.
  const escaped = text
    .slice(0, most)
    .replace(UNPRINTABLE, (unseen) => `\\u{${(unseen.codePointAt(0) ?? 0).toString(16)}}`);
  // A pair may be severed by the second cut, and half a pair would throw where trailers are encoded.
  return escaped.slice(0, most).toWellFormed();
}

function factsShown(facts: Failure['facts']): Failure['facts'] {
  return Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, shown(fact, MAX_FIELD)]));
}
