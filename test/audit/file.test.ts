import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { NO_RECORD } from '../../src/audit/frame.ts';
import { readOpenings } from '../../src/audit/openings.ts';
import { readRecords, verifyLog } from '../../src/audit/read.ts';
import { buildRecord } from '../../src/audit/record.ts';
import { Fault } from '../../src/model/refusal.ts';
import { ALLOW, openLog, PLACE, parsed, plain, scratch, trailOf } from './fixture.ts';

describe.each(['os', 'disk'] as const)('a record log on disk, durability %s', (durability) => {
  test('numbers records from 0 and chains each to the one before', async () => {
    const dir = scratch();
    const log = openLog({ dir, durability });
    const places = await Promise.all(Array.from({ length: 100 }, (_, i) => log.append(plain(`note ${i}`))));
    await log.close();
    expect(places.map(({ index }) => index)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    const records = [...readRecords(dir)];
    expect(records.map(({ text }) => parsed(text)['note'])).toEqual(records.map((_, i) => `note ${i}`));
    let previous = NO_RECORD;
    for (const { text, hash } of records) {
      expect(parsed(text)['previous']).toBe(previous);
      previous = hash;
    }
    expect(verifyLog(dir)).toEqual({ records: 100, head: previous, tornBytes: 0 });
  });

  test('goes on where it was, also across segments', async () => {
    const dir = scratch();
    for (let round = 0; round < 4; round += 1) {
      const log = openLog({ dir, durability, segmentBytes: 2000 });
      expect(log.recovered).toEqual({ records: round * 50, droppedBytes: 0, droppedTo: undefined });
      for (let i = 0; i < 50; i += 1) {
        expect(await log.append(plain('x'.repeat(i)))).toEqual({ index: round * 50 + i });
        // Lets the flush that precedes a new segment end.
        if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await log.close();
    }
    expect(readdirSync(dir).filter((name) => name.endsWith('.records')).length).toBeGreaterThan(3);
    expect(verifyLog(dir).records).toBe(200);
    const log = openLog({ dir, durability, verify: 'tail' });
    expect(log.recovered.records).toBe(200);
    await log.close();
  });

  test('a builder that throws costs its own append and no place', async () => {
    const dir = scratch();
    const log = openLog({ dir, durability });
    const settled = await Promise.allSettled([
      log.append(plain('a')),
      log.append(() => {
        throw new RangeError('record is too long');
      }),
      log.append(plain('b')),
      log.append((index, previous) => ({
        text: JSON.stringify({ index, previous, x: 'x'.repeat(65_536) }),
        openings: [],
      })),
      log.append(plain('c')),
    ]);
    await log.close();
    expect(
      settled.map((each) => (each.status === 'fulfilled' ? each.value.index : each.reason.reason)),
    ).toEqual([0, 'AUDIT_UNAVAILABLE', 1, 'AUDIT_UNAVAILABLE', 2]);
    expect(verifyLog(dir).records).toBe(3);
  });

  test('holds the longest record there may be', async () => {
    const dir = scratch();
    const log = openLog({ dir, durability });
    const longest = (index: number, previous: string) => {
      const bare = JSON.stringify({ index, note: '', previous }).length;
      return plain('x'.repeat(65_535 - bare))(index, previous);
    };
    for (let i = 0; i < 5; i += 1) await log.append(longest);
    await log.close();
    expect([...readRecords(dir)].map(({ text }) => Buffer.byteLength(text))).toEqual(Array(5).fill(65_535));
  });

  test('keeps openings apart from the records, and only there', async () => {
    const dir = scratch();
    const log = openLog({ dir, durability });
    await log.append((index, previous) => buildRecord(trailOf(), ALLOW, { ...PLACE, index, previous }));
    await log.close();
    const segment = readFileSync(join(dir, '0000000000000000.records'), 'utf8');
    expect(segment).not.toContain('DE89370400440532013000');
    const [record] = [...readRecords(dir)];
    const facts = parsed(record?.text ?? '{}')['facts'] as { args: { account: { commitment: string } } };
    expect(readOpenings(dir).get(facts.args.account.commitment)?.value).toBe('"DE89370400440532013000"');
  });

  test('lets one writer in at a time', async () => {
    const dir = scratch();
    const log = openLog({ dir, durability });
    expect(() => openLog({ dir, durability })).toThrow('in use');
    await log.close();
    const next = openLog({ dir, durability });
    await next.close();
  });

  test('a closed log writes nothing', async () => {
    const dir = scratch();
    const log = openLog({ dir, durability });
    await log.append(plain());
    await log.close();
    await expect(log.append(plain())).rejects.toBeInstanceOf(Fault);
    expect(verifyLog(dir).records).toBe(1);
  });

  test('is readable by its owner alone', async () => {
    const dir = join(scratch(), 'log');
    const log = openLog({ dir, durability });
    await log.append((index, previous) => buildRecord(trailOf(), ALLOW, { ...PLACE, index, previous }));
    await log.close();
    expect(statSync(dir).mode & 0o077).toBe(0);
    for (const name of readdirSync(dir).filter((each) => each.startsWith('0')))
      expect(statSync(join(dir, name)).mode & 0o077).toBe(0);
    expect(existsSync(join(dir, '0000000000000000.openings'))).toBe(true);
  });
});

describe('a frame', () => {
  test('is a checksum and then an entry as C2SP tiles bundle it', async () => {
    const dir = scratch();
    const log = openLog({ dir, durability: 'os' });
    await log.append(plain('leaf'));
    await log.close();
    const bytes = readFileSync(join(dir, '0000000000000000.records')).subarray(64);
    const length = bytes.readUInt16BE(4);
    expect(bytes.length).toBe(6 + length);
    const text = bytes.toString('utf8', 6);
    expect(text).toBe(`{"index":0,"note":"leaf","previous":"${NO_RECORD}"}`);
    const { createHash } = await import('node:crypto');
    const leaf = createHash('sha256').update(Buffer.of(0)).update(text).digest('base64url');
    expect(verifyLog(dir).head).toBe(leaf);
  });
});
