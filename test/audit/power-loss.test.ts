/**
 * What a loss of power leaves of the batch under way: of each of its sectors the new content or none. The files only
 * grow, so where nothing reached the disk there are zeros, or the file ends before.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeDisk } from '../../src/audit/disk.ts';
import { openFileLog } from '../../src/audit/file.ts';
import { endOfFrame } from '../../src/audit/frame.ts';
import type { BuildRecord } from '../../src/audit/log.ts';
import { LogDamaged } from '../../src/audit/log.ts';
import { readRecords } from '../../src/audit/read.ts';
import { recover } from '../../src/audit/recover.ts';
import { canonicalJson, type JsonValue } from '../../src/model/json.ts';
import { Fault } from '../../src/model/refusal.ts';
import { FAST, openLog, plain, scratch } from './fixture.ts';
import { FORGED, fitted } from './forged.ts';

const SECTOR = 512;
/** Records of one batch. */
const BATCH = 64;
const FIRST = '0000000000000000.records';

function holding(claimed: JsonValue, note = ''): BuildRecord {
  return (index, previous) => ({ text: canonicalJson({ claimed, index, note, previous }), openings: [] });
}

/** The bytes of a log with these records, and where it ends after each of them; the first is where it begins. */
interface Written {
  readonly bytes: Buffer;
  readonly ends: readonly number[];
}

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(FAST, 'assent-power-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function written(builders: readonly BuildRecord[]): Promise<Written> {
  empty();
  const log = openFileLog({ dir, durability: 'os' });
  await Promise.all(builders.map(log.append));
  await log.close();
  return {
    bytes: readFileSync(join(dir, FIRST)),
    ends: [64, ...[...readRecords(dir)].map(({ end }) => end)],
  };
}

function empty(): void {
  for (const name of readdirSync(dir)) rmSync(join(dir, name));
}

/** Records that are found when a server starts on these bytes. */
function foundIn(bytes: Buffer): number {
  empty();
  writeFileSync(join(dir, FIRST), bytes);
  return recover(dir, { verify: 'all', unflushed: BATCH }).recovery.records;
}

/** What is there of a batch that began at `start`: the sectors that are kept, up to where the file ends. */
function torn(bytes: Buffer, start: number, isKept: (sector: number) => boolean): Buffer {
  const left = Buffer.from(bytes);
  for (let at = start, sector = 0; at < bytes.length; sector += 1) {
    const next = Math.floor(at / SECTOR + 1) * SECTOR;
    if (!isKept(sector)) left.fill(0, at, Math.min(next, left.length));
    at = next;
  }
  return left;
}

const ordinary = fc.nat(3000).map((length) => plain('x'.repeat(length)));
const forging = fc.nat(600).map((length) => holding(FORGED, 'y'.repeat(length)));
const record = fc.oneof({ weight: 4, arbitrary: ordinary }, { weight: 1, arbitrary: forging });

describe('a loss of power', () => {
  test('costs no record that was acknowledged, whatever sectors of the batch under way it leaves', {
    timeout: 120_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { maxLength: 4 }),
        fc.oneof(
          fc.array(record, { minLength: 1, maxLength: 6 }),
          fc.array(record, { minLength: BATCH, maxLength: BATCH }),
        ),
        fc.infiniteStream(fc.boolean()),
        fc.option(fc.nat(200)),
        async (acknowledged, batch, kept, cut) => {
          const whole = await written([...acknowledged, ...batch]);
          const start = whole.ends[acknowledged.length] ?? 0;
          const left = torn(whole.bytes, start, () => kept.next().value === true);
          const end = cut === null ? left.length : Math.ceil(start / SECTOR + cut) * SECTOR;
          const records = foundIn(left.subarray(0, end));
          expect(records).toBeGreaterThanOrEqual(acknowledged.length);
          const now = readFileSync(join(dir, FIRST));
          expect(now.equals(whole.bytes.subarray(0, whole.ends[records]))).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('leaves a log that opens when the sector where the batch began is the only one that is lost', {
    timeout: 60_000,
  }, async () => {
    // Every place in a sector at which a batch may begin, a record that forges being the first of it.
    const { length } = Buffer.from(plain()(0, 'A'.repeat(43)).text);
    for (let pad = 0; pad < SECTOR; pad += 1) {
      const { bytes, ends } = await written([plain('x'.repeat(pad)), holding(FORGED), plain(), plain()]);
      expect(ends[1]).toBe(64 + 6 + length - 1 + pad);
      const left = torn(bytes, ends[1] ?? 0, (sector) => sector > 0);
      expect(foundIn(left)).toBe(1);
    }
  });

  test('leaves more that looks like records than a batch holds, and the log opens', async () => {
    const batch = Array.from({ length: BATCH }, () => holding(FORGED));
    const { bytes, ends } = await written([plain(), ...batch]);
    // The first sector of every record is lost: none is whole, and what each holds comes to light.
    const left = Buffer.from(bytes);
    for (const end of ends.slice(1, -1)) {
      const next = Math.ceil((end + 1) / SECTOR) * SECTOR;
      left.fill(0, Math.max(next - SECTOR, ends[1] ?? 0), next);
    }
    const places = Object.values(FORGED).flatMap((value) => placesOf(left, canonicalJson(value)));
    const found = places.filter((at) => endOfFrame(left, at - 6) !== undefined);
    expect(found.length).toBeGreaterThan(BATCH);
    expect(foundIn(left)).toBe(1);
  });

  test('leaves zeros before a text that was made to fit them, and the log opens', async () => {
    const inner = fitted();
    const probe = await written([plain(), holding([inner])]);
    const bracket = probe.bytes.indexOf('[{"index"');
    // Both bytes of its length: a zero of the lost sector and the bracket that the next one begins with.
    const pad = (SECTOR - (bracket % SECTOR)) % SECTOR;
    const { bytes, ends } = await written([plain('x'.repeat(1 + pad)), holding([inner])]);
    const at = bytes.indexOf('[{"index"');
    expect(at % SECTOR).toBe(0);
    const left = torn(bytes, ends[1] ?? 0, (sector) => sector > 0);
    expect(endOfFrame(left, at - 5)).toBe(at + 1 + '['.charCodeAt(0));
    expect(foundIn(left)).toBe(1);
  });
});

function placesOf(bytes: Buffer, text: string): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) places.push(at);
  return places;
}

describe('an alteration of what was acknowledged', () => {
  /** Zeros from a record's beginning to the end of its sector are what a loss of power leaves there. */
  function looksLost(bytes: Buffer, start: number): boolean {
    const border = Math.ceil(start / SECTOR) * SECTOR;
    return border > start && bytes.subarray(start, border).every((byte) => byte === 0);
  }

  test('of any byte is refused when a whole record follows, whatever a loss of power left of the batch behind it', {
    timeout: 120_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(ordinary, { minLength: 1, maxLength: 6 }),
        fc.array(record, { maxLength: 6 }),
        fc.infiniteStream(fc.boolean()),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 1, max: 255 }),
        async (acknowledged, batch, kept, where, flip) => {
          const { bytes, ends } = await written([...acknowledged, plain('followed'), ...batch]);
          const flushed = ends[acknowledged.length] ?? 0;
          const start = ends[acknowledged.length + 1] ?? 0;
          const altered = torn(bytes, start, () => kept.next().value === true);
          const at = Math.floor(where * flushed);
          altered.writeUInt8(altered.readUInt8(at) ^ flip, at);
          fc.pre(!looksLost(altered, ends.findLast((end) => end <= at) ?? 0));
          expect(() => foundIn(altered)).toThrow(LogDamaged);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('of the last record is refused when only what was written behind the batch\u2019s lost beginning is whole', async () => {
    for (let pad = 0; pad < SECTOR; pad += 1) {
      const builders = [plain(), plain('x'.repeat(pad)), plain('x'.repeat(900)), plain()];
      const { bytes, ends } = await written(builders);
      const [start = 0, end = 0] = ends.slice(1, 3);
      const left = torn(bytes, end, (sector) => sector > 0);
      expect(foundIn(left)).toBe(2);
      left.writeUInt8(left.readUInt8(start + 40) ^ 1, start + 40);
      expect(() => foundIn(left)).toThrow('record is damaged');
    }
  });

  test.each([
    ['short', 100, 2],
    ['long', 9000, 1],
  ])(
    'by blank pages is refused when %s records follow that one batch does not hold',
    async (_, length, batches) => {
      const records = Array.from({ length: batches * BATCH + 32 }, () => plain('x'.repeat(length)));
      const { bytes, ends } = await written(records);
      const page = Math.ceil((ends[1] ?? 0) / 4096) * 4096;
      const left = Buffer.from(bytes).fill(0, page, page + 4096);
      expect(() => foundIn(left)).toThrow('record is damaged');
      // Also where more is gone, so that fewer records than a batch follow each gap.
      const middle = Math.floor((ends.at(-20) ?? 0) / 4096) * 4096;
      left.fill(0, middle, middle + 4096);
      expect(() => foundIn(left)).toThrow('record is damaged');
      if (length > SECTOR) return;
      for (let at = page; at < left.length; at += 4096) left.fill(0, at, Math.min(at + 3072, left.length));
      expect(() => foundIn(left)).toThrow('record is damaged');
    },
  );
});

test.each(['os', 'disk'] as const)(
  'what was taken back is off the disk before anything is written in its place (%s)',
  async (durability) => {
    const calls: string[] = [];
    let failing = false;
    const log = openLog({
      dir: scratch(FAST),
      durability,
      disk: {
        write(fd, bytes, length) {
          calls.push('write');
          return nodeDisk.write(fd, bytes, failing ? 40 : length);
        },
        truncate(fd, length) {
          calls.push('truncate');
          nodeDisk.truncate(fd, length);
        },
        sync: nodeDisk.sync,
        syncNow(fd) {
          calls.push('sync');
          if (failing) throw new Error('EIO');
          nodeDisk.syncNow(fd);
        },
      },
    });
    failing = true;
    for (let tries = 0; tries < 2; tries += 1)
      await expect(log.append(plain('lost'))).rejects.toBeInstanceOf(Fault);
    failing = false;
    await log.append(plain());
    await log.close();
    expect(calls).toEqual(['write', 'truncate', 'sync', 'truncate', 'sync', 'write']);
  },
);
