import { type Decision as DecisionMessage, Effect } from '../gen/assent/v1/authorization_pb.js';
import { CLIENT_CLOSED, retryable } from './failure.ts';
import type { Calls, Reply } from './transport.ts';

const ATTEMPTS = 3;
const FIRST_DELAY_MS = 20;
const LAST_DELAY_MS = 200;

/** The last reply, and how many times it was tried. */
export interface Tried<T> {
  readonly reply: Reply<T>;
  readonly attempts: number;
}

/** How something is tried. */
export interface Trying<T> {
  /** What the attempts are made with: a close that cuts them ends a pause between two. */
  readonly calls: Pick<Calls, 'whenCut'>;
  readonly timeoutMs: number;
  /** Whether an earlier attempt is being decided still; absent: none ever is. */
  readonly undecided?: (message: T) => boolean;
}

/**
 * Tries at most three times within `timeoutMs`, each attempt with what is left of it, as long as the failure is
 * one that passes. The caller sends the same message each time, so at most one attempt has an effect. Where an earlier
 * attempt is `undecided` still, a later one is told so: then it is asked again for as long as there is time. A close
 * between two attempts is the last of it: `CLIENT_CLOSED`, whatever came before.
 */
export async function withRetries<T>(
  { calls, timeoutMs, undecided = () => false }: Trying<T>,
  attempt: (remainingMs: number) => Promise<Reply<T>>,
): Promise<Tried<T>> {
  const deadline = performance.now() + timeoutMs;
  let failures = 0;
  for (let attempts = 1; ; attempts += 1) {
    const reply = await attempt(Math.max(1, deadline - performance.now()));
    if (!reply.ok) failures += 1;
    // The answer to a first attempt is about nobody else's.
    const again = reply.ok
      ? attempts > 1 && undecided(reply.message)
      : failures < ATTEMPTS && retryable(reply.failure);
    if (!again) return { reply, attempts };
    const delay = delayMs(attempts, reply.ok ? 0 : (reply.failure.retryDelayMs ?? 0));
    // No time for another attempt: what came last is the most that can be said.
    if (performance.now() + delay >= deadline) return { reply, attempts };
    if (!(await pause(calls, delay))) return { reply: { ok: false, failure: CLIENT_CLOSED }, attempts };
  }
}

/** Of one ask, that an earlier attempt of it is still being decided. */
export function isUndecided(decision: DecisionMessage | undefined): boolean {
  return decision?.effect === Effect.THROTTLE && decision.reasons[0]?.code === 'session.contended';
}

/** Waits; false as soon as a close cuts it short. */
function pause({ whenCut }: Pick<Calls, 'whenCut'>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      takeBack();
      resolve(true);
    }, ms);
    const takeBack = whenCut(() => {
      clearTimeout(timer);
      resolve(false);
    });
  });
}

/** 20 to 200 ms by chance, growing; never sooner than the PDP asks for. */
function delayMs(attempts: number, leastMs: number): number {
  const ceiling = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 4 ** attempts);
  return Math.max(leastMs, FIRST_DELAY_MS + Math.random() * (ceiling - FIRST_DELAY_MS));
}
