/** Assembles the house: config → stores and log → rooms → walks → servers. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'node:util';
import { createSealer } from './audit/seal.ts';
import { guessedActions } from './catalog/guess.ts';
import { parseCatalog } from './catalog/parse.ts';
import { createActionReader } from './catalog/read-action.ts';
import { type Config, parseConfig, readConfigFile, under } from './config.ts';
import { decide, type Rooms } from './decide.ts';
import { createDelegationVerifier } from './delegation/verify.ts';
import { prepareDev } from './dev.ts';
import { createKeyedDigest } from './model/keyed-digest.ts';
import type { Verbs } from './model/verbs.ts';
import { type AtEnd, openParts } from './parts.ts';
import { sealPolicyVerbs } from './policies.ts';
import { createPolicyRoom } from './policy/activate.ts';
import { createCompiler } from './policy/compile.ts';
import { holdFloors } from './policy/floors.ts';
import { createProvenance } from './provenance/provenance.ts';
import { report } from './report.ts';
import { createSessionRoom } from './session/session.ts';
import { sealSessionVerbs } from './sessions.ts';
import { serveTelemetry, type TelemetryEndpoint } from './telemetry/http.ts';
import { createLog, type Log } from './telemetry/log.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { createSign, type Sign } from './telemetry/sign.ts';
import { createSparingLog } from './telemetry/sparing.ts';
import { createWatchdog } from './telemetry/watchdog.ts';
import { createTokenVerifier } from './token/verify.ts';
import { readPem } from './wire/grpc/listen.ts';
import { createGrpcServer } from './wire/grpc/serve.ts';

/** Everything but the servers: what they, the bench and the tests ask. */
export interface House {
  readonly verbs: Verbs;
  readonly rooms: Rooms;
  readonly metrics: Metrics;
  /** Of the policy in force, shown as it comes in force. */
  readonly revision: Sign;
  /** Ends changes of policy under way, and refuses more: whoever waits for one is told. */
  closePolicy(): void;
  /** Ends what runs beside asks and closes stores and log; asks still in flight fail. */
  close(): Promise<void>;
}

/**
 * Builds the house by its config.
 * @throws Error naming what is missing or broken: no policy, no issuer, no key, no log, no store, no start; what
 * was opened before it is closed again
 */
export async function assemble(config: Config, log: Log): Promise<House> {
  const opened: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    // The last first: each may still need what was there before it.
    for (const end of opened.splice(0).reverse()) await end();
  };
  try {
    return { ...(await furnish(config, log, (end) => void opened.push(end))), close };
  } catch (cause) {
    await close();
    throw cause;
  }
}

async function furnish(config: Config, log: Log, atEnd: AtEnd): Promise<Omit<House, 'close'>> {
  const now = Date.now;
  const metrics = createMetrics();
  const sparing = createSparingLog(log, () => performance.now());
  const reportFault = (cause: unknown) => sparing.error({ cause }, 'something failed on our side');
  const { records, stores, ready } = await openParts(config, log, atEnd);
  const catalog = await under('catalog', () => parseCatalog(config.catalog));
  const guessed = guessedActions(config.catalog);
  if (guessed.length > 0)
    log.warn(
      { actions: guessed.slice(0, 20), count: guessed.length },
      'the catalog holds guesses that nobody has confirmed',
    );
  const provenance = createProvenance({ key: config.fleetKey });
  const tokens = await under('token.issuers', () =>
    createTokenVerifier({
      config: config.token,
      replay: stores.replay,
      log,
      at: now(),
      mostWaiting: Math.ceil(config.maxAsks / 8),
    }),
  );
  atEnd(() => tokens.close());
  const delegation = createDelegationVerifier({ config: config.delegation });
  const { bundle = packaged('policies/finance.bundle'), ...running } = config.policy;
  const defaultBundle = await under('policy.bundle', () => readFileSync(bundle));
  const revision = createSign();
  const policy = await under('policy', () =>
    createPolicyRoom({
      ...running,
      store: stores.policies,
      compiler: createCompiler({ instanceMib: running.memoryMib }),
      defaultBundle,
      log: sparing,
      onActive: revision.show,
      at: now(),
    }),
  );
  atEnd(() => policy.close());
  metrics.watchPolicy(policy.status);
  const sealer = createSealer({
    log: records,
    active: policy.status,
    challenge: tokens.challengeFor,
    dev: config.dev,
    onFault: reportFault,
  });
  atEnd(() => sealer.close());
  const sessions = createSessionRoom({
    ...config.session,
    store: stores.sessions,
    fleetKey: config.fleetKey,
    keyId: 'fleet',
    now,
    readMandate: provenance.harvestMandate,
    readArguments: provenance.harvestArguments,
    isStateless: (action) => catalog.get(action)?.stateless === true,
    policy,
    reportFault,
  });
  const rooms = metrics.watch({
    now,
    mintId: () => randomUUID(),
    verifyToken: tokens.verifyToken,
    findSession: sessions.findSession,
    verifyDelegation: delegation.verifyDelegation,
    readAction: createActionReader(catalog),
    enterSession: sessions.enterSession,
    traceArguments: provenance.traceArguments,
    evaluatePolicy: policy.evaluatePolicy,
    holdFloors,
    commit: sessions.commit,
    nameCause: sessions.nameCause,
    seal: sealer.seal,
    reportFault,
  });
  const { sealEvent } = sealer;
  const verbs: Verbs = {
    async decide(ask) {
      const decision = await decide(ask, rooms);
      metrics.countDecision(decision);
      return decision;
    },
    report: (asked) =>
      report(asked, {
        now,
        entryOf: (action) => catalog.get(action),
        harvestOutput: provenance.harvestOutput,
        enterOutcome: ({ pep, sessionId, decisionId, outcome, failureProof }, at, harvest) =>
          sessions.report({ pep, sessionId, decisionId, outcome, failureProof, at, harvest }),
        sealReport: (made, at, values) =>
          sealEvent({
            kind: 'report',
            pep: made.pep,
            at,
            facts: {
              decision_id: made.decisionId,
              session_id: made.sessionId,
              outcome: made.outcome,
              values_remembered: values,
            },
            hidden: { failure_proof: made.failureProof },
          }),
      }),
    sessions: sealSessionVerbs(sessions.verbs, ({ event, pep, view }) =>
      sealEvent({
        kind: `session.${event}`,
        pep,
        at: now(),
        facts: { session_id: view.id, version: view.head.version },
        // Of few possible mandates the digest would tell which one it is.
        hidden: { mandate_digest: view.mandateDigest },
      }),
    ),
    policies: sealPolicyVerbs({
      policy,
      now,
      seal: (kind, { pep, at }, facts) => sealEvent({ kind, pep, at, facts }),
    }),
    ready: () => ready() && !policy.status().behind,
  };
  const closePolicy = () => policy.close();
  return { verbs, rooms, metrics, revision, closePolicy };
}

export interface ServeOptions {
  /** The config file; with `dev` it may be left out. */
  readonly config?: string | undefined;
  readonly dev: boolean;
  /** Each takes the place of the file's key. */
  readonly listen?: string | undefined;
  readonly store?: string | undefined;
  readonly telemetry?: string | undefined;
  /** Where `dev` keeps its throwaway material. */
  readonly devDirectory?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Serving {
  /** As bound. */
  readonly addresses: readonly string[];
  readonly telemetry: string | undefined;
  /** Refuses what is new, finishes what is in flight for at most ten seconds, and closes everything. */
  stop(): Promise<void>;
}

const DRAIN_MS = 10_000;
/**
 * So long after, who waits for a policy to change is told that it will not. Not at the end: our client pings every 10 s,
 * and takes a connection that goes away for a dead one then.
 */
const TELL_MS = 2000;

/**
 * Serves until stopped.
 * @throws Error naming what is wrong with the configuration, or what could not be opened
 */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { dev, env } = options;
  const made = dev
    ? { catalog: packaged('policies/catalog.json'), ...prepareDev(options.devDirectory ?? '.assent/dev') }
    : {};
  const raw = { ...made, ...(options.config === undefined ? {} : readConfigFile(options.config)) };
  const flags = {
    ...(options.listen === undefined ? {} : { listen: options.listen }),
    ...(options.store === undefined ? {} : { store: options.store }),
    ...(options.telemetry === undefined ? {} : { telemetry: options.telemetry }),
  };
  const config = parseConfig({ raw, flags, env, dev });
  const log = createLog(config.telemetry.logLevel);
  hearLibraries(log);
  const tls = config.tls && {
    cert: readPem(config.tls.cert, 'tls.cert'),
    key: readPem(config.tls.key, 'tls.key'),
    ...(config.tls.clientCa === undefined ? {} : { clientCa: readPem(config.tls.clientCa, 'tls.client_ca') }),
  };
  const house = await assemble(config, log);
  const { metrics, verbs } = house;
  const server = createGrpcServer({
    verbs,
    registrations: config.enforcementPoints,
    tls,
    listen: config.listen,
    digestAsk: createKeyedDigest(config.fleetKey, 'ask'),
    dev,
    reflection: config.reflection,
    maxAsks: config.maxAsks,
    now: Date.now,
    log,
    metrics,
  });
  const watchdog = createWatchdog({
    stallMs: config.watchdogMs,
    logLevel: config.telemetry.logLevel,
    revision: house.revision,
  });
  let telemetry: TelemetryEndpoint | undefined;
  let serving = false;
  try {
    const { listen } = config.telemetry;
    if (listen !== undefined) {
      const ready = () => serving && verbs.ready();
      telemetry = await under('telemetry.listen', () => serveTelemetry(listen, metrics.registry, ready));
    }
    // Last: nobody is answered by a server that then refuses to start.
    const addresses = await server.listen();
    serving = true;
    return {
      addresses,
      telemetry: telemetry?.address,
      async stop() {
        serving = false;
        const telling = setTimeout(house.closePolicy, TELL_MS);
        await server.drain(DRAIN_MS);
        clearTimeout(telling);
        await telemetry?.close();
        await watchdog.close();
        await house.close();
      },
    };
  } catch (cause) {
    // Whatever is left open would keep a process alive that serves nothing.
    await server.drain(0);
    await telemetry?.close();
    await watchdog.close();
    await house.close();
    throw cause;
  }
}

/** What a library warns of by itself, such as a password that Redis does not want, is a line of the log as well. */
function hearLibraries(log: Log): void {
  console.warn = (...words: readonly unknown[]) => log.warn({ words: format(...words) }, 'a library warns');
}

/** A file that ships with the program. */
function packaged(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}
