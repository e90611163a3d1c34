import type { JsonObject } from '../model/json.ts';
import type { Outcome } from '../model/session.ts';
import type { Ask } from './ask.ts';
import { type Asking, settle } from './authorize.ts';
import { AssentError, type Failure } from './failure.ts';
import type { Decision, Permission } from './permission.ts';
import { report } from './report.ts';

/** What the tool is run with. */
export interface Permit {
  /** Frozen, and exactly what was judged: run the tool with these, not with what the agent may have changed since. */
  readonly arguments: JsonObject;
  /** A stable idempotency key for the system that carries the action out; empty for plain reads. */
  readonly executionKey: string;
  readonly decision: Decision;
}

/** What became of a guarded call. */
export type Guarded<T> =
  | {
      readonly permitted: true;
      readonly permission: Permission;
      readonly output: T;
      /** The PDP knows what became of it; false: it could not be told, `reportFailure` says why. */
      readonly reported: boolean;
      readonly reportFailure?: Failure;
    }
  | { readonly permitted: false; readonly permission: Permission };

/**
 * A tool throws this to say that its effect did not take place and cannot any more. Any other throw leaves the
 * outcome unknown, and the same operation asked again goes to a human.
 */
export class EffectFailed extends Error {
  /** The far side's proof; without one the PDP frees nothing that left the house. */
  readonly proof: string;
  constructor(message: string, proof = '', options?: ErrorOptions) {
    super(message, options);
    this.name = 'EffectFailed';
    this.proof = proof;
  }
}

/**
 * Asks, runs the tool only when permitted, and reports the outcome and what it brought.
 * @throws whatever `run` throws, after the report of it
 */
export async function guard<T>(
  asking: Asking,
  ask: Ask,
  run: (permit: Permit) => T | Promise<T>,
): Promise<Guarded<Awaited<T>>> {
  const { permission, prepared } = await settle(asking, ask);
  const { decision } = permission;
  if (!permission.permitted || decision === undefined || prepared === undefined)
    return { permitted: false, permission };

  let output: Awaited<T>;
  try {
    output = await run({ arguments: prepared.arguments, executionKey: decision.executionKey, decision });
  } catch (cause) {
    const failed = cause instanceof EffectFailed;
    // Most agents are shown the error: its words may be somebody else's.
    const output = cause instanceof Error ? cause.message : String(cause);
    const rest = failed ? { output, failureProof: cause.proof } : { output };
    await tell(asking, decision, failed ? 'failed' : 'unknown', rest);
    throw cause;
  }
  const reportFailure = await tell(asking, decision, 'executed', { output });
  return {
    permitted: true,
    permission,
    output,
    reported: reportFailure === undefined,
    ...(reportFailure === undefined ? {} : { reportFailure }),
  };
}

/**
 * Reports, and returns why it could not. The tool has run by now, so a lost report must not take its result
 * away; the PDP treats values of an unreported output as unknown.
 */
async function tell(
  asking: Asking,
  decision: Decision,
  outcome: Outcome,
  rest: { readonly output?: unknown; readonly failureProof?: string },
): Promise<Failure | undefined> {
  // A stateless ask is no step of a session: there is nothing to report to.
  if (decision.sessionId === '') return undefined;
  try {
    const told = { decisionId: decision.id, sessionId: decision.sessionId, outcome, ...rest };
    await report(asking.transport, Math.max(asking.timeoutMs, 2000), told);
    return undefined;
  } catch (cause) {
    if (cause instanceof AssentError) return cause;
    throw cause;
  }
}
