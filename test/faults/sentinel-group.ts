/** A master, a replica and three sentinels of the test's own, on loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort, type RedisServer, startRedis } from './redis-server.ts';

const GROUP = 'assent';

/** A master that says nothing for so long is taken for dead. */
const DOWN_AFTER_MS = 1000;

export interface SentinelGroup {
  /** Names all three sentinels. */
  readonly url: string;
  readonly first: RedisServer;
  readonly second: RedisServer;
  /** Has the sentinels make the other server the master, though this one is well. */
  failOver(): Promise<void>;
  /** Resolves once the sentinels agree that this server is the master, and it says so itself. */
  promoted(server: RedisServer): Promise<void>;
  /** Resolves once this server copies the other one and has all that it has. */
  follows(server: RedisServer): Promise<void>;
  stop(): Promise<void>;
}

/** `first` is the master to begin with. */
export async function startSentinelGroup(): Promise<SentinelGroup> {
  const folder = mkdtempSync(join(tmpdir(), 'assent-sentinels-'));
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--repl-diskless-sync-delay', '0'];
  const [first, second] = await Promise.all([startRedis(...durable), startRedis(...durable)]);
  await second.admin().replicaof('127.0.0.1', first.port);
  const sentinels: ChildProcess[] = [];
  const hands: Redis[] = [];
  for (let i = 0; i < 3; i += 1) {
    const port = await freePort();
    const file = join(folder, `sentinel-${i}.conf`);
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor ${GROUP} 127.0.0.1 ${first.port} 2`,
      `sentinel down-after-milliseconds ${GROUP} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${GROUP} 3000`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    sentinels.push(spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' }));
    const hand = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: null });
    hand.on('error', () => {}); // it is not up yet, and commands wait for it
    hands.push(hand);
  }
  /** One connection to each server, for looking. */
  const eyes = new Map([first, second].map((server) => [server, server.admin()]));
  const replicationOf = (server: RedisServer): Promise<string> =>
    eyes.get(server)?.info('replication') ?? Promise.reject(new Error('of another group'));

  const masters = async (): Promise<readonly number[]> =>
    Promise.all(
      hands.map(async (hand) => {
        const address = await hand.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', GROUP);
        return Number(Array.isArray(address) ? address[1] : 0);
      }),
    );
  const group: SentinelGroup = {
    url: `redis+sentinel://${hands.map(({ options }) => `127.0.0.1:${options.port}`).join(',')}/${GROUP}`,
    first,
    second,
    failOver: async () => void (await hands[0]?.call('SENTINEL', 'FAILOVER', GROUP)),
    promoted: (server) =>
      until(`promotion of ${server.port}`, async () => {
        const agreed = (await masters()).every((port) => port === server.port);
        return agreed && (await replicationOf(server)).includes('role:master');
      }),
    follows: (server) =>
      until(`${server.port} to follow`, async () => {
        const info = await replicationOf(server);
        return info.includes('role:slave') && info.includes('master_link_status:up');
      }),
    async stop() {
      for (const hand of hands) hand.disconnect();
      for (const child of sentinels) {
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }
      await Promise.all([first.stop(), second.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await group.follows(second);
    await until('the sentinels to know each other and the replica', async () => {
      const known = await Promise.all(
        hands.map(async (hand) => {
          const peers = (await hand.call('SENTINEL', 'SENTINELS', GROUP)) as unknown[];
          const replicas = (await hand.call('SENTINEL', 'REPLICAS', GROUP)) as unknown[];
          return peers.length === 2 && replicas.length === 1;
        }),
      );
      return known.every(Boolean);
    });
  } catch (cause) {
    await group.stop();
    throw cause;
  }
  return group;
}

const PATIENCE_MS = 60_000;

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited in vain for ${what}`);
}
