import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Rooms } from '../decide.ts';
import type { Ask } from '../model/ask.ts';
import type { Action } from '../model/catalog.ts';
import type { Decision } from '../model/decision.ts';
import type { Trail } from '../model/facts.ts';
import type { Effect } from '../model/reason.ts';

export interface Metrics {
  readonly registry: Registry;
  /** The same rooms, each station of every n-th walk timed. */
  watch(rooms: Rooms): Rooms;
  countDecision(decision: Decision): void;
  countError(reason: string): void;
  countReport(outcome: string): void;
  inFlight(delta: 1 | -1): void;
  /** Reads at every scrape what is in force. */
  watchPolicy(status: () => PolicyInForce): void;
}

interface PolicyInForce {
  readonly activation: number;
  readonly dataVersion: number;
  /** Known to be superseded for too long, so that it no longer decides. */
  readonly behind: boolean;
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
    help: `time of a visit to each station of the walk, one walk in ${SAMPLE}`,
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
    watchPolicy: (status) => watchPolicy(registry, status),
  };
}

function watchPolicy(registry: Registry, status: () => PolicyInForce): void {
  const gauge = (name: string, help: string, read: (now: PolicyInForce) => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(status()));
      },
    });
  gauge('assent_policy_activation', 'activation in force', ({ activation }) => activation);
  gauge('assent_policy_data_version', 'version of the data in force', ({ dataVersion }) => dataVersion);
  gauge('assent_policy_behind', '1 while a newer policy or data cannot be put in force', ({ behind }) =>
    behind ? 1 : 0,
  );
}

/** What tells a station whose walk it is in: the ask, or where no ask is handed over, the action read from it. */
const byAsk = ([ask]: readonly [Ask, ...unknown[]]): object => ask;
const byTrail = ([trail]: readonly [Pick<Trail, 'ask'>, ...unknown[]]): object => trail.ask;
const byAction = ([, action]: readonly [unknown, Action, ...unknown[]]): object => action;

/**
 * Wraps each station. One walk in so many is timed from its first station to its last, whatever walks beside it:
 * which ones is kept by their asks, and forgotten with them. A station visited twice (a lost race) is timed twice.
 */
function watchStations(rooms: Rooms, observe: (station: string, seconds: number) => void): Rooms {
  let walks = 0;
  /** Asks of the walks that are timed, and the actions read from them. */
  const sampled = new WeakSet<object>();
  const timed =
    <A extends unknown[], R>(station: string, keyOf: (args: A) => object, visit: (...args: A) => R) =>
    (...args: A): R => {
      if (!sampled.has(keyOf(args))) return visit(...args);
      const start = performance.now();
      const ended = () => observe(station, (performance.now() - start) / 1000);
      let result: R;
      try {
        result = visit(...args);
      } catch (cause) {
        ended();
        throw cause;
      }
      // The original promise goes on to the walk, which handles its failure; this branch only watches.
      if (result instanceof Promise) result.then(ended, ended);
      else ended();
      return result;
    };
  const verifyToken = timed('token', byAsk, rooms.verifyToken);
  const readAction = timed('action', byAsk, rooms.readAction);
  return {
    now: rooms.now,
    mintId: rooms.mintId,
    nameCause: rooms.nameCause,
    reportFault: rooms.reportFault,
    verifyToken(ask, at) {
      walks += 1;
      if (walks % SAMPLE === 0) sampled.add(ask);
      return verifyToken(ask, at);
    },
    findSession: timed('find_session', byAsk, rooms.findSession),
    verifyDelegation: timed('delegation', byAsk, rooms.verifyDelegation),
    readAction(ask) {
      const action = readAction(ask);
      if (sampled.has(ask)) sampled.add(action);
      return action;
    },
    enterSession: timed('enter_session', byTrail, rooms.enterSession),
    traceArguments: timed('provenance', byAction, rooms.traceArguments),
    evaluatePolicy: timed('policy', byTrail, rooms.evaluatePolicy),
    holdFloors: timed('floors', byTrail, rooms.holdFloors),
    commit: timed('commit', byTrail, rooms.commit),
    seal: timed('seal', byTrail, rooms.seal),
  };
}
