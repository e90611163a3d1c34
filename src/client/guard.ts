import type { JsonObject } from '../model/json.ts';
import type { Ask } from './ask.ts';
import { type Asking, settle, whileOpen } from './authorize.ts';
import { AssentError, type Failure, localFailure } from './failure.ts';
import type { Decision, Permission } from './permission.ts';
import { type Report, report } from './report.ts';
import { text } from './shape.ts';

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
 * Told of each report that `guard` could not make, above all where the tool threw: then there is no result that could
 * say so. The report is still to be made. What the handler itself throws is dropped: the tool has run, and neither its
 * result nor its throw may be lost to that.
 */
export type UnreportedHandler = (decision: Decision, failure: Failure) => void | Promise<void>;

/** What guarding needs. */
export interface Guarding extends Asking {
  readonly onUnreported: UnreportedHandler;
}

/**
 * A tool throws this to say that its effect did not take place and cannot any more. Any other throw leaves the
 * outcome unknown, and the same operation asked again goes to a human.
 */
export class EffectFailed extends Error {
  /** The far side's proof; without one the PDP frees nothing that left the house. With what is no text: unknown. */
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
  asking: Guarding,
  ask: Ask,
  run: (permit: Permit) => T | Promise<T>,
): Promise<Guarded<Awaited<T>>> {
  const { permission: settled, prepared } = await settle(asking, ask);
  // Looked at here once more: nothing comes between this and the tool.
  const permission = whileOpen(asking.transport, settled);
  const { decision } = permission;
  if (!permission.permitted || decision === undefined || prepared === undefined)
    return { permitted: false, permission };

  let output: Awaited<T>;
  try {
    output = await run({ arguments: prepared.arguments, executionKey: decision.executionKey, decision });
  } catch (cause) {
    await tell(asking, decision, readThrow(cause));
    throw cause;
  }
  const reportFailure = await tell(asking, decision, { outcome: 'executed', output });
  return {
    permitted: true,
    permission,
    output,
    reported: reportFailure === undefined,
    ...(reportFailure === undefined ? {} : { reportFailure }),
  };
}

type Told = Pick<Report, 'outcome' | 'output' | 'failureProof'>;

/** What is reported of a throw. Anything can be thrown, also what throws when it is looked at. */
function readThrow(cause: unknown): Told {
  try {
    if (!(cause instanceof Error)) return { outcome: 'unknown', output: cause };
    // Most agents are shown the error: its words may be somebody else's.
    const { message: output } = cause;
    const failed = cause instanceof EffectFailed && text(cause.proof, 'proof') === undefined;
    return failed ? { outcome: 'failed', output, failureProof: cause.proof } : { outcome: 'unknown', output };
  } catch {
    // Of what it is, nothing can be said; the report says that there was something.
    return { outcome: 'unknown', output: cause };
  }
}

/**
 * Reports, and returns why it could not. The tool has run by now, so a lost report must not take its result
 * away; the PDP treats values of an unreported output as unknown.
 */
async function tell(asking: Guarding, decision: Decision, told: Told): Promise<Failure | undefined> {
  const { id: decisionId, sessionId } = decision;
  // A stateless ask is no step of a session: there is nothing to report to.
  if (sessionId === '') return undefined;
  const timeoutMs = Math.max(asking.timeoutMs, 2000);
  const failure = await report(asking.transport, timeoutMs, { decisionId, sessionId, ...told }).then(
    () => undefined,
    (cause: unknown) =>
      cause instanceof AssentError ? cause : localFailure('INTERNAL', 'the report could not be made'),
  );
  if (failure === undefined) return undefined;
  // Called at once, whether it is asynchronous or not.
  const handled = (async () => asking.onUnreported(decision, failure))();
  handled.catch(() => undefined);
  return failure;
}
