/** Connections to Redis: by password, by way of sentinels, and over a wire that goes dead. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer as createProxy, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRedisPolicyStore } from '../../src/policy/redis.ts';
import { createRedisSessionStore } from '../../src/session/redis.ts';
import { createRedisReplayStore } from '../../src/token/redis.ts';
import { connectTo, serverOf } from '../conformance/connections.ts';
import { activationOf } from '../conformance/policy-store.ts';
import { createWorld, said } from '../session/world.ts';
import { freePort, HAS_REDIS_SERVER, type RedisServer, startRedis } from './redis-server.ts';

describe.skipIf(!HAS_REDIS_SERVER)('connections (redis-server on the PATH)', () => {
  const PASSWORD = 'correct-horse';
  const SENTINEL_PASSWORD = 'battery-staple';
  const folder = mkdtempSync(join(tmpdir(), 'assent-sentinel-'));
  let server: RedisServer;
  let sentinel: ChildProcess;
  let sentinelPort: number;

  beforeAll(async () => {
    server = await startRedis();
    await server.admin().config('SET', 'requirepass', PASSWORD);
    sentinelPort = await freePort();
    const file = join(folder, 'sentinel.conf');
    const lines = [
      `port ${sentinelPort}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `requirepass ${SENTINEL_PASSWORD}`,
      `sentinel monitor assent 127.0.0.1 ${server.port} 1`,
      `sentinel auth-pass assent ${PASSWORD}`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    sentinel = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  });
  afterAll(async () => {
    const gone = once(sentinel, 'exit');
    sentinel.kill('SIGKILL');
    await gone;
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  test('all three stores work by way of a sentinel', async () => {
    const server = {
      ...serverOf(`redis+sentinel://127.0.0.1:${sentinelPort}/assent`),
      password: PASSWORD,
      sentinelPassword: SENTINEL_PASSWORD,
    };
    const connect = () => connectTo('redis://127.0.0.1', { server, connectTimeoutMs: 15_000 });
    const [asks, redis, listener] = await Promise.all([connect(), connect(), connect()]);
    const policies = await createRedisPolicyStore({ redis, listener });
    const sessions = createRedisSessionStore(asks, 2000);
    const world = createWorld(sessions);
    expect(said(await world.ask({ session: await world.open() }))).toBe('allow');
    const hinted = new Promise<void>((resolve) => policies.watch(resolve));
    expect(await policies.activate(activationOf(1))).toBe(true);
    await hinted;
    expect(await createRedisReplayStore(asks, 2000).claim('k', ['a'], 1000)).toBe(true);
    await Promise.all([sessions.close(), policies.close()]);
  });

  test.each([
    ['a wrong password', 'wrong-guess', /WRONGPASS/],
    ['no password', undefined, /NOAUTH/],
  ])('with %s there is no connection, and the reason tells no secret', async (_what, password, reason) => {
    const access = password === undefined ? {} : { password };
    const refused = connectTo(server.url, {
      server: { ...serverOf(server.url), ...access },
      connectTimeoutMs: 500,
    });
    const cause: unknown = await refused.catch((thrown: unknown) => thrown);
    expect(cause).toBeInstanceOf(Error);
    expect(String(cause)).toMatch(reason);
    expect(JSON.stringify(cause, Object.getOwnPropertyNames(cause))).not.toContain('guess');
  });

  test('what a connection says of its troubles holds no password either', async () => {
    const access = { ...serverOf(server.url), password: PASSWORD };
    const connect = () => connectTo(server.url, { server: access });
    const [hand, redis] = await Promise.all([connect(), connect()]);
    const told = new Promise<unknown>((resolve) => redis.once('error', resolve));
    await hand.config('SET', 'requirepass', 'another');
    await hand.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const cause = await told;
    await hand.config('SET', 'requirepass', PASSWORD);
    for (const client of [hand, redis]) client.disconnect();
    expect(String(cause)).toMatch(/WRONGPASS/);
    expect(Object.keys(cause as object)).not.toContain('command');
  });

  test('a database that there is none of is no connection, and not database 0 instead', async () => {
    const own = await startRedis('--databases', '4');
    const cause: unknown = await connectTo(`${own.url}/9`, { connectTimeoutMs: 500 }).then(
      (redis) => redis.disconnect(),
      (thrown: unknown) => thrown,
    );
    await own.stop();
    expect(String(cause)).toMatch(/database `9` cannot be selected: ERR DB index is out of range/);
  });

  test('a database that is refused after a lost connection is waited for, and nothing goes elsewhere', async () => {
    const own = await startRedis();
    const [hand, redis] = [own.admin(), await connectTo(`${own.url}/9`)];
    let refusals = 0;
    redis.on('error', (cause) => {
      if (/cannot be selected: NOPERM/.test(String(cause))) refusals += 1;
    });
    const write = () => redis.set('stray', '1').catch(() => 'not written');
    await hand.call('ACL', 'SETUSER', 'default', '-select');
    await hand.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect
      .poll(async () => refusals > 2 || (await write()) === 'OK', { interval: 5, timeout: 10_000 })
      .toBe(true);
    expect(await hand.exists('stray')).toBe(0);
    await hand.call('ACL', 'SETUSER', 'default', '+select');
    await expect.poll(write, { interval: 20, timeout: 10_000 }).toBe('OK');
    expect(await hand.exists('stray')).toBe(0);
    await hand.select(9);
    expect(await hand.exists('stray')).toBe(1);
    redis.disconnect();
    await own.stop();
  });

  test('a connection that went dead is made anew, though nobody gets as far as the sessions', async () => {
    const near: Socket[] = [];
    let deaf: Socket | undefined;
    const proxy = createProxy((socket) => {
      near.push(socket);
      const far = createConnection(server.port, '127.0.0.1');
      socket.pipe(far);
      far.on('data', (bytes) => socket === deaf || socket.write(bytes));
      for (const end of [socket, far])
        end.on('error', () => [socket, far].forEach((each) => void each.destroy()));
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const address = proxy.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const url = `redis://:${PASSWORD}@127.0.0.1:${address.port}`;
    const redis = await connectTo(url, { commandTimeoutMs: 1000 });
    const replay = createRedisReplayStore(redis, 50);
    deaf = near[0];
    await expect(replay.claim('dead', ['a'], 60_000)).rejects.toMatchObject({
      reason: 'SESSION_STORE_UNAVAILABLE',
    });
    await expect
      .poll(() => replay.claim('alive', ['a'], 60_000).catch(() => false), { interval: 50, timeout: 10_000 })
      .toBe(true);
    expect(near.length).toBe(2);
    redis.disconnect();
    for (const socket of near) socket.destroy();
    proxy.close();
  });
});
