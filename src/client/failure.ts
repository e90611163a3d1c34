import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { status as GrpcStatus, type Metadata } from '@grpc/grpc-js';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '../gen/google/rpc/error_details_pb.js';
import { type Status, StatusSchema } from '../gen/google/rpc/status_pb.js';

/** Why a call brought no answer: a gRPC status with what its details say. Holds no token and no key. */
export interface Failure {
  /** Name of the gRPC status, such as `UNAVAILABLE`; `UNKNOWN` for a code that gRPC does not define. */
  readonly status: string;
  /** `google.rpc.ErrorInfo.reason`; `CLIENT_CLOSED` after `close()` of this client; empty when there is none. */
  readonly reason: string;
  readonly message: string;
  /** `google.rpc.BadRequest`: which fields are wrong, and how. */
  readonly fields: readonly { readonly field: string; readonly problem: string }[];
  /** `google.rpc.RetryInfo`: worth asking again, no sooner than this. */
  readonly retryDelayMs: number | undefined;
}

/** A verb other than an ask failed. Asks never throw: they come back as not permitted. */
export class AssentError extends Error implements Failure {
  readonly status: string;
  readonly reason: string;
  readonly fields: Failure['fields'];
  readonly retryDelayMs: number | undefined;
  constructor(failure: Failure) {
    super(failure.message);
    this.name = 'AssentError';
    this.status = failure.status;
    this.reason = failure.reason;
    this.fields = failure.fields;
    this.retryDelayMs = failure.retryDelayMs;
  }
}

/** A failure that arose here: nothing was received, or nothing that could be read. */
export function localFailure(status: keyof typeof GrpcStatus, message: string): Failure {
  return { status, reason: '', message, fields: [], retryDelayMs: undefined };
}

/** What was not done, or whose answer was not waited for, because the client was closed. Nothing else is CANCELLED. */
export const CLIENT_CLOSED: Failure = {
  ...localFailure('CANCELLED', 'the client was closed'),
  reason: 'CLIENT_CLOSED',
};

/** What the caller handed over cannot be sent. The words never quote the value, which may be a secret. */
export function wrongField(field: string, problem: string): AssentError {
  const failure = localFailure('INVALID_ARGUMENT', `\`${field}\` ${problem}`);
  return new AssentError({ ...failure, fields: [{ field, problem }] });
}

/** What a failed call says, with the `google.rpc.Status` of its trailers where there is one. */
export function failureOfCall(error: { code?: unknown; details?: unknown; metadata?: Metadata }): Failure {
  const raw = error.metadata?.get('grpc-status-details-bin')[0];
  const code = typeof error.code === 'number' ? error.code : GrpcStatus.UNKNOWN;
  const message = typeof error.details === 'string' ? inOurWords(error.details) : '';
  const plain: Failure = { ...localFailure('UNKNOWN', message), status: nameOf(code) };
  if (!(raw instanceof Uint8Array)) return plain;
  try {
    // The trailers' own code decides: details only add to it.
    return { ...failureOfStatus(fromBinary(StatusSchema, raw)), status: plain.status };
  } catch {
    // Unreadable details say nothing; the status and its words still stand, and no failure ever permits.
    return plain;
  }
}

/** The same for a status that stands in the place of an answer, on a stream or in a batch. */
export function failureOfStatus(status: Status): Failure {
  const failure = { ...localFailure('UNKNOWN', status.message), status: nameOf(status.code) };
  for (const detail of status.details) {
    const info = anyUnpack(detail, ErrorInfoSchema);
    if (info !== undefined) failure.reason = info.reason;
    const bad = anyUnpack(detail, BadRequestSchema);
    if (bad !== undefined)
      failure.fields = bad.fieldViolations.map(({ field, description }) => ({ field, problem: description }));
    const { retryDelay } = anyUnpack(detail, RetryInfoSchema) ?? {};
    if (retryDelay !== undefined)
      failure.retryDelayMs = Math.max(0, Number(retryDelay.seconds) * 1000 + retryDelay.nanos / 1e6);
  }
  return failure.reason === 'MALFORMED_REQUEST' ? inOwnNames(failure) : failure;
}

/** The contract's names of what a mandate holds, where the caller knows them by others. */
const OWN_NAMES: readonly (readonly [contract: RegExp, own: string])[] = [
  [/^session\.open\.(?=mandate\b)/, 'session.'],
  [/(?<=^(?:session\.)?mandate\.)expire_time\b/, 'expiresAt'],
  [/(?<=^(?:session\.)?mandate\.)task_type\b/, 'taskType'],
  [/(?<=^(?:session\.)?mandate\.(?:subject|actor)\.)issuer\b/, 'iss'],
];

function inOwnNames(failure: Failure): Failure {
  let { message } = failure;
  const fields = failure.fields.map(({ field, problem }) => {
    // Where the ask stood among those sent with it is not the caller's business: each has its own answer.
    const own = OWN_NAMES.reduce(
      (name, [contract, ours]) => name.replace(contract, ours),
      field.replace(/^(?:ask|asks\[\d+\])\./, ''),
    );
    message = message.replace(`\`${field}\``, () => `\`${own}\``);
    return { field: own, problem };
  });
  return { ...failure, message, fields };
}

/** Whether the same request may be sent again: the PDP failed or is overloaded, and says that it will pass. */
export function retryable(failure: Failure): boolean {
  return (
    failure.status === 'UNAVAILABLE' ||
    (failure.status === 'RESOURCE_EXHAUSTED' && failure.retryDelayMs !== undefined)
  );
}

/** What the library and OpenSSL say where the reader needs to know what to do; the rest stands as it is. */
const PLAIN_WORDS: Readonly<Record<string, string>> = {
  // Nothing at all, as JavaScript writes it.
  undefined: 'the server could not be reached',
  null: 'the server could not be reached',
  '': 'the server could not be reached',
  'Failed to connect': 'the server hung up at once; it may expect TLS, or a client certificate',
  'Protocol error': 'what answers at the address does not speak gRPC',
  'wrong version number': 'the server does not speak TLS',
};

/** The library's words on a connection that never was, cut to what the reader can use; any other as they are. */
function inOurWords(details: string): string {
  const [, last] =
    /^No connection established\. Last error: (?:Error(?: \[\w+\])?: )?(.*?)(?:\. ?Resolution note:|$)/s.exec(
      details,
    ) ?? [];
  if (last === undefined)
    return details.startsWith('Deadline exceeded after') ? 'no answer came in time' : details;
  // OpenSSL's own: thread, code, library, function, reason, source file and line.
  const [, tls] = /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):/.exec(last) ?? [];
  // The library adds the time to some of its words.
  const said = tls ?? (last.split('\n')[0] ?? '').replace(/ \(\d{4}-[^()]*Z\)$/, '');
  const plain = Object.hasOwn(PLAIN_WORDS, said) ? PLAIN_WORDS[said] : undefined;
  return `no connection: ${plain ?? (tls === undefined ? said : `tls, ${tls}`)}`;
}

function nameOf(code: number): string {
  // Only a close cancels calls here, and tells so itself. This one was dropped on the way: its answer is lost.
  const name: unknown = GrpcStatus[code === GrpcStatus.CANCELLED ? GrpcStatus.UNAVAILABLE : code];
  // OK in the place of an answer is no answer.
  return typeof name === 'string' && code !== GrpcStatus.OK ? name : 'UNKNOWN';
}
