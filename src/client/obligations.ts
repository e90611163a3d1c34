import type { Ask } from './ask.ts';
import { refused } from './judge.ts';
import { type ClientCode, type Decision, objection, type Permission } from './permission.ts';

/** Carries one obligation out; it throws (or rejects) when it cannot, and the allow is then void. */
export type ObligationHandler = (
  parameters: Decision['obligations'][number]['parameters'],
  context: { readonly ask: Ask; readonly decision: Decision },
) => void | Promise<void>;
export type ObligationHandlers = Readonly<Record<string, ObligationHandler>>;

/** Carries out what the allow obliges to, in order. All must be claimed before any is begun. */
export async function discharge(
  handlers: ObligationHandlers,
  ask: Ask,
  permission: Permission,
): Promise<Permission> {
  const { decision, requestId, attempts } = permission;
  if (!permission.permitted || decision === undefined) return permission;
  const no = (code: ClientCode, more?: string): Permission =>
    refused(requestId, code, { attempts, decision, ...(more === undefined ? {} : { more }) });
  const unclaimed = decision.obligations.find(({ name }) => !Object.hasOwn(handlers, name));
  if (unclaimed !== undefined) return no('client.obligation_unclaimed', `\`${unclaimed.name}\``);
  for (const { name, parameters } of decision.obligations) {
    try {
      await within(decision.expiresAt, async () => handlers[name]?.(parameters, { ask, decision }));
    } catch {
      // The handler's own words stay with it: they may hold what an agent must not read.
      return no('client.obligation_failed', `\`${name}\``);
    }
  }
  // Handlers take time, and a permission does not wait for them.
  return objection(decision, false, Date.now()) === undefined ? permission : no('client.expired');
}

/** Waits for `work` until `expiresAt` (Unix ms) and no longer. */
async function within(expiresAt: number | undefined, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    const left = Math.max(0, (expiresAt ?? 0) - Date.now());
    timer = setTimeout(() => reject(new Error('the permission ran out')), Math.min(left, 2 ** 31 - 1));
  });
  try {
    await Promise.race([work(), over]);
  } finally {
    clearTimeout(timer);
  }
}
