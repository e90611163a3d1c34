/** Masters that share the slots, on loopback. */
import type { Redis } from 'ioredis';
import { freePort, type RedisServer, startRedis } from './redis-server.ts';

const SLOTS = 16_384;

export interface ClusterNode {
  readonly server: RedisServer;
  /** Speaks to this node alone, and follows no redirection. */
  readonly hand: Redis;
  readonly id: string;
}

export interface RedisCluster {
  /** Names one node; the others are found by way of it. */
  readonly url: string;
  readonly nodes: readonly ClusterNode[];
  slotOf(key: string): Promise<number>;
  /** The node that all agree has the slot. */
  ownerOf(slot: number): Promise<ClusterNode>;
  stop(): Promise<void>;
}

/** Slots in equal parts, from the first node to the last. */
export async function startCluster(masters: number): Promise<RedisCluster> {
  const servers: RedisServer[] = [];
  const busPorts: number[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(servers.map((server) => server.stop())));
  try {
    for (let i = 0; i < masters; i += 1) {
      // The port of the bus is ten thousand more by default, which may be none.
      const bus = await freePort();
      busPorts.push(bus);
      const own = [
        '--cluster-enabled',
        'yes',
        '--cluster-announce-ip',
        '127.0.0.1',
        '--cluster-port',
        `${bus}`,
      ];
      servers.push(await startRedis(...own));
    }
    const nodes: ClusterNode[] = [];
    for (const [i, server] of servers.entries()) {
      const hand = server.admin();
      const [from, to] = [Math.ceil((i * SLOTS) / masters), Math.ceil(((i + 1) * SLOTS) / masters) - 1];
      await hand.call('CLUSTER', 'ADDSLOTSRANGE', `${from}`, `${to}`);
      await hand.call('CLUSTER', 'SET-CONFIG-EPOCH', `${i + 1}`);
      nodes.push({ server, hand, id: String(await hand.call('CLUSTER', 'MYID')) });
    }
    const [first] = nodes;
    if (first === undefined) throw new Error('a cluster has a node');
    for (const [i, { server }] of nodes.entries())
      if (i > 0) await first.hand.call('CLUSTER', 'MEET', '127.0.0.1', `${server.port}`, `${busPorts[i]}`);
    await formed(nodes);
    return {
      url: `redis+cluster://127.0.0.1:${first.server.port}`,
      nodes,
      slotOf: async (key) => Number(await first.hand.call('CLUSTER', 'KEYSLOT', key)),
      ownerOf: (slot) => ownerOf(nodes, slot),
      stop,
    };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

async function formed(nodes: readonly ClusterNode[]): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    const told = await Promise.all(nodes.map(({ hand }) => hand.cluster('INFO')));
    const whole = (info: string): boolean =>
      info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`);
    if (told.every(whole)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the cluster did not form');
}

async function ownerOf(nodes: readonly ClusterNode[], slot: number): Promise<ClusterNode> {
  const seen = await Promise.all(
    nodes.map(async ({ hand }) => {
      const ranges = (await hand.call('CLUSTER', 'SLOTS')) as [number, number, [string, number, string]][];
      return ranges.find(([from, to]) => from <= slot && slot <= to)?.[2][2];
    }),
  );
  const owner = nodes.find(({ id }) => seen.every((each) => each === id));
  if (owner === undefined) throw new Error(`the nodes do not agree on slot ${slot}`);
  return owner;
}
