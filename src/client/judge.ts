import type { Decision as DecisionMessage } from '../gen/assent/v1/authorization_pb.js';
import type { Failure } from './failure.ts';
import {
  type ClientCode,
  clientReason,
  type Decision,
  objection,
  type Permission,
  readDecision,
} from './permission.ts';
import type { Reply } from './transport.ts';

/** The ask that a reply is for, as it was sent. */
export interface Asked {
  readonly requestId: string;
  readonly dryRun: boolean;
  readonly attempts: number;
  readonly late: boolean;
}

/** Reads the reply; everything but a fresh, readable, wanted allow is a no. */
export function judge(asked: Asked, reply: Reply<DecisionMessage | undefined>): Permission {
  const { requestId, attempts } = asked;
  if (!reply.ok) {
    const { failure } = reply;
    return refused(requestId, codeOf(failure), { attempts, failure, more: failure.message });
  }
  const decision = readDecision(reply.message);
  if (typeof decision === 'string') return refused(requestId, decision, { attempts });
  if (asked.late) return refused(requestId, 'client.late', { attempts, decision });
  const no = objection(decision, asked.dryRun, Date.now());
  // What a dry run found is what it was asked for, so its effect stands beside the no.
  if (no === 'client.dry_run' && asked.dryRun)
    return { ...refused(requestId, no, { attempts, decision }), effect: decision.effect };
  if (no !== undefined) return refused(requestId, no, { attempts, decision });
  const permitted = decision.effect === 'allow';
  return { permitted, effect: decision.effect, reasons: decision.reasons, requestId, attempts, decision };
}

function codeOf({ status, reason, retryDelayMs }: Failure): ClientCode {
  switch (status) {
    case 'DEADLINE_EXCEEDED':
      return 'client.late';
    case 'DATA_LOSS':
      return 'client.malformed_answer';
    case 'RESOURCE_EXHAUSTED':
      // As large the next time.
      if (reason === 'MESSAGE_TOO_LARGE' || reason === 'METADATA_TOO_LARGE') return 'client.rejected';
      return retryDelayMs === undefined ? 'client.overloaded' : 'client.unavailable';
    case 'CANCELLED':
      return 'client.closed';
    case 'INVALID_ARGUMENT':
    case 'UNAUTHENTICATED':
    case 'PERMISSION_DENIED':
    case 'FAILED_PRECONDITION':
    case 'OUT_OF_RANGE':
    case 'NOT_FOUND':
    case 'ALREADY_EXISTS':
    case 'UNIMPLEMENTED':
      return 'client.rejected';
    default:
      return 'client.unavailable';
  }
}

/** The client's own no. */
export function refused(
  requestId: string,
  code: ClientCode,
  known: { attempts?: number; more?: string; failure?: Failure; decision?: Decision } = {},
): Permission {
  const { attempts = 0, more, failure, decision } = known;
  return {
    permitted: false,
    effect: 'deny',
    reasons: [clientReason(code, more)],
    requestId,
    attempts,
    ...(decision === undefined ? {} : { decision }),
    ...(failure === undefined ? {} : { failure }),
  };
}
