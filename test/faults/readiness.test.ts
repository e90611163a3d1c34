/** A part that every ask needs fails: the server says over the wire that it is not ready, and by itself that it is again. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { credentials, Client as GrpcClient } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { readRecords } from '../../src/audit/read.ts';
import { createClient } from '../../src/client/client.ts';
import { prepareDev } from '../../src/dev.ts';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Serving,
} from '../../src/gen/grpc/health/v1/health_pb.js';
import { serve } from '../../src/main.ts';
import { createFleet } from '../system/fleet.ts';
import { HAS_REDIS_SERVER, startRedis } from './redis-server.ts';

const MANDATE = {
  taskType: 'pay_invoices',
  purpose: 'pay what acme sent',
  actions: ['invoice.*'],
  expiresAt: Date.now() + 3_600_000,
};

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** What the health service says of readiness and of liveness. */
async function healthOf(address: string): Promise<readonly (string | undefined)[]> {
  const client = new GrpcClient(address, credentials.createInsecure());
  const check = (service: string) =>
    new Promise<string | undefined>((resolve, reject) => {
      const request = Buffer.from(
        toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service })),
      );
      const asIs = (bytes: Buffer): Buffer => bytes;
      client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        asIs,
        asIs,
        request,
        { deadline: Date.now() + 5000 },
        (error, bytes) => {
          if (error !== null || bytes === undefined) reject(error);
          else resolve(Serving[fromBinary(HealthCheckResponseSchema, bytes).status]);
        },
      );
    });
  try {
    return await Promise.all(['readiness', 'liveness'].map(check));
  } finally {
    client.close();
  }
}

const READY = ['SERVING', 'SERVING'];
const NOT_READY = ['NOT_SERVING', 'SERVING'];
const PATIENCE = { interval: 50, timeout: 20_000 };

describe('readiness', () => {
  test.skipIf(!HAS_REDIS_SERVER)(
    'falls with a Redis that was killed, and returns with it before anybody asks (redis-server on the PATH)',
    async () => {
      const redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
      ends.push(() => redis.stop());
      const folder = mkdtempSync(join(tmpdir(), 'assent-ready-'));
      ends.push(() => rmSync(folder, { recursive: true }));
      // The default takes a Redis that a busy machine holds up for 20 ms for one that is gone.
      const session = { redis_timeout_ms: 5000 };
      const config = join(folder, 'assent.json');
      writeFileSync(config, JSON.stringify({ ...prepareDev(folder), session, store: redis.url }));
      const serving = await serve({
        dev: true,
        devDirectory: folder,
        config,
        listen: '127.0.0.1:0',
        telemetry: '127.0.0.1:0',
        env: { ASSENT_LOG_LEVEL: 'silent' },
      });
      ends.push(() => serving.stop());
      const [address = ''] = serving.addresses;
      const client = createClient({ address, key: readFileSync(join(folder, 'pep.key'), 'utf8').trim() });
      ends.push(() => client.close());
      const http = async (path: string) => (await fetch(`http://${serving.telemetry}${path}`)).status;
      const probes = async () => [...(await healthOf(address)), await http('/readyz'), await http('/livez')];

      await client.openSession(MANDATE);
      expect(await probes()).toEqual([...READY, 200, 200]);
      await redis.signal('SIGKILL');
      await expect(client.openSession(MANDATE)).rejects.toMatchObject({
        reason: 'SESSION_STORE_UNAVAILABLE',
      });
      expect(await probes()).toEqual([...NOT_READY, 503, 200]);
      await redis.restart();
      await expect.poll(probes, PATIENCE).toEqual([...READY, 200, 200]);
      await client.openSession(MANDATE);
    },
  );

  const canLimit = spawnSync('prlimit', ['--version']).status === 0;
  test.skipIf(!canLimit)(
    'falls with a record log that cannot be written, and returns with it before anybody asks (prlimit on the PATH)',
    async () => {
      const fleet = createFleet();
      ends.push(() => fleet.end());
      // A store that writes no file, which would have the same limit, and is never late.
      const replica = await fleet.start({ name: 'a', store: 'memory:', watchdogMs: 0 });
      // Some records more than the log of the process may ever have lines, whose file has the same limit.
      for (let i = 0; i < 100; i += 1) await replica.client.openSession(MANDATE);
      const limit = (bytes: number | string) =>
        spawnSync('prlimit', ['--pid', String(replica.pid), `--fsize=${bytes}:`]).status;
      const sizes = readdirSync(replica.records).map((name) => statSync(join(replica.records, name)).size);

      expect(await healthOf(replica.address)).toEqual(READY);
      expect(limit(Math.max(...sizes))).toBe(0);
      await expect(replica.client.openSession(MANDATE)).rejects.toMatchObject({
        reason: 'AUDIT_UNAVAILABLE',
      });
      expect(await healthOf(replica.address)).toEqual(NOT_READY);
      limit('unlimited');
      await expect.poll(() => healthOf(replica.address), PATIENCE).toEqual(READY);
      await replica.end('SIGTERM');
      const kinds = [...readRecords(replica.records)].map(
        ({ text }) => (JSON.parse(text) as { kind: string }).kind,
      );
      expect(kinds.at(-1)).toBe('log.resumed');
    },
  );
});
