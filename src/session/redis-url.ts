/** Where Redis is, as `store` names it. */
import { Malformed } from '../model/refusal.ts';

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

export interface RedisAccess {
  readonly username?: string;
  readonly password?: string;
  readonly tls: boolean;
}

/** Where Redis is. The three differ in how a connection is found, and in nothing else. */
export type RedisServer = RedisAccess &
  (
    | {
        readonly kind: 'standalone';
        readonly at: RedisNode | { readonly path: string };
        readonly db: number;
      }
    | {
        readonly kind: 'sentinel';
        readonly sentinels: readonly RedisNode[];
        readonly name: string;
        readonly sentinelPassword?: string;
      }
    | { readonly kind: 'cluster'; readonly nodes: readonly RedisNode[] }
  );

const REDIS_URL =
  /^(rediss?)(\+sentinel|\+cluster)?:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/]+)(?:\/([^/?]*))?$/;
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** @throws Malformed for a URL that cannot be read, and for clear text over a network unless `insecure` */
export function parseRedisUrl(url: string, insecure: boolean): RedisServer {
  if (url.startsWith('unix:'))
    return { kind: 'standalone', at: { path: url.replace(/^unix:(\/\/)?/, '') }, db: 0, tls: false };
  const match = REDIS_URL.exec(url);
  if (match === null) throw new Malformed('session.store', 'is not a redis url');
  const [, scheme, topology, username, password, hosts = '', name = ''] = match;
  const nodes = hosts.split(',').map((host) => nodeOf(host, topology === '+sentinel' ? 26_379 : 6379));
  const tls = scheme === 'rediss';
  if (!tls && !insecure && nodes.some(({ host }) => !LOOPBACK.has(host)))
    throw new Malformed('session.store', 'needs `rediss` outside this machine');
  const access: RedisAccess = {
    tls,
    ...(username ? { username: decoded(username) } : {}),
    ...(password ? { password: decoded(password) } : {}),
  };
  if (topology === '+sentinel') {
    if (name === '') throw new Malformed('session.store', 'names no sentinel group');
    return { kind: 'sentinel', sentinels: nodes, name, ...access };
  }
  if (topology === '+cluster') {
    if (name !== '' && name !== '0')
      throw new Malformed('session.store', 'names a database: a cluster has one');
    return { kind: 'cluster', nodes, ...access };
  }
  const [node] = nodes;
  if (node === undefined || nodes.length > 1)
    throw new Malformed('session.store', 'names several servers, yet neither sentinel nor cluster');
  if (!/^[0-9]{0,5}$/.test(name)) throw new Malformed('session.store', 'names no database');
  return { kind: 'standalone', at: node, db: Number(name), ...access };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // The decoder would quote the text, and this one may be a password.
    throw new Malformed('session.store', 'has a bad escape');
  }
}

function nodeOf(text: string, defaultPort: number): RedisNode {
  const match = /^([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(?::([0-9]{1,5}))?$/.exec(text);
  const port = Number(match?.[2] ?? defaultPort);
  if (match?.[1] === undefined || port < 1 || port > 65_535)
    throw new Malformed('session.store', 'names no host and port');
  return { host: match[1], port };
}
