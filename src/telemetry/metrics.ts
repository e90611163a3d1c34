import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Rooms } from '../decide.ts';
import type { Decision } from '../model/decision.ts';
import type { Effect } from '../model/reason.ts';

export interface Metrics {
  readonly registry: Registry;
  /** The same rooms, every n-th visit to a station timed. */
  watch(rooms: Rooms): Rooms;
  countDecision(decision: Decision): void;
  countError(reason: string): void;
  countReport(outcome: string): void;
  inFlight(delta: 1 | -1): void;
}

/** One walk in so many is timed: nine clock pairs and histogram entries a walk would cost more than a station. */
const SAMPLE = 16;
const BUCKETS = [5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.025, 0.1, 0.5, 1];

/** Prometheus metrics of one process. Labels are closed sets: no subject, no agent, no session. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const decisions = new Counter({
    name: 'assent_decisions_total',
    help: 'sealed answers by effect',
    labelNames: ['effect'] as const,
    registers,
  });
  const reasons = new Counter({
    name: 'assent_reasons_total',
    help: 'reasons given, by code',
    labelNames: ['code'] as const,
    registers,
  });
  const errors = new Counter({
    name: 'assent_errors_total',
    help: 'calls that ended without an answer, by reason',
    labelNames: ['reason'] as const,
    registers,
  });
  const reports = new Counter({
    name: 'assent_reports_total',
    help: 'reported outcomes',
    labelNames: ['outcome'] as const,
    registers,
  });
  const asks = new Gauge({ name: 'assent_asks_in_flight', help: 'asks being decided', registers });
  const stations = new Histogram({
    name: 'assent_station_seconds',
    help: `time spent in each station of the walk, one walk in ${SAMPLE}`,
    labelNames: ['station'] as const,
    buckets: BUCKETS,
    registers,
  });
  // Bound once: a look-up by label object costs ten times an increment.
  const byEffect: Record<Effect, Counter.Internal> = {
    allow: decisions.labels('allow'),
    deny: decisions.labels('deny'),
    escalate: decisions.labels('escalate'),
    throttle: decisions.labels('throttle'),
  };

  return {
    registry,
    watch: (rooms) => watchStations(rooms, (station, seconds) => stations.labels(station).observe(seconds)),
    countDecision(decision) {
      byEffect[decision.effect].inc();
      for (const reason of decision.reasons) reasons.labels(reason.code).inc();
    },
    countError: (reason) => errors.labels(reason).inc(),
    countReport: (outcome) => reports.labels(outcome).inc(),
    inFlight: (delta) => asks.inc(delta),
  };
}

/** Wraps each station; a walk is sampled from its token on, so that one walk's stations are timed together. */
function watchStations(rooms: Rooms, observe: (station: string, seconds: number) => void): Rooms {
  let visits = 0;
  let sampled = false;
  const timed =
    <A extends unknown[], R>(station: string, visit: (...args: A) => R): ((...args: A) => R) =>
    (...args) => {
      if (!sampled) return visit(...args);
      const start = performance.now();
      const result = visit(...args);
      if (!(result instanceof Promise)) {
        observe(station, (performance.now() - start) / 1000);
        return result;
      }
      const done = () => observe(station, (performance.now() - start) / 1000);
      // The original promise goes on to the walk, which handles its failure; this branch only watches.
      result.then(done, done);
      return result;
    };
  const verifyToken = timed('token', rooms.verifyToken);
  return {
    now: rooms.now,
    mintId: rooms.mintId,
    nameCause: rooms.nameCause,
    reportFault: rooms.reportFault,
    verifyToken(ask, at) {
      visits += 1;
      sampled = visits % SAMPLE === 0;
      return verifyToken(ask, at);
    },
    findSession: timed('find_session', rooms.findSession),
    verifyDelegation: timed('delegation', rooms.verifyDelegation),
    readAction: timed('action', rooms.readAction),
    enterSession: timed('enter_session', rooms.enterSession),
    traceArguments: timed('provenance', rooms.traceArguments),
    evaluatePolicy: timed('policy', rooms.evaluatePolicy),
    holdFloors: timed('floors', rooms.holdFloors),
    commit: timed('commit', rooms.commit),
    seal: timed('seal', rooms.seal),
  };
}
