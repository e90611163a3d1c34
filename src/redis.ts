/** The one way to connect to Redis: standalone, Sentinel and Cluster differ in how a connection is found, and in nothing else. */
import { Cluster, Redis } from 'ioredis';
import type { RedisNode, RedisServer } from './session/redis-url.ts';

export interface RedisOptions {
  readonly server: RedisServer;
  /**
   * Milliseconds for the answer to one command, at least a second: a connection on which nothing comes for so
   * long is torn down and made anew. Whoever must know sooner keeps a shorter time of its own.
   */
  readonly commandTimeoutMs: number;
  /** Milliseconds for the first connection. */
  readonly connectTimeoutMs: number;
}

/** A command is not repeated, queued or resent by the client: what a lost answer means is decided by the walk. */
const NO_RETRIES = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  lazyConnect: true,
  protocol: 2,
  replyMapping: 'legacy',
  disableClientInfo: true,
} as const;

/** The handshake's own commands share the limit, and a server that is reading its log back in takes its time. */
const LEAST_TIMEOUT_MS = 1000;

/** 10, 20, 40 … 500 ms between attempts to connect. */
function retryDelay(times: number): number {
  return Math.min(500, 5 * 2 ** Math.min(times, 8));
}

/**
 * Connects and keeps connected until `disconnect`.
 * @throws Error naming the servers, never a password, when none answers within `connectTimeoutMs`
 */
export async function connectRedis(options: RedisOptions): Promise<Redis | Cluster> {
  const redis = clientOf(options);
  let trouble: unknown;
  // Every command says itself when it failed; unheard, this event would end the process.
  redis.on('error', (cause: unknown) => {
    forgetCommand(cause);
    trouble = cause;
  });
  const ready = new Promise<void>((resolve) => redis.once('ready', resolve)).then(() =>
    redis instanceof Cluster ? reachNodes(redis) : undefined,
  );
  // Only the first attempt's failure, and the client tries again: what counts is being ready in time.
  redis.connect().catch((cause: unknown) => {
    trouble ??= cause;
  });
  if (await isLate(ready, options.connectTimeoutMs)) {
    redis.disconnect();
    const why = trouble instanceof Error ? `: ${trouble.message}` : '';
    throw new Error(`redis at ${namesOf(options.server)} cannot be reached${why}`);
  }
  return redis;
}

/**
 * A cluster's client connects to a node when the first command for it comes, and refuses those that come before the
 * connection is there: so every master is reached beforehand, or found to be away, while the others serve their slots.
 */
async function reachNodes(cluster: Cluster): Promise<void> {
  await Promise.all(cluster.nodes('master').map(reach));
}

function reach(node: Redis): Promise<void> {
  return new Promise((resolve) => {
    if (node.status === 'ready' || node.status === 'end') return resolve();
    node.once('ready', resolve).once('end', resolve);
    // What failed is told to the cluster's client, which looks for who has the slots now.
    if (node.status === 'wait') node.connect().catch(() => undefined);
  });
}

/** The client hangs the failed command on its error, and for AUTH that is the password: logs must not get it. */
function forgetCommand(cause: unknown): void {
  if (typeof cause !== 'object' || cause === null) return;
  if ('command' in cause) delete cause.command;
  if ('lastNodeError' in cause) forgetCommand(cause.lastNodeError);
}

/**
 * A connection whose database is the one that was asked for, or that does not come about. The library takes a refused
 * SELECT for a mere warning, and would go on in database 0, which may be somebody else's.
 */
class OneDatabase extends Redis {
  override async select(index: number | string): Promise<'OK'> {
    try {
      return await super.select(index);
    } catch (cause) {
      // Only once the connection is gone may the library hear of it: it would get the open one ready.
      if (this.status === 'connect') await this.tearDown();
      throw new Error(`database \`${index}\` cannot be selected: ${(cause as Error).message}`, { cause });
    }
  }

  /** It is made anew, as any that breaks. */
  private tearDown(): Promise<void> {
    return new Promise((resolve) => {
      this.once('close', resolve);
      this.stream.destroy();
    });
  }
}

function clientOf({ server, ...limits }: RedisOptions): Redis | Cluster {
  const timeout = Math.max(limits.commandTimeoutMs, LEAST_TIMEOUT_MS);
  const common = {
    ...NO_RETRIES,
    connectTimeout: limits.connectTimeoutMs,
    commandTimeout: timeout,
    socketTimeout: timeout,
    ...(server.username === undefined ? {} : { username: server.username }),
    ...(server.password === undefined ? {} : { password: server.password }),
    ...(server.tls ? { tls: {} } : {}),
  };
  if (server.kind === 'standalone') {
    const { at, db } = server;
    return new OneDatabase({
      ...common,
      ...('path' in at ? at : addressOf(at)),
      db,
      retryStrategy: retryDelay,
    });
  }
  if (server.kind === 'sentinel') {
    const { sentinelPassword } = server;
    return new Redis({
      ...common,
      name: server.name,
      sentinels: server.sentinels.map(addressOf),
      sentinelCommandTimeout: timeout,
      ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
      // Without both the client would speak to sentinels, and to the master they name, in the clear.
      ...(server.tls ? { sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
      retryStrategy: retryDelay,
    });
  }
  const { enableOfflineQueue, lazyConnect, ...ofNodes } = common;
  return new Cluster(server.nodes.map(addressOf), {
    enableOfflineQueue,
    lazyConnect,
    clusterRetryStrategy: retryDelay,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: 0,
    maxRedirections: 2,
    redisOptions: ofNodes,
  });
}

/** Brackets are for URLs only. */
function addressOf({ host, port }: RedisNode): RedisNode {
  return { host: host.replace(/^\[|\]$/g, ''), port };
}

function namesOf(server: RedisServer): string {
  if (server.kind === 'standalone' && 'path' in server.at) return `\`${server.at.path}\``;
  const nodes =
    server.kind === 'sentinel' ? server.sentinels : server.kind === 'cluster' ? server.nodes : [server.at];
  return nodes.map((node) => ('path' in node ? node.path : `\`${node.host}:${node.port}\``)).join(', ');
}

async function isLate(work: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(true), ms);
  });
  return Promise.race([work.then(() => false), late]).finally(() => clearTimeout(timer));
}
