import type { Ask } from './ask.ts';
import { refused } from './judge.ts';
import { type ClientCode, type Decision, objection, type Permission } from './permission.ts';
import type { Check } from './shape.ts';
import type { Transport } from './transport.ts';

/** Carries one obligation out; it throws (or rejects) when it cannot, and the allow is then void. */
export type ObligationHandler = (
  parameters: Decision['obligations'][number]['parameters'],
  context: { readonly ask: Ask; readonly decision: Decision },
) => void | Promise<void>;
export type ObligationHandlers = Readonly<Record<string, ObligationHandler>>;

/** Finds the first obligation whose handler is no function. */
export const handlers: Check = (value, field) => {
  if (typeof value !== 'object' || value === null) return { field, problem: 'is not an object of functions' };
  const [wrong] = Object.entries(value).find(([, handler]) => typeof handler !== 'function') ?? [];
  return wrong === undefined ? undefined : { field: `${field}.${wrong}`, problem: 'is not a function' };
};

/** Who carries out, and for as long as the client is open. */
interface Discharging {
  readonly obligations: ObligationHandlers;
  readonly transport: Transport;
}

/**
 * Carries out what the allow obliges to, in order. All must be claimed before any is begun. A close ends it at once:
 * a handler that runs is not waited for, though it cannot be stopped, and no other is begun.
 */
export async function discharge(
  { obligations: handlers, transport }: Discharging,
  ask: Ask,
  permission: Permission,
): Promise<Permission> {
  const { decision, requestId, attempts } = permission;
  if (!permission.permitted || decision === undefined) return permission;
  const no = (code: ClientCode, more?: string): Permission =>
    refused(requestId, code, { attempts, decision, ...(more === undefined ? {} : { more }) });
  const duties: { name: string; carryOut: () => void | Promise<void> }[] = [];
  for (const { name, parameters } of decision.obligations) {
    const handler = handlerOf(handlers, name);
    if (handler === undefined) return no('client.obligation_unclaimed', `\`${name}\``);
    duties.push({ name, carryOut: () => handler.call(handlers, parameters, { ask, decision }) });
  }
  for (const { name, carryOut } of duties) {
    if (transport.closed()) return no('client.closed');
    const done = await inTime(transport, decision.expiresAt, async () => carryOut());
    if (transport.closed()) return no('client.closed');
    if (!done) return no('client.obligation_failed', `\`${name}\``);
  }
  // Handlers take time, and a permission does not wait for them.
  return objection(decision, false, Date.now()) === undefined ? permission : no('client.expired');
}

/** Looked at again at each allow: the caller still holds the object, and may have changed it since. */
function handlerOf(handlers: ObligationHandlers, name: string): ObligationHandler | undefined {
  const handler: unknown = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
  return typeof handler === 'function' ? (handler as ObligationHandler) : undefined;
}

/** Whether `work` was done, waited for until `expiresAt` (Unix ms) or a close, and no longer. */
function inTime(
  { whenCut }: Transport,
  expiresAt: number | undefined,
  work: () => Promise<void>,
): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (done: boolean): void => {
      clearTimeout(timer);
      takeBack();
      resolve(done);
    };
    const left = Math.max(0, (expiresAt ?? 0) - Date.now());
    const timer = setTimeout(() => settle(false), Math.min(left, 2 ** 31 - 1));
    const takeBack = whenCut(() => {
      clearTimeout(timer);
      resolve(false);
    });
    // The handler's own words stay with it: they may hold what an agent must not read.
    work().then(
      () => settle(true),
      () => settle(false),
    );
  });
}
