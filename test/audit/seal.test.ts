import { afterEach, describe, expect, test, vi } from 'vitest';
import type { RecordLog } from '../../src/audit/log.ts';
import { readRecords } from '../../src/audit/read.ts';
import { createSealer, type SealerOptions } from '../../src/audit/seal.ts';
import type { Trail } from '../../src/model/facts.ts';
import { reasonOf } from '../../src/model/reason.ts';
import { Fault } from '../../src/model/refusal.ts';
import { ask, PAYMENT } from '../catalog/fixture.ts';
import { ALLOW, DENY, openLog, parsed, scratch, trailOf } from './fixture.ts';

const AT = 1_760_000_000_000;

function sealerOn(log: RecordLog, faults: unknown[] = [], more: Partial<SealerOptions> = {}) {
  return createSealer({
    log,
    active: () => ({ revision: 'rev-9', activation: 9, dataVersion: 2 }),
    challenge: ({ code }) => (code === 'token.expired' ? 'Bearer error="invalid_token"' : undefined),
    dev: true,
    onFault: (cause) => faults.push(cause),
    noisePerSecond: 3,
    ...more,
  });
}

function noise(at: number, pep = 'gateway'): Trail {
  const asked = ask('payment.send', PAYMENT);
  return { ask: { ...asked, pep: { ...asked.pep, id: pep } }, at, id: DENY.id };
}

function recordsIn(dir: string): Record<string, unknown>[] {
  return [...readRecords(dir)].map(({ text }) => parsed(text));
}

afterEach(() => {
  vi.useRealTimers();
});

describe('sealing', () => {
  test('makes a decision of an answer, and its record is in the log', async () => {
    const dir = scratch();
    const log = openLog({ dir, durability: 'os' });
    const decision = await sealerOn(log).seal(trailOf(), ALLOW);
    await log.close();
    expect(decision).toMatchObject({
      ...ALLOW,
      requestId: '01890a5d-ac96-774b-bcce-b302099a8057',
      revision: 'rev-1',
      activation: 3,
      recordIndex: 0,
      provenance: { account: 'trusted', amount: 'user' },
    });
    expect(decision).not.toHaveProperty('challenge');
    expect(recordsIn(dir)[0]).toMatchObject({ decision_id: ALLOW.id, revision: 'rev-1', dev: true });
  });

  test('a refusal before policy names the rules in force, and a failed token how to do better', async () => {
    const dir = scratch();
    const log = openLog({ dir, durability: 'os' });
    const decision = await sealerOn(log).seal(noise(AT), DENY);
    await log.close();
    expect(decision).toMatchObject({
      revision: 'rev-9',
      activation: 9,
      challenge: 'Bearer error="invalid_token"',
      provenance: {},
    });
    expect(recordsIn(dir)[0]).toMatchObject({ revision: 'rev-9', activation: 9, data_version: 2 });
  });

  test.each([
    ['before its record is built', 0],
    ['after its record is built', 1],
  ])('rules activated %s are in neither the answer nor the record', async (_, builtFirst) => {
    const dir = scratch();
    const log = openLog({ dir, durability: 'os' });
    let active = { revision: 'rev-9', activation: 9, dataVersion: 2 };
    const activate = () => {
      active = { revision: 'rev-10', activation: 10, dataVersion: 3 };
    };
    const during: RecordLog = {
      ...log,
      append: (build) => {
        if (builtFirst === 0) activate();
        return log.append((index, previous) => {
          const built = build(index, previous);
          activate();
          return built;
        });
      },
    };
    const decision = await sealerOn(during, [], { active: () => active }).seal(noise(AT), DENY);
    await log.close();
    expect(active.activation).toBe(10);
    expect(decision).toMatchObject({ revision: 'rev-9', activation: 9 });
    expect(recordsIn(dir)[0]).toMatchObject({ revision: 'rev-9', activation: 9, data_version: 2 });
  });

  test('without a record there is no decision', async () => {
    const log = openLog({ dir: scratch(), durability: 'os' });
    await log.close();
    await expect(sealerOn(log).seal(trailOf(), ALLOW)).rejects.toBeInstanceOf(Fault);
    await expect(sealerOn(log, [], { noisePerSecond: 0 }).seal(noise(AT), DENY)).rejects.toBeInstanceOf(
      Fault,
    );
  });
});

describe('noise', () => {
  test('past a few in a second shares one record, and another counts it', async () => {
    const dir = scratch();
    const log = openLog({ dir, durability: 'disk' });
    const sealer = sealerOn(log);
    const decisions = await Promise.all(
      Array.from({ length: 500 }, (_, i) =>
        sealer.seal(
          noise(AT + i),
          i % 2 === 0 ? DENY : { ...DENY, reasons: [reasonOf('token.bad_signature')] },
        ),
      ),
    );
    await sealer.close();
    await log.close();
    const records = recordsIn(dir);
    expect(records).toHaveLength(5);
    for (const { recordIndex } of decisions) expect(records[recordIndex]).toBeDefined();
    expect(decisions.slice(0, 3).map(({ recordIndex }) => recordIndex)).toEqual([0, 1, 2]);
    expect(new Set(decisions.slice(3).map(({ recordIndex }) => recordIndex))).toEqual(new Set([3]));
    expect(records[3]).toMatchObject({
      kind: 'noise',
      pep: 'gateway',
      tenant: 'acme',
      ts: AT,
      window_ms: 1000,
    });
    expect(records[4]).toMatchObject({
      kind: 'noise',
      opened: 3,
      counts: { 'token.expired': 248, 'token.bad_signature': 249 },
    });
  });

  test('is counted by enforcement point and by second', async () => {
    const dir = scratch();
    const log = openLog({ dir, durability: 'os' });
    const sealer = sealerOn(log);
    for (const at of [AT, AT + 1000, AT + 2000])
      for (const pep of ['a', 'b']) for (let i = 0; i < 10; i += 1) await sealer.seal(noise(at, pep), DENY);
    await sealer.close();
    await log.close();
    const kinds = recordsIn(dir).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'decision')).toHaveLength(18);
    expect(kinds.filter((kind) => kind === 'noise')).toHaveLength(12);
  });

  test('is counted at the end of its second even when silence follows', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const dir = scratch();
    const log = openLog({ dir, durability: 'os' });
    const sealer = sealerOn(log);
    for (let i = 0; i < 5; i += 1) await sealer.seal(noise(AT), DENY);
    expect(recordsIn(dir)).toHaveLength(4);
    await vi.advanceTimersByTimeAsync(1001);
    expect(recordsIn(dir).at(-1)).toMatchObject({ kind: 'noise', opened: 3, counts: { 'token.expired': 2 } });
    await sealer.close();
    await log.close();
    expect(recordsIn(dir)).toHaveLength(5);
  });

  test('is only what nobody is known to have asked', async () => {
    const dir = scratch();
    const log = openLog({ dir, durability: 'os' });
    const sealer = sealerOn(log);
    const refused = { ...DENY, reasons: [reasonOf('token.actor_mismatch')] };
    for (let i = 0; i < 10; i += 1) await sealer.seal(trailOf(), refused);
    await sealer.close();
    await log.close();
    expect(recordsIn(dir)).toHaveLength(10);
  });

  test('whose count cannot be written is reported, and its answers keep their record', async () => {
    const dir = scratch();
    const log = openLog({ dir, durability: 'os' });
    const faults: unknown[] = [];
    const sealer = sealerOn(log, faults);
    for (let i = 0; i < 5; i += 1) await sealer.seal(noise(AT), DENY);
    await log.close();
    await sealer.close();
    expect(faults).toHaveLength(1);
    expect(recordsIn(dir).at(-1)).toMatchObject({ kind: 'noise', index: 3 });
  });
});
