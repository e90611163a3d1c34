/** Connections as the house makes them, from a store's URL. */
import { connectRedis, type RedisOptions } from '../../src/redis.ts';
import { parseRedisUrl, type RedisServer } from '../../src/session/redis-url.ts';
import { logName, type OpenName, type SessionKey } from '../../src/session/store.ts';

export function serverOf(url: string): RedisServer {
  return parseRedisUrl(url, false);
}

/** With patience for a busy test machine; the limits themselves are tested in test/faults. */
export function connectTo(url: string, limits: Partial<RedisOptions> = {}): ReturnType<typeof connectRedis> {
  return connectRedis({ server: serverOf(url), commandTimeoutMs: 2000, connectTimeoutMs: 5000, ...limits });
}

/** Deletes logs and snapshots as somebody with a hand in Redis would; listings stay. */
export async function destroyLogs(
  hand: Awaited<ReturnType<typeof connectRedis>>,
  keys: readonly SessionKey[],
): Promise<void> {
  for (const key of keys) {
    const log = logName(key);
    if ((await hand.del(log, log.replace(/log$/, 'snapshot'))) === 0) throw new Error(`no \`${log}\``);
  }
}

/** The key of a name in Redis. */
export function nameKeyOf(tenant: string, { pep, openKey }: Pick<OpenName, 'pep' | 'openKey'>): string {
  const [first, ...rest] = [tenant, pep, openKey].map(encodeURIComponent);
  return `assent:{${first}/open/${rest.join('/')}}:session`;
}

/** Makes names hold something else, as somebody with a hand in Redis would. */
export async function leadNames(
  hand: Awaited<ReturnType<typeof connectRedis>>,
  names: readonly OpenName[],
  { tenant, held }: { tenant: string; held: (before: string, at: number) => string },
): Promise<void> {
  for (const [at, name] of names.entries()) {
    const key = nameKeyOf(tenant, name);
    const before = await hand.get(key);
    if (before === null) throw new Error(`no \`${key}\``);
    await hand.set(key, held(before, at));
  }
}
