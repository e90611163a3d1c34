/** How long after a push of a mebibyte of data to one replica does another decide by it? */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AuthorizeResponseSchema, Effect } from '../src/gen/assent/v1/authorization_pb.js';
import { OpenSessionRequestSchema, OpenSessionResponseSchema } from '../src/gen/assent/v1/session_pb.js';
import type { Measured } from './measure.ts';
import { paymentBytes } from './payment.ts';
import { startRemote } from './remote.ts';
import { connect, PATHS, patch, type Wire } from './wire.ts';
import { LIFTED, MANDATE, mintToken, type World } from './world.ts';

export const PATCH = 'data patch, 1 MiB, in force on another replica';
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

export interface Replicas {
  readonly world: World;
  /** Where the development material is. */
  readonly dev: string;
  /** Of the first; the second's has `.second` at its end. */
  readonly configFile: string;
  readonly redis: string;
}

/** Patches through one of two replicas on one Redis and asks the other until it decides by the new data. */
export async function measurePatch(replicas: Replicas, rounds: number): Promise<Measured> {
  const { dev, configFile, redis } = replicas;
  const first = await startRemote('./server.ts', [dev, configFile, redis]);
  try {
    const second = await startRemote('./server.ts', [dev, `${configFile}.second`, redis]);
    const key = readFileSync(join(dev, 'pep.key'), 'utf8').trim();
    const [a, b] = [connect(first.address, key), connect(second.address, key)];
    try {
      return figuresOf(await playRounds({ a, b, world: replicas.world, rounds }));
    } finally {
      a.close();
      b.close();
      await second.stop();
    }
  } finally {
    await first.stop();
  }
}

interface Rounds {
  readonly a: Wire;
  readonly b: Wire;
  readonly world: World;
  readonly rounds: number;
}

/** @returns microseconds from each patch being sent to `a` until `b` answers by it */
async function playRounds({ a, b, world, rounds }: Rounds): Promise<number[]> {
  for (const [path, value] of LIFTED) await patch(a, path, value);
  const token = await mintToken(world.issuerKey, 'a0');
  const open = toBinary(OpenSessionRequestSchema, create(OpenSessionRequestSchema, { mandate: MANDATE }));
  const session = fromBinary(OpenSessionResponseSchema, await b.unary(PATHS.open, open)).session?.id ?? '';
  const effectAtB = async () => {
    const answer = await b.unary(PATHS.unary, paymentBytes({ token, session }));
    return fromBinary(AuthorizeResponseSchema, answer).decision?.effect;
  };
  const untilB = async (wanted: Effect, started: number): Promise<number> => {
    while ((await effectAtB()) !== wanted) {
      if (performance.now() - started > PATIENCE_MS) throw new Error('the other replica never followed');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return (performance.now() - started) * 1000;
  };
  const micros: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const blocked = round % 2 === 0;
    const value = blocklist(blocked, round);
    const followed = untilB(blocked ? Effect.DENY : Effect.ALLOW, performance.now());
    const [took] = await Promise.all([followed, patch(a, 'finance/blocked_vendors', value)]);
    micros.push(took);
  }
  return micros;
}

function figuresOf(micros: readonly number[]): Measured {
  const sorted = micros.toSorted((x, y) => x - y);
  const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
  return {
    name: PATCH,
    p50_us: at(0.5),
    p99_us: at(1),
    per_second: Math.round((1e6 / at(0.5)) * 10) / 10,
    cpu_us: 0,
  };
}
