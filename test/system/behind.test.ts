/** A replica that cannot load what the others decide by decides nothing, says so, and comes back by itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mandate, request, said, settle, type Told, tell } from './asking.ts';
import { createFleet, type Fleet, type Replica } from './fleet.ts';
import { HAS_REDIS, type OwnRedis, ownRedis } from './own-redis.ts';

/** Does not fit into 8 MiB beside the rest. */
const LARGE = Object.fromEntries(Array.from({ length: 45_000 }, (_, i) => [`v-${i}`, i]));

describe.skipIf(!HAS_REDIS)(
  'two processes, one of too little memory (redis-server or ASSENT_TEST_REDIS)',
  () => {
    let own: OwnRedis;
    let fleet: Fleet;
    let large: Replica;
    let small: Replica;
    let token: string;

    beforeAll(async () => {
      own = await ownRedis();
      fleet = createFleet();
      const telemetry = '127.0.0.1:0';
      large = await fleet.start({ name: 'large', store: own.url, telemetry });
      small = await fleet.start({ name: 'small', store: own.url, telemetry, policy: { memory_mib: 8 } });
      token = await fleet.token();
    });
    afterAll(async () => {
      await fleet.end();
      await own.stop();
    });

    const open = async (): Promise<string> =>
      (await large.client.openSession(mandate({ purpose: 'approve INV-1 of globex' }))).id;
    const approve = (session: string) =>
      request({
        action: 'invoice.approve',
        session,
        arguments: { vendor: 'globex', invoice: 'INV-1' },
        dryRun: true,
        token,
      });
    const rate = () =>
      request({ action: 'exchange_rate.read', arguments: { from: 'EUR', to: 'USD' }, token });
    const reason = (told: Told): string => ('failure' in told ? told.failure.reason : said(told));
    const isReady = async (at: Replica): Promise<boolean> =>
      (await fetch(`http://${at.telemetry}/readyz`)).ok;
    const gauges = async (at: Replica): Promise<Record<string, number>> => {
      const text = await (await fetch(`http://${at.telemetry}/metrics`)).text();
      const lines = [...text.matchAll(/^assent_policy_(\w+) (\d+)$/gm)];
      return Object.fromEntries(lines.map(([, name, value]) => [name, Number(value)]));
    };
    const untilReady = async (at: Replica, wanted: boolean): Promise<void> => {
      for (let tries = 0; tries < 300 && (await isReady(at)) !== wanted; tries += 1) await sleep(100);
      expect(await isReady(at)).toBe(wanted);
    };

    test('it allows nothing by data that is known to be superseded, and is not ready', async () => {
      const [session, other] = [await open(), await open()];
      for (const at of [large, small]) expect(said(await tell(at, approve(session)))).not.toBe('UNAVAILABLE');
      const before = await gauges(small);
      expect(before).toEqual({ ...(await gauges(large)), behind: 0 });

      await large.client.patchData('finance/large', { value: LARGE });
      const version = await large.client.patchData('finance/blocked_vendors/globex', { value: true });
      expect(said(await tell(large, approve(session)))).toBe('policy.vendor_blocked');
      await untilReady(small, false);
      expect(await isReady(large)).toBe(true);
      for (const asked of [approve(session), approve(other), rate()])
        expect(reason(await tell(small, asked))).toBe('POLICY_BEHIND');
      expect(await gauges(small)).toEqual({ ...before, behind: 1 });
      expect(await gauges(large)).toEqual({ ...before, data_version: version, behind: 0 });

      await large.client.patchData('finance/large', { remove: true });
      await untilReady(small, true);
      expect(said(await tell(small, approve(session)))).toBe('policy.vendor_blocked');
      expect(await gauges(small)).toEqual({ ...before, data_version: version + 1, behind: 0 });
    });

    test('a step by newer data is never followed by a decision by older data', async () => {
      const session = await open();
      const read = () => request({ action: 'invoice.read', session, arguments: { invoice: 'INV-1' }, token });
      for (let i = 0; i < 6; i += 1) {
        const blocked = i % 2 === 0;
        const change = blocked ? ({ value: true } as const) : ({ remove: true } as const);
        await large.client.patchData('finance/blocked_vendors/globex', change);
        await settle(large, read());
        // A replica that is not there yet catches up, or says that it could not.
        const decision = await settle(small, approve(session));
        expect(said({ decision }) === 'policy.vendor_blocked').toBe(blocked);
      }
    });
  },
);
