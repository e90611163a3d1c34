import { type Ask, type PreparedAsk, prepareAsk } from './ask.ts';
import { AssentError } from './failure.ts';
import { judge, refused } from './judge.ts';
import type { Lane } from './lane.ts';
import { discharge, type ObligationHandlers } from './obligations.ts';
import type { ClientCode, Permission } from './permission.ts';
import { mintRequestId } from './request-id.ts';
import { isUndecided, withRetries } from './retry.ts';
import { NotJson } from './strict-json.ts';
import type { Transport } from './transport.ts';

/** What asking needs. */
export interface Asking {
  readonly lane: Lane;
  readonly transport: Transport;
  readonly timeoutMs: number;
  readonly obligations: ObligationHandlers;
}

/** A permission with the arguments that were judged. */
export interface Settled {
  readonly permission: Permission;
  readonly prepared?: PreparedAsk;
}

/** Asks, and says whether the tool may run. Never throws: whatever goes wrong is a no. */
export async function settle(asking: Asking, ask: Ask): Promise<Settled> {
  const requestId = mintRequestId(Date.now());
  const prepared = prepare(ask, requestId, asking.timeoutMs);
  if ('code' in prepared)
    return { permission: refused(requestId, prepared.code, { more: prepared.problem }) };
  const { transport } = asking;
  const { request, timeoutMs } = prepared;
  const deadline = performance.now() + timeoutMs;
  const { reply, attempts } = await withRetries(
    { calls: transport, timeoutMs, undecided: isUndecided },
    (remaining) => asking.lane.send(request, remaining),
  );
  const late = performance.now() > deadline;
  const judged = judge({ requestId, dryRun: request.dryRun, attempts, late }, reply);
  const discharged = await discharge(asking, ask, whileOpen(transport, judged));
  return { prepared, permission: whileOpen(transport, discharged) };
}

/** A closed client permits nothing, also by an answer that it had already: no report could follow the tool. */
export function whileOpen(transport: Transport, permission: Permission): Permission {
  const { permitted, requestId, attempts, decision } = permission;
  if (!permitted || !transport.closed()) return permission;
  return refused(requestId, 'client.closed', { attempts, ...(decision === undefined ? {} : { decision }) });
}

/** The ask made ready, or why it cannot be sent. */
export function prepare(
  ask: Ask,
  requestId: string,
  timeoutMs: number,
): PreparedAsk | { readonly code: ClientCode; readonly problem: string } {
  try {
    return prepareAsk(ask, requestId, timeoutMs);
  } catch (cause) {
    // Only our own words are repeated: another error's could quote a token.
    const ours = cause instanceof NotJson || cause instanceof AssentError;
    return { code: 'client.malformed_ask', problem: ours ? cause.message : '' };
  }
}
