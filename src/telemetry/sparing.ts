import { Fault } from '../model/refusal.ts';
import type { Log } from './log.ts';

/** Lines are written in step, and who asks may choose when something fails. */
const LOG_EVERY_MS = 1000;

/**
 * The same log, errors written once a second for each message and reason, with the number that was left out since
 * the one before in `leftOut`.
 * @param now ms of a clock that does not go back
 */
export function createSparingLog(log: Log, now: () => number): Log {
  const told = new Map<string, { at: number; leftOut: number }>();
  return {
    info: (facts, message) => log.info(facts, message),
    warn: (facts, message) => log.warn(facts, message),
    error(facts, message) {
      const { cause } = facts;
      // Only names of ours, so that what is remembered stays small.
      const key = cause instanceof Fault ? `${message}\n${cause.reason}` : message;
      const last = told.get(key);
      if (last !== undefined && now() - last.at < LOG_EVERY_MS) {
        last.leftOut += 1;
        return;
      }
      told.set(key, { at: now(), leftOut: 0 });
      const { leftOut = 0 } = last ?? {};
      log.error(leftOut === 0 ? facts : { ...facts, leftOut }, message);
    },
  };
}
