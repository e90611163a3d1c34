/** Batches of as many asks as there may be, on Redis and with its default timeout. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshProofKey } from '../../src/cli/dev-material.ts';
import type { AuthorizeRequest } from '../../src/gen/assent/v1/authorization_pb.js';
import { liftLimits, mandate, read, request, said, type Told, tellBatch } from './asking.ts';
import { createFleet, type Fleet, type Replica } from './fleet.ts';
import { HAS_REDIS, type OwnRedis, ownRedis } from './own-redis.ts';

const FULL = 256;
const URL_ = 'https://tool.example/pay';

describe.skipIf(!HAS_REDIS)('full batches on Redis (redis-server or ASSENT_TEST_REDIS)', () => {
  const key = freshProofKey();
  let own: OwnRedis;
  let fleet: Fleet;
  let a: Replica;
  let b: Replica;
  let bearer: string;
  let bound: string;

  beforeAll(async () => {
    own = await ownRedis();
    fleet = createFleet();
    a = await fleet.start({ name: 'a', store: own.url });
    b = await fleet.start({ name: 'b', store: own.url });
    bearer = await fleet.token();
    bound = await fleet.token(key.jkt);
    await liftLimits(fleet, [a, b]);
  });
  afterAll(async () => {
    await fleet.end();
    await own.stop();
  });

  /**
   * The whole batch again while any ask of it is UNAVAILABLE: a machine that is busy otherwise may keep Redis from
   * its processor for longer than the timeout, once or twice.
   */
  async function settled(at: Replica, asks: readonly AuthorizeRequest[]): Promise<readonly Told[]> {
    for (let tries = 0; tries < 20; tries += 1) {
      const told = await tellBatch(at, asks);
      if (!told.some((one) => said(one) === 'UNAVAILABLE')) return told;
      await sleep(50);
    }
    throw new Error('the batch never was decided');
  }

  const prove = async () => ({
    token: bound,
    proof: await key.prove(bound, 'POST', URL_),
    method: 'POST',
    url: URL_,
  });
  const idOf = (told: Told): string => ('decision' in told ? told.decision.id : '');

  test.each<[what: string, tokens: () => Promise<Parameters<typeof request>[0]['token'][]>]>([
    ['a bearer token', async () => Array(FULL).fill(bearer)],
    ['one proof for all of them', async () => Array(FULL).fill(await prove())],
    ['a proof each', () => Promise.all(Array.from({ length: FULL }, prove))],
  ])('with %s: several in a row are allowed, and repeated by the other replica', async (_what, tokens) => {
    const { id: session } = await a.client.openSession(mandate());
    for (const [at, other] of [
      [a, b],
      [b, a],
      [a, b],
    ] as const) {
      const asks = (await tokens()).map((token) => request({ ...read(session), token }));
      const told = await settled(at, asks);
      expect(told.map(said)).toEqual(Array(FULL).fill('allow'));
      const ids = told.map(idOf);
      expect(new Set(ids).size).toBe(FULL);
      expect((await settled(other, asks)).map(idOf)).toEqual(ids);
    }
    expect((await b.client.getSession(session)).steps).toBe(3 * FULL);
  });
});
