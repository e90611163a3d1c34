/**
 * The client of an enforcement point: it asks before a tool runs, and fails closed. No answer, a late one, one
 * that it cannot read or does not know, an obligation that nobody carries out: not permitted.
 */
import type { Ask } from './ask.ts';
import { settle } from './authorize.ts';
import { settleBatch } from './batch.ts';
import { type Guarded, guard, type Permit, type UnreportedHandler } from './guard.ts';
import { createUnaryLane } from './lane.ts';
import { handlers, type ObligationHandlers } from './obligations.ts';
import { TRANSPORT_OPTIONS, type TransportOptions } from './options.ts';
import type { Permission } from './permission.ts';
import { createPolicyCalls, type PolicyCalls } from './policies.ts';
import { type Report, report } from './report.ts';
import { createSessionCalls, type SessionCalls } from './sessions.ts';
import { number, object, oneOf, optional } from './shape.ts';
import { createStreamLane } from './stream-lane.ts';
import { createTransport } from './transport.ts';

export type { Activation, BundleContent, SessionView } from '../model/verbs.ts';
export type { Ask, DpopToken } from './ask.ts';
export { AssentError, type Failure } from './failure.ts';
export { EffectFailed, type Guarded, type Permit, type UnreportedHandler } from './guard.ts';
export type { MandateInput } from './mandate.ts';
export type { ObligationHandler, ObligationHandlers } from './obligations.ts';
export type { TlsFiles } from './options.ts';
export type { ClientCode, Decision, Permission, ReasonView } from './permission.ts';
export type { PolicyCalls, Pushed } from './policies.ts';
export type { DataChange } from './policy-input.ts';
export type { Report } from './report.ts';
export type { PageInput, SessionCalls, SessionPage } from './sessions.ts';

export interface ClientOptions extends TransportOptions {
  /** How long an ask may take, retries included, in ms: 1 to 5000; default 2000. */
  readonly timeoutMs?: number;
  /** `unary`: one call an ask. `stream`: one open stream, many asks in flight: cheaper, and reconnected. */
  readonly lane?: 'unary' | 'stream';
  /** Who carries out which obligation. An allow with one that nobody claims is a no. */
  readonly obligations?: ObligationHandlers;
  /** Told of each report that `guard` could not make, also where the tool threw; default: nobody is. */
  readonly onUnreported?: UnreportedHandler;
  /** Asks in flight on the stream before more are refused here; default 1024. */
  readonly maxInFlight?: number;
}

const CLIENT_OPTIONS = object<ClientOptions>(
  {
    ...TRANSPORT_OPTIONS,
    timeoutMs: optional(number),
    lane: optional(oneOf('unary', 'stream')),
    obligations: optional(handlers),
    onUnreported: optional((value, field) =>
      typeof value === 'function' ? undefined : { field, problem: 'is not a function' },
    ),
    maxInFlight: optional((value, field) =>
      Number.isSafeInteger(value) && Number(value) >= 1
        ? undefined
        : { field, problem: 'is not a whole number, 1 or more' },
    ),
  },
  { bare: true },
);

/** Verbs reject with AssentError when they fail; asks never throw for a no. */
export interface Client extends SessionCalls, PolicyCalls {
  /** Whether the tool may run. Look at `permitted`, at nothing else. */
  authorize(ask: Ask): Promise<Permission>;
  /** At most 256 asks under one call; permissions in their order. */
  authorizeBatch(asks: readonly Ask[]): Promise<readonly Permission[]>;
  /** Runs the tool only when permitted, with the arguments that were judged, and reports what it brought. */
  guard<T>(ask: Ask, run: (permit: Permit) => T | Promise<T>): Promise<Guarded<Awaited<T>>>;
  /** Only for asks made by `authorize`: `guard` reports by itself. */
  report(told: Report): Promise<{ readonly valuesRemembered: number }>;
  /**
   * Permits nothing from now on, and returns at once: asks in flight come back as not permitted, also where they were
   * answered and their obligations are being carried out, and verbs in flight reject (`reason` is `CLIENT_CLOSED`);
   * none of them waits for another try or for a handler, though a handler that runs cannot be stopped.
   * Reports under way come to their end, with their retries: those of `guard` within the longer of `timeoutMs` and 2 s,
   * those of `report` within 10 s. The connection ends after the last of them. A report that would begin later, because
   * its tool is still running, is not made; `onUnreported` is told.
   */
  close(): void;
}

/** Verbs other than asks have this long. */
const VERB_TIMEOUT_MS = 10_000;

/**
 * Connects lazily: the first ask opens the connection.
 * @throws TypeError for options that are unknown, of another type, or contradict themselves, for an obligation's
 * handler that is no function, or when the key would be sent in the clear; its words hold no key
 */
export function createClient(options: ClientOptions): Client {
  const wrong = CLIENT_OPTIONS(options, 'options');
  if (wrong !== undefined) throw new TypeError(`\`${wrong.field}\` ${wrong.problem}`);
  const timeoutMs = options.timeoutMs ?? 2000;
  if (!(timeoutMs >= 1 && timeoutMs <= 5000)) throw new TypeError('`timeoutMs` is a number from 1 to 5000');
  const { obligations = {}, onUnreported = () => undefined } = options;
  const transport = createTransport(options);
  const lane =
    options.lane === 'stream'
      ? createStreamLane(transport, { maxInFlight: options.maxInFlight ?? 1024 })
      : createUnaryLane(transport);
  const asking = { lane, transport, timeoutMs, obligations, onUnreported };
  const calling = { transport, timeoutMs: VERB_TIMEOUT_MS };
  return {
    ...createSessionCalls(calling),
    ...createPolicyCalls(calling),
    authorize: async (ask) => (await settle(asking, ask)).permission,
    authorizeBatch: (asks) => settleBatch(asking, asks),
    guard: (ask, run) => guard(asking, ask, run),
    report: (told) => report(transport, VERB_TIMEOUT_MS, told),
    close: () => {
      lane.close();
      transport.close();
    },
  };
}
