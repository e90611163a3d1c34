/** Asks whose request id, bytes and repetitions are the test's own choice. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ask, prepareAsk } from '../../src/client/ask.ts';
import type { MandateInput } from '../../src/client/client.ts';
import { type Failure, failureOfStatus } from '../../src/client/failure.ts';
import { type Decision, readDecision } from '../../src/client/permission.ts';
import { mintRequestId } from '../../src/client/request-id.ts';
import { AuthorizationService, type AuthorizeRequest } from '../../src/gen/assent/v1/authorization_pb.js';
import type { Fleet, Replica } from './fleet.ts';

export const ACCOUNT = 'DE02120300000000202051';

/** The user named account, amount and the first invoices, so that none of them is of unknown origin. */
export function mandate(changes: Partial<MandateInput> = {}): MandateInput {
  return {
    taskType: 'pay_invoices',
    purpose: 'pay what acme sent: INV-0, INV-1, INV-2, INV-3, INV-4, INV-5',
    actions: ['invoice.*', 'payment.send', 'vendor.lookup'],
    declared: { account: ACCOUNT, amount: '1' },
    limits: { payments: '700' },
    expiresAt: Date.now() + 3_600_000,
    ...changes,
  };
}

/** A payment of 1 to acme; every invoice is another business act. */
export function payment(session: string, invoice: string, args: object = {}): Omit<Ask, 'token'> {
  return {
    action: 'payment.send',
    session,
    arguments: { vendor: 'acme', account: ACCOUNT, amount: '1', invoice, ...args },
  };
}

export const read = (session: string): Omit<Ask, 'token'> => ({
  action: 'invoice.read',
  session,
  arguments: { invoice: 'INV-1' },
});

/** The whole message, to be sent as often and wherever the test likes. */
export function request(ask: Ask, timeoutMs = 5000): AuthorizeRequest {
  return prepareAsk(ask, mintRequestId(Date.now()), timeoutMs).request;
}

/** A decision, or why there is none. */
export type Told = { readonly decision: Decision } | { readonly failure: Failure };

/** Sends it once. */
export async function tell(
  at: Pick<Replica, 'transport'>,
  message: AuthorizeRequest,
  callMs = 5000,
): Promise<Told> {
  const reply = await at.transport.unary(AuthorizationService.method.authorize, message, callMs);
  if (!reply.ok) return { failure: reply.failure };
  return { decision: decisionOf(readDecision(reply.message.decision)) };
}

/** Sends them in one batch; answers in their order. */
export async function tellBatch(
  at: Pick<Replica, 'transport'>,
  asks: readonly AuthorizeRequest[],
): Promise<readonly Told[]> {
  const reply = await at.transport.unary(
    AuthorizationService.method.batchAuthorize,
    { asks: [...asks] },
    5000,
  );
  if (!reply.ok) throw new Error(`the batch failed: ${reply.failure.status} ${reply.failure.message}`);
  return reply.message.answers.map(({ answer }) => {
    if (answer.case === 'decision') return { decision: decisionOf(readDecision(answer.value)) };
    if (answer.case === 'status') return { failure: failureOfStatus(answer.value) };
    throw new Error('an answer of the batch is empty');
  });
}

function decisionOf(read: Decision | string): Decision {
  if (typeof read === 'string') throw new Error(`a decision that cannot be read: ${read}`);
  return read;
}

/** Effect of an allow, first reason of a refusal, gRPC status of a failure. */
export function said(told: Told): string {
  if ('failure' in told) return told.failure.status;
  const { effect, reasons } = told.decision;
  return effect === 'allow' ? 'allow' : (reasons[0]?.code ?? effect);
}

export const isAllow = (told: Told): boolean => 'decision' in told && told.decision.effect === 'allow';

/** What passes by itself, and may have been applied: the same request again finds out. */
const PASSING: ReadonlySet<string> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED']);

function passing(told: Told): boolean {
  return 'failure' in told && PASSING.has(told.failure.status);
}

/** Sends the same request until it is decided; hears of every failure on the way. */
export async function settle(
  at: Replica,
  message: AuthorizeRequest,
  heard: (failure: Failure) => void = () => undefined,
): Promise<Decision> {
  for (let tries = 0; tries < 2000; tries += 1) {
    const told = await tell(at, message);
    if ('decision' in told) return told.decision;
    if (!passing(told))
      throw new Error(`${told.failure.status} ${told.failure.reason}: ${told.failure.message}`);
    heard(told.failure);
    await sleep(10);
  }
  throw new Error('it never was decided');
}

/**
 * Sends the same request until it is decided, and the same ask under new ids while it is only told to wait. Hears
 * why, each time that it has to ask again.
 */
export async function untilSettled(
  at: Replica,
  ask: Ask,
  heard: (why: string) => void = () => undefined,
): Promise<Decision> {
  for (let tries = 0; tries < 500; tries += 1) {
    const decision = await settle(at, request(ask), ({ status }) => heard(status));
    if (decision.effect !== 'throttle') return decision;
    heard(said({ decision }));
    await sleep(Math.random() * 20);
  }
  throw new Error('throttled for ever');
}

/** Rates that no test reaches, and invoices that need not have been named, in force on every replica. */
export async function liftLimits(fleet: Fleet, replicas: readonly Replica[]): Promise<void> {
  const [first] = replicas;
  if (first === undefined) return;
  await first.client.patchData('limits/trusted_arguments/payment.send', { value: ['amount', 'account'] });
  // Patches come into force in their order, so a replica that has the second has the first.
  const most = 1_000_000;
  const value = { action_per_second: most, action_per_minute: most, session_per_minute: most };
  await first.client.patchData('limits/rate', { value });
  for (const replica of replicas) await untilLifted(fleet, replica);
}

/** Thirty asks within a second are throttled by the bundle's own limits, so a batch of them shows what is in force. */
async function untilLifted(fleet: Fleet, replica: Replica): Promise<void> {
  const token = await fleet.token();
  for (let tries = 0; tries < 100; tries += 1) {
    const { id } = await replica.client.openSession(mandate());
    const asks = Array.from({ length: 30 }, () => request({ ...read(id), token }));
    if ((await tellBatch(replica, asks)).every(isAllow)) return;
    await sleep(100);
  }
  throw new Error('the rates were never lifted');
}
