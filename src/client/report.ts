import { AuthorizationService, Outcome as OutcomeCode } from '../gen/assent/v1/authorization_pb.js';
import type { Outcome } from '../model/session.ts';
import { AssentError } from './failure.ts';
import { withRetries } from './retry.ts';
import { anything, demand, object, oneOf, optional, text } from './shape.ts';
import { strictValue } from './strict-json.ts';
import type { Transport } from './transport.ts';

/** What became of an allowed action, and what it brought. */
export interface Report {
  readonly decisionId: string;
  readonly sessionId: string;
  /** `failed` only where the effect cannot take place any more; for an external effect with `failureProof`. */
  readonly outcome: Outcome;
  /** What the tool returned: plain JSON, text or bytes; absent: nothing. */
  readonly output?: unknown;
  /** Media type of bytes; absent: `application/octet-stream`. */
  readonly mediaType?: string;
  readonly failureProof?: string;
}

const REPORT = object<Report>(
  {
    decisionId: text,
    sessionId: text,
    outcome: oneOf('executed', 'failed', 'unknown'),
    output: anything,
    mediaType: optional(text),
    failureProof: optional(text),
  },
  { bare: true },
);

/** Bytes of output that the wire takes. */
const MAX_OUTPUT = 512 * 1024;

/**
 * Tells the PDP; returns how many values it remembers. Takes `timeoutMs` at most, retries included, and outlasts a
 * close of the transport: the tool has run. Begun after the close, it is not made.
 * @throws AssentError when it could not be told
 */
export async function report(
  transport: Transport,
  timeoutMs: number,
  told: Report,
): Promise<{ readonly valuesRemembered: number }> {
  demand(REPORT, told, 'report');
  const { bytes, mediaType, truncated } = outputOf(told);
  const message = {
    decisionId: told.decisionId,
    sessionId: told.sessionId,
    outcome: { executed: OutcomeCode.EXECUTED, failed: OutcomeCode.FAILED, unknown: OutcomeCode.UNKNOWN }[
      told.outcome
    ],
    output: bytes,
    outputMediaType: mediaType,
    outputTruncated: truncated,
    failureProof: told.failureProof ?? '',
  };
  // The same report again changes nothing, so a lost answer may be asked for once more.
  const { reply } = await transport.outlasting((calls) =>
    withRetries({ calls, timeoutMs }, (remaining) =>
      calls.unary(AuthorizationService.method.report, message, remaining),
    ),
  );
  if (reply.ok) return { valuesRemembered: reply.message.valuesRemembered };
  throw new AssentError(reply.failure);
}

interface Output {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly truncated: boolean;
}

const encoder = new TextEncoder();

/** Whatever a tool returns, as bytes: what cannot be read back as JSON goes as free text, and says so. */
function outputOf({ output, mediaType }: Report): Output {
  if (output === undefined) return { bytes: new Uint8Array(), mediaType: '', truncated: false };
  if (typeof output === 'string') {
    const sent = cut(encoder.encode(output.toWellFormed()), mediaType ?? 'text/plain');
    // Lone surrogates have no bytes: what the agent will see is not all sent.
    return output.isWellFormed() ? sent : { ...sent, truncated: true };
  }
  try {
    // Any look at it may throw: it may be a proxy.
    if (output instanceof Uint8Array) return cut(output, mediaType ?? 'application/octet-stream');
    return cut(encoder.encode(JSON.stringify(strictValue(output, 'output'))), 'application/json');
  } catch {
    // Not plain JSON. A lossy text still shows the PDP most of the values that the agent will see.
    return { ...cut(encoder.encode(lossyText(output)), 'text/plain'), truncated: true };
  }
}

/** A cut JSON text no longer parses, so it goes as free text. */
function cut(bytes: Uint8Array, mediaType: string): Output {
  if (bytes.byteLength <= MAX_OUTPUT) return { bytes, mediaType, truncated: false };
  const head = bytes.subarray(0, MAX_OUTPUT);
  return {
    bytes: head,
    mediaType: mediaType === 'application/json' ? 'text/plain' : mediaType,
    truncated: true,
  };
}

function lossyText(output: unknown): string {
  try {
    return (
      JSON.stringify(output, (_, value: unknown) =>
        typeof value === 'bigint' || (typeof value === 'number' && !Number.isSafeInteger(value))
          ? String(value)
          : value,
      ) ?? ''
    ).toWellFormed();
  } catch {
    // A cycle or a throwing accessor: nothing of it can be shown, and `truncated` tells the PDP so.
    return '';
  }
}
