import { type Failure, retryable } from './failure.ts';
import type { Reply } from './transport.ts';

const ATTEMPTS = 3;
const FIRST_DELAY_MS = 20;
const LAST_DELAY_MS = 200;

/** The last reply, and how many times it was tried. */
export interface Tried<T> {
  readonly reply: Reply<T>;
  readonly attempts: number;
}

/**
 * Tries at most three times within `timeoutMs`, each attempt with what is left of it, as long as the failure is
 * one that passes. The caller sends the same message each time, so at most one attempt has an effect.
 */
export async function withRetries<T>(
  timeoutMs: number,
  attempt: (remainingMs: number) => Promise<Reply<T>>,
): Promise<Tried<T>> {
  const deadline = performance.now() + timeoutMs;
  for (let attempts = 1; ; attempts += 1) {
    const reply = await attempt(Math.max(1, deadline - performance.now()));
    if (reply.ok || attempts === ATTEMPTS || !retryable(reply.failure)) return { reply, attempts };
    const delay = delayMs(attempts, reply.failure);
    // No time for another attempt: what failed last is the most that can be said.
    if (performance.now() + delay >= deadline) return { reply, attempts };
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
}

/** 20 to 200 ms by chance, growing; never sooner than the PDP asks for. */
function delayMs(attempts: number, failure: Failure): number {
  const ceiling = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 4 ** attempts);
  return Math.max(failure.retryDelayMs ?? 0, FIRST_DELAY_MS + Math.random() * (ceiling - FIRST_DELAY_MS));
}
