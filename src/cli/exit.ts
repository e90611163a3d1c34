import type { AssentError, Failure, Permission } from '../client/client.ts';

/** Exit codes, the same for every command. */
export const EXIT = { ok: 0, failed: 1, deny: 2, escalate: 3, throttle: 4, unavailable: 5 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP: string = `
Exit codes:
  0  done; for an ask: allowed
  1  wrong usage, or the command failed
  2  not allowed: deny
  3  not allowed: escalate, a human must approve first
  4  not allowed: throttle, ask again later
  5  the decision point could not be reached, or did not answer in time`;

/** Wrong usage, in words for the user. */
export class UsageError extends Error {}

/** Nobody answered at the address. */
export class NotReached extends Error {
  readonly failure: AssentError;
  /** What the user can do about it. */
  readonly hint: string;
  constructor(failure: AssentError, hint: string) {
    super(failure.message);
    this.failure = failure;
    this.hint = hint;
  }
}

/** The exit code of an ask; for a dry run, of what would have been said. */
export function exitOfPermission({ permitted, effect, decision, failure, reasons }: Permission): ExitCode {
  if (permitted || (decision?.dryRun === true && effect === 'allow')) return EXIT.ok;
  if (failure !== undefined) return exitOfFailure(failure);
  if (reasons[0]?.code === 'client.late') return EXIT.unavailable;
  if (decision === undefined && reasons[0]?.code === 'client.malformed_ask') return EXIT.failed;
  return effect === 'escalate' ? EXIT.escalate : effect === 'throttle' ? EXIT.throttle : EXIT.deny;
}

export function exitOfFailure({ status, retryDelayMs }: Failure): ExitCode {
  const passes = status === 'UNAVAILABLE' || status === 'DEADLINE_EXCEEDED' || retryDelayMs !== undefined;
  return passes ? EXIT.unavailable : EXIT.failed;
}
