/** How long after a push of a mebibyte of data to one replica does another decide by it? */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AuthorizeResponseSchema, Effect } from '../src/gen/assent/v1/authorization_pb.js';
import { OpenSessionRequestSchema, OpenSessionResponseSchema } from '../src/gen/assent/v1/session_pb.js';
import type { Measured } from './measure.ts';
import { connect, PATHS, patch, startRemote } from './remote.ts';
import { LIFTED, MANDATE, mintToken, paymentBytes, type World } from './world.ts';

const MEBIBYTE = 1_048_576;
const PATIENCE_MS = 20_000;

/** A blocklist of just under 1 MiB, with or without the vendor of the bench's payments on it. */
function blocklist(blocked: boolean, round: number): string {
  const vendors: Record<string, boolean> = blocked ? { acme: true } : {};
  for (let i = 0, size = 64; size < MEBIBYTE - 64; i += 1) {
    const name = `vendor-${round}-${i}-of-a-name-as-long-as-they-come`;
    vendors[name] = true;
    size += name.length + 8;
  }
  return JSON.stringify(vendors);
}

/** Patches through one of two replicas on one Redis and asks the other until it decides by the new data. */
export async function measurePatch(
  { world, dev, configFile, redis }: { world: World; dev: string; configFile: string; redis: string },
  rounds: number,
): Promise<Measured> {
  const key = readFileSync(join(dev, 'pep.key'), 'utf8').trim();
  const first = await startRemote('./server.ts', [dev, configFile, redis]);
  const second = await startRemote('./server.ts', [dev, `${configFile}.second`, redis]);
  const [a, b] = [connect(first.address, key), connect(second.address, key)];
  try {
    for (const [path, value] of LIFTED) await patch(a, path, value);
    const token = await mintToken(world.issuerKey, 'a0');
    const open = toBinary(OpenSessionRequestSchema, create(OpenSessionRequestSchema, { mandate: MANDATE }));
    const session = fromBinary(OpenSessionResponseSchema, await b.unary(PATHS.open, open)).session?.id ?? '';
    const effectAtB = async () => {
      const answer = await b.unary(PATHS.unary, paymentBytes({ token, session }));
      return fromBinary(AuthorizeResponseSchema, answer).decision?.effect;
    };
    const micros: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const blocked = round % 2 === 0;
      const wanted = blocked ? Effect.DENY : Effect.ALLOW;
      const value = blocklist(blocked, round);
      const started = performance.now();
      const patched = patch(a, 'finance/blocked_vendors', value);
      while ((await effectAtB()) !== wanted) {
        if (performance.now() - started > PATIENCE_MS) throw new Error('the other replica never followed');
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      micros.push((performance.now() - started) * 1000);
      await patched;
    }
    micros.sort((x, y) => x - y);
    const at = (share: number) => Math.round(micros[Math.floor(share * (micros.length - 1))] ?? 0);
    return {
      name: 'data patch, 1 MiB, in force on another replica',
      p50_us: at(0.5),
      p99_us: at(1),
      per_second: Math.round((1e6 / at(0.5)) * 10) / 10,
      cpu_us: 0,
    };
  } finally {
    a.close();
    b.close();
    await Promise.all([first.stop(), second.stop()]);
  }
}
