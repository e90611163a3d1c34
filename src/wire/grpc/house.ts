import type { Pep } from '../../model/ask.ts';
import type { KeyedDigest } from '../../model/keyed-digest.ts';
import { Fault, type FaultReason } from '../../model/refusal.ts';
import type { Verbs } from '../../model/verbs.ts';
import { createDepartures, type Departures } from './departures.ts';
import { type Failure, failureOf, WireError } from './errors.ts';
import { createTurn } from './turn.ts';

/** Where the wire's own troubles are written: neither tokens, keys nor arguments ever reach it. */
export interface Log {
  info(facts: Readonly<Record<string, unknown>>, message: string): void;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  error(facts: Readonly<Record<string, unknown>>, message: string): void;
}

/** Called as things happen; must not throw. */
export interface WireMetrics {
  inFlight(delta: 1 | -1): void;
  /** A call, or one ask of a stream or batch, ended without an answer. */
  countError(reason: string): void;
  countReport(outcome: string): void;
}

/** What all methods share. */
export interface House {
  readonly verbs: Verbs;
  /** Unix ms of the wall clock, the one that gRPC deadlines are told by. */
  now(): number;
  readonly metrics: WireMetrics;
  /** See `AskContext`. */
  readonly digestAsk: KeyedDigest;
  /** Takes a place among the asks in flight. @throws Fault `OVERLOADED` */
  enter(): void;
  leave(): void;
  /** Resolves when what arrived in this turn of the event loop begins. */
  turn(): Promise<void>;
  /** What was handed to the transport, so that no allow leaves after its deadline. */
  readonly departures: Departures;
  /** @throws WireError once the server drains */
  refuseWhenDraining(): void;
  /** Turns a cause into what the caller is told, and tells log and metrics. */
  fail(cause: unknown, method: string): Failure;
  /** Long-lived calls put here what ends them when the server drains. */
  readonly drains: Set<() => void>;
}

export interface HouseOptions {
  readonly verbs: Verbs;
  readonly now: () => number;
  readonly log: Log;
  readonly metrics: WireMetrics;
  readonly digestAsk: KeyedDigest;
  readonly maxAsks: number;
  readonly draining: () => boolean;
}

/** One line a second for each kind of failure: a lost store fails every ask, and lines are written in step. */
const LOG_EVERY_MS = 1000;

const PATIENCE: FaultReason = 'DEADLINE_PASSED';

export function createHouse(options: HouseOptions): House {
  const { verbs, now, log, metrics, digestAsk, maxAsks, draining } = options;
  let asks = 0;
  const logged = new Map<string, number>();

  function tell(failed: Failure, cause: unknown, method: string): void {
    const at = now();
    if (at - (logged.get(failed.reason) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_MS) return;
    logged.set(failed.reason, at);
    const facts = { cause, method, reason: failed.reason };
    // The caller's patience, not a failure of ours; the counted errors tell when it is too often.
    if (failed.reason === PATIENCE) log.info(facts, 'a caller stopped waiting before there was an answer');
    else if (!failed.foreseen) log.error({ cause, method }, 'a call failed in a way that nobody foresaw');
    else log.warn(facts, 'a call failed on our side');
  }

  return {
    verbs,
    now,
    metrics,
    digestAsk,
    drains: new Set(),
    enter() {
      if (asks >= maxAsks) throw new Fault('OVERLOADED');
      asks += 1;
      metrics.inFlight(1);
    },
    leave() {
      asks -= 1;
      metrics.inFlight(-1);
    },
    turn: createTurn(),
    departures: createDepartures(now),
    refuseWhenDraining() {
      if (draining()) throw drained();
    },
    fail(cause, method) {
      const failed = failureOf(cause);
      metrics.countError(failed.reason);
      if (!failed.foreseen || cause instanceof Fault) tell(failed, cause, method);
      return failed;
    },
  };
}

export function drained(): WireError {
  return new WireError('UNAVAILABLE', 'DRAINING', 'the server is going away; another connection may do');
}

/** Who calls, and until when. */
export interface Caller {
  readonly pep: Pep;
  /** Unix ms; infinite when the call has no deadline. */
  readonly deadline: number;
}
