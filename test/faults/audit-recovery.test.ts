import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { openFileLog } from '../../src/audit/file.ts';
import { encodeFrame } from '../../src/audit/frame.ts';
import { LogDamaged } from '../../src/audit/log.ts';
import { readRecords, verifyLog } from '../../src/audit/read.ts';
import { buildRecord } from '../../src/audit/record.ts';
import { createSegment, readHeader } from '../../src/audit/segments.ts';
import { canonicalJson } from '../../src/model/json.ts';
import { ALLOW, FAST, PLACE, plain, scratch, trailOf } from '../audit/fixture.ts';

const FIRST = '0000000000000000.records';

/** Opens, appends one record, closes, and says what was found. */
async function reopen(dir: string, verify: 'all' | 'tail' = 'all') {
  const log = openFileLog({ dir, durability: 'os', verify });
  const { index } = await log.append(plain('after'));
  await log.close();
  return { recovered: log.recovered, index };
}

async function written(dir: string, records: number, segmentBytes = 1 << 26, word = 'note'): Promise<void> {
  const log = openFileLog({ dir, durability: 'disk', segmentBytes });
  for (let i = 0; i < records; i += 1) await log.append(plain(`${word} ${i}`));
  await log.close();
}

describe('a torn tail', () => {
  let whole: Buffer;
  let ends: readonly number[];

  beforeAll(async () => {
    const dir = mkdtempSync(join(FAST, 'assent-torn-'));
    await written(dir, 5);
    whole = readFileSync(join(dir, FIRST));
    ends = [64, ...[...readRecords(dir)].map(({ end }) => end)];
    rmSync(dir, { recursive: true });
  });

  function withBytes(bytes: Buffer): string {
    const dir = scratch(FAST);
    writeFileSync(join(dir, FIRST), bytes);
    return dir;
  }

  test('cut at any byte of the last two records keeps every whole one', { timeout: 60_000 }, async () => {
    const third = ends[3] ?? 0;
    for (let cut = third; cut <= whole.length; cut += 1) {
      const dir = withBytes(whole.subarray(0, cut));
      const kept = ends.filter((end) => end <= cut).length - 1;
      const prefix = ends[kept] ?? 0;
      const { recovered, index } = await reopen(dir);
      expect(recovered).toMatchObject({ records: kept, droppedBytes: cut - prefix });
      expect(index).toBe(kept);
      expect(verifyLog(dir)).toMatchObject({ records: kept + 1, tornBytes: 0 });
      if (recovered.droppedTo !== undefined)
        expect(readFileSync(recovered.droppedTo).equals(whole.subarray(prefix, cut))).toBe(true);
    }
  });

  test('with any bit of the last record flipped drops that record and nothing else', {
    timeout: 60_000,
  }, async () => {
    const start = ends[4] ?? 0;
    for (let bit = start * 8; bit < whole.length * 8; bit += 1) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const dir = withBytes(bytes);
      const log = openFileLog({ dir, durability: 'os' });
      await log.close();
      expect(log.recovered).toMatchObject({ records: 4, droppedBytes: whole.length - start });
      expect(verifyLog(dir)).toMatchObject({ records: 4, tornBytes: 0 });
    }
  });

  test.each<[string, Buffer]>([
    ['zeros', Buffer.alloc(5000)],
    ['ones', Buffer.alloc(5000, 255)],
    ['half a record', Buffer.from('00000000', 'hex')],
  ])('of %s is set aside', async (_, tail) => {
    const dir = withBytes(Buffer.concat([whole, tail]));
    const { recovered } = await reopen(dir);
    expect(recovered).toMatchObject({ records: 5, droppedBytes: tail.length });
    expect(verifyLog(dir).records).toBe(6);
  });

  test('recovered twice is the same log', async () => {
    const dir = withBytes(whole.subarray(0, whole.length - 1));
    await reopen(dir);
    const { recovered } = await reopen(dir);
    expect(recovered).toMatchObject({ records: 5, droppedBytes: 0 });
  });

  test('a reader stops before it and says so', () => {
    const dir = withBytes(whole.subarray(0, whole.length - 1));
    expect(verifyLog(dir)).toMatchObject({ records: 4, tornBytes: whole.length - 1 - (ends[4] ?? 0) });
  });
});

describe('damage before the end of the last segment', () => {
  const RECORDS = 160;
  let whole: Buffer;
  /** Offsets between records: the first record begins at `ends[0]`. */
  let ends: readonly number[];

  beforeAll(async () => {
    const dir = mkdtempSync(join(FAST, 'assent-damaged-'));
    await written(dir, RECORDS, 1 << 26, 'x'.repeat(100));
    whole = readFileSync(join(dir, FIRST));
    ends = [64, ...[...readRecords(dir)].map(({ end }) => end)];
    rmSync(dir, { recursive: true });
  });

  function withBytes(bytes: Buffer): string {
    const dir = scratch(FAST);
    writeFileSync(join(dir, FIRST), bytes);
    return dir;
  }
  /** The log with this stretch of it overwritten. */
  function filled(from: number, to: number, byte: number): Buffer {
    return Buffer.from(whole).fill(byte, from, to);
  }
  /** Damage behind `kept` records: is not opened, says where, and opens once what it advises was done. */
  async function refused(dir: string, kept: number, durability: 'os' | 'disk' = 'os'): Promise<void> {
    const at = ends[kept] ?? 0;
    const file = join(dir, FIRST);
    const before = readFileSync(file);
    expect(() => openFileLog({ dir, durability })).toThrow(
      `record is damaged in \`${file}\` at byte ${at}, and whole records follow from byte`,
    );
    expect(() => openFileLog({ dir, durability })).toThrow(`\`truncate -s ${at} ${file}\``);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(dir).filter((name) => name.endsWith('.torn'))).toEqual([]);
    truncateSync(file, at);
    expect((await reopen(dir)).recovered).toMatchObject({ records: kept, droppedBytes: 0 });
  }

  test('by any byte of a record that is not the last is no torn tail, and is refused', {
    timeout: 60_000,
  }, async () => {
    for (const record of [0, RECORDS - 2])
      for (let at = ends[record] ?? 0; at < (ends[record + 1] ?? 0); at += 1) {
        const bytes = Buffer.from(whole);
        bytes.writeUInt8(bytes.readUInt8(at) ^ 16, at);
        const dir = withBytes(bytes);
        expect(() => verifyLog(dir)).toThrow(LogDamaged);
        await refused(dir, record);
      }
  });

  test.each<[string, (start: number, end: number) => Buffer, number]>([
    ['cut out', (start, end) => Buffer.concat([whole.subarray(0, start), whole.subarray(end)]), 50],
    [
      'cut out in part',
      (start, end) => Buffer.concat([whole.subarray(0, start + 9), whole.subarray(end)]),
      50,
    ],
    ['overwritten with ones', (start, end) => filled(start, end, 255), 50],
    ['overwritten with less than a sector of zeros', (start, end) => filled(start, end, 0), 50],
    [
      'preceded by bytes of nobody',
      (start) => Buffer.concat([whole.subarray(0, start), Buffer.from('???'), whole.subarray(start)]),
      50,
    ],
    [
      'followed by nothing but one whole record and a cut one',
      (start) => filled(start, start + 1, 255).subarray(0, (ends[53] ?? 0) - 4),
      50,
    ],
  ])('with a record %s is refused', async (what, damage, kept) => {
    const dir = withBytes(damage(ends[kept] ?? 0, ends[kept + 1] ?? 0));
    // A record that is missing as a whole leaves an intact one that does not continue the chain.
    if (what === 'cut out') expect(() => openFileLog({ dir, durability: 'os' })).toThrow('does not continue');
    else await refused(dir, kept);
  });

  test('by the loss of a record\u2019s end is refused, whatever the next one\u2019s first bytes are', {
    timeout: 60_000,
  }, async () => {
    // Its length has a zero, and so may its checksum.
    for (let kept = 0; kept < RECORDS - 2; kept += 1) {
      const [start = 0, next = 0, end = 0] = ends.slice(kept, kept + 3);
      expect(whole.readUInt16BE(next + 4)).toBeLessThan(256);
      await refused(
        withBytes(Buffer.concat([whole.subarray(0, start + 20), whole.subarray(next, end)])),
        kept,
      );
    }
  });

  const pageAfter = (offset: number): number => Math.ceil(offset / 4096) * 4096;

  test.each(['os', 'disk'] as const)(
    'by a page that was never written before the power went is a torn tail with durability %s',
    async (durability) => {
      // Behind the page stand fewer records than one batch holds.
      const page = pageAfter(ends[RECORDS - 60] ?? 0);
      const dir = withBytes(filled(page, page + 4096, 0));
      const kept = ends.filter((end) => end <= page).length - 1;
      const log = openFileLog({ dir, durability });
      await log.close();
      const droppedBytes = whole.length - (ends[kept] ?? 0);
      expect(log.recovered).toMatchObject({ records: kept, droppedBytes });
      expect(readFileSync(log.recovered.droppedTo ?? '').length).toBe(droppedBytes);
      expect(verifyLog(dir)).toMatchObject({ records: kept, tornBytes: 0 });
    },
  );

  test.each(['os', 'disk'] as const)(
    'by the rest of the sector in which a batch begins is a torn tail with durability %s',
    async (durability) => {
      const kept = RECORDS - 60;
      const start = ends[kept] ?? 0;
      const border = Math.ceil(start / 512) * 512;
      // To the byte: with one more or less it is no sector that was lost.
      await refused(withBytes(filled(start, border - 1, 0)), kept, durability);
      const log = openFileLog({ dir: withBytes(filled(start, border, 0)), durability });
      await log.close();
      expect(log.recovered).toMatchObject({ records: kept, droppedBytes: whole.length - start });
    },
  );

  test('by a blank page is refused with durability disk when more than a batch of flushed records follows', async () => {
    const page = pageAfter(ends[2] ?? 0);
    const kept = ends.filter((end) => end <= page).length - 1;
    expect(RECORDS - kept).toBeGreaterThan(64);
    await refused(withBytes(filled(page, page + 4096, 0)), kept, 'disk');
    const log = openFileLog({ dir: withBytes(filled(page, page + 4096, 0)), durability: 'os' });
    await log.close();
    expect(log.recovered.records).toBe(kept);
  });

  test('is not seen where a decision\u2019s record was cut, whatever it holds', {
    timeout: 60_000,
  }, async () => {
    const dir = scratch(FAST);
    const log = openFileLog({ dir, durability: 'os' });
    for (let i = 0; i < 2; i += 1)
      await log.append((index, previous) => buildRecord(trailOf(), ALLOW, { ...PLACE, index, previous }));
    await log.close();
    const bytes = readFileSync(join(dir, FIRST));
    const [first] = [...readRecords(dir)];
    for (let cut = (first?.end ?? 0) + 1; cut < bytes.length; cut += 1) {
      const torn = openFileLog({ dir: withBytes(bytes.subarray(0, cut)), durability: 'os' });
      await torn.close();
      expect(torn.recovered.records).toBe(1);
    }
  });
});

describe('what only looks like a record', () => {
  const HASH = 'A'.repeat(43);

  async function begun(): Promise<{ readonly dir: string; readonly bytes: Buffer }> {
    const dir = scratch(FAST);
    await written(dir, 3);
    return { dir, bytes: readFileSync(join(dir, FIRST)) };
  }

  function frameOf(text: string): Buffer {
    const into = Buffer.alloc(text.length + 16);
    return into.subarray(0, encodeFrame(text, into, 0).end);
  }

  /** A member whose name and colon end in what a frame of its value begins with: checksum and length. */
  function forged(index: number): readonly [string, { readonly index: number; readonly previous: string }] {
    const LENGTH = '":';
    for (let tries = 0; ; tries += 1) {
      const value = { index, pad: '', previous: HASH };
      const room = Buffer.from(LENGTH).readUInt16BE() - canonicalJson(value).length;
      const padded = { ...value, pad: String(tries).padEnd(room, 'a') };
      const checksum = Buffer.alloc(4);
      checksum.writeUInt32BE(crc32(LENGTH + canonicalJson(padded)));
      if (checksum.every((byte) => byte > 34 && byte < 127 && byte !== 92))
        return [checksum.toString('latin1'), padded];
    }
  }

  test('inside a record that was cut is part of it, and the log opens', { timeout: 60_000 }, async () => {
    const { dir, bytes } = await begun();
    const [name, value] = forged(5);
    const log = openFileLog({ dir, durability: 'os' });
    await log.append((index, previous) => ({
      text: canonicalJson({ claimed: { [name]: value }, index, previous }),
      openings: [],
    }));
    await log.close();
    const whole = readFileSync(join(dir, FIRST));
    const inner = canonicalJson(value);
    const at = whole.indexOf(inner);
    expect(frameOf(inner).equals(whole.subarray(at - 6, at + inner.length))).toBe(true);
    for (let cut = at + inner.length; cut < whole.length; cut += 1) {
      writeFileSync(join(dir, FIRST), whole.subarray(0, cut));
      const torn = openFileLog({ dir, durability: 'os' });
      await torn.close();
      expect(torn.recovered).toMatchObject({ records: 3, droppedBytes: cut - bytes.length });
    }
  });

  test('inside a record whose end was never written is part of it, where zeros stand for that end', {
    timeout: 60_000,
  }, async () => {
    const { dir, bytes } = await begun();
    const [name, value] = forged(5);
    const log = openFileLog({ dir, durability: 'os' });
    await log.append((index, previous) => ({
      text: canonicalJson({ claimed: { [name]: value }, index, note: 'y'.repeat(6000), previous }),
      openings: [],
    }));
    await log.close();
    const whole = readFileSync(join(dir, FIRST));
    const inner = canonicalJson(value);
    const behind = Math.ceil((whole.indexOf(inner) + inner.length) / 512) * 512;
    for (let from = behind; from < whole.length; from += 512)
      for (const to of [Math.min(from + 512, whole.length), whole.length]) {
        writeFileSync(join(dir, FIRST), Buffer.from(whole).fill(0, from, to));
        const torn = openFileLog({ dir, durability: 'os' });
        await torn.close();
        expect(torn.recovered).toMatchObject({ records: 3, droppedBytes: whole.length - bytes.length });
      }
  });

  test.each<[string, string, boolean]>([
    ['a record behind the damage', `{"index":3,"previous":"${HASH}"}`, true],
    ['one of long after', `{"a":{"b":1},"index":7000,"previous":"${HASH}"}`, true],
    ['one of before, as a reused sector holds', `{"index":2,"previous":"${HASH}"}`, false],
    ['an index that is no number', `{"index":"3","previous":"${HASH}"}`, false],
    ['an index with a fraction', `{"index":3.5,"previous":"${HASH}"}`, false],
    ['no index', `{"previous":"${HASH}"}`, false],
    ['a hash that is too short', '{"index":3,"previous":"x"}', false],
    ['no hash', '{"index":3}', false],
    ['members in another order', `{"previous":"${HASH}","index":3}`, false],
    ['a blank between a name and its colon', `{"index" :3,"previous":"${HASH}"}`, false],
    ['a text that is not closed', `{"index":3,"previous":"${HASH}"`, false],
  ])('%s', async (_, text, isOne) => {
    const { dir, bytes } = await begun();
    writeFileSync(join(dir, FIRST), Buffer.concat([bytes, Buffer.alloc(40, 255), frameOf(text)]));
    if (isOne) expect(() => openFileLog({ dir, durability: 'os' })).toThrow('whole records follow');
    else expect((await reopen(dir)).recovered).toMatchObject({ records: 3 });
  });
});

describe('a log that is not what was written', () => {
  async function segments(): Promise<{ readonly dir: string; readonly names: readonly string[] }> {
    const dir = scratch();
    await written(dir, 60, 1500);
    const names = readdirSync(dir)
      .filter((name) => name.endsWith('.records'))
      .sort();
    expect(names.length).toBeGreaterThan(3);
    return { dir, names };
  }

  const tampers: readonly (readonly [string, (dir: string, names: readonly string[]) => void])[] = [
    ['an earlier segment is missing', (dir, names) => rmSync(join(dir, names[1] ?? ''))],
    ['the first segment is missing', (dir, names) => rmSync(join(dir, names[0] ?? ''))],
    ['an earlier segment is shorter', (dir, names) => truncateSync(join(dir, names[1] ?? ''), 700)],
    ['an earlier segment is longer', (dir, names) => appendFileSync(join(dir, names[0] ?? ''), 'x')],
    [
      'a header is overwritten',
      (dir, names) => writeFileSync(join(dir, names[1] ?? ''), Buffer.alloc(64), { flag: 'r+' }),
    ],
    [
      'a segment stands in the place of another',
      (dir, names) => copyFileSync(join(dir, names[0] ?? ''), join(dir, names[1] ?? '')),
    ],
  ];

  test.each(tampers)('is not opened when %s', async (_, tamper) => {
    const { dir, names } = await segments();
    tamper(dir, names);
    expect(() => openFileLog({ dir, durability: 'os' })).toThrow(LogDamaged);
    expect(() => verifyLog(dir)).toThrow(LogDamaged);
  });

  test.each(tampers.filter(([name]) => !name.includes('first')))(
    'is not opened by its tail either when %s',
    async (_, tamper) => {
      const { dir, names } = await segments();
      tamper(dir, names);
      expect(() => openFileLog({ dir, durability: 'os', verify: 'tail' })).toThrow(LogDamaged);
    },
  );

  // Of another log with as many records of the same lengths: names, indices and lengths all fit, the chain does not.
  describe.each<[string, (names: readonly string[]) => string | undefined, readonly ('all' | 'tail')[]]>([
    ['last', (names) => names.at(-1), ['all', 'tail']],
    ['last but one', (names) => names.at(-2), ['all', 'tail']],
    ['second', (names) => names[1], ['all']],
    ['first', (names) => names[0], ['all']],
  ])('whose %s segment is another log\u2019s', (_, choose, modes) => {
    test.each(modes)('is not opened with verify %s', async (verify) => {
      const { dir, names } = await segments();
      const other = scratch();
      await written(other, 60, 1500, 'nota');
      const name = choose(names) ?? '';
      const size = statSync(join(dir, name)).size;
      copyFileSync(join(other, name), join(dir, name));
      expect(statSync(join(dir, name)).size).toBe(size);
      expect(() => openFileLog({ dir, durability: 'os', verify })).toThrow(LogDamaged);
      expect(() => openFileLog({ dir, durability: 'os', verify })).toThrow('does not continue');
      expect(() => verifyLog(dir)).toThrow(LogDamaged);
    });
  });

  test('is not opened when its last segment continues another log, though all others are whole', async () => {
    const { dir, names } = await segments();
    const last = join(dir, names.at(-1) ?? '');
    const before = statSync(join(dir, names.at(-2) ?? '')).size;
    const { firstIndex } = readHeader(last);
    rmSync(last);
    createSegment(dir, { firstIndex, previous: `${'B'.repeat(42)}A`, previousBytes: before });
    for (const verify of ['all', 'tail'] as const)
      expect(() => openFileLog({ dir, durability: 'os', verify })).toThrow(LogDamaged);
  });

  test('is not opened when any bit of an earlier segment is flipped', async () => {
    const { dir, names } = await segments();
    const path = join(dir, names[1] ?? '');
    const bytes = readFileSync(path);
    for (let at = 0; at < bytes.length; at += 7) {
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 4, at);
      writeFileSync(path, flipped);
      expect(() => openFileLog({ dir, durability: 'os' })).toThrow(LogDamaged);
    }
    writeFileSync(path, bytes);
    expect((await reopen(dir)).recovered.records).toBe(60);
  });

  test('is not opened when an intact record of another log was put in', async () => {
    const dir = scratch();
    await written(dir, 3);
    const other = scratch();
    await written(other, 4);
    // Same place, same checksum rules, other predecessor: the notes differ from the third record on.
    const forged = join(scratch(), 'log');
    mkdirSync(forged);
    const log = openFileLog({ dir: forged, durability: 'os' });
    for (let i = 0; i < 4; i += 1) await log.append(plain(`other ${i}`));
    await log.close();
    const mine = readFileSync(join(dir, FIRST));
    const last = [...readRecords(forged)];
    const theirs = readFileSync(join(forged, FIRST)).subarray(last[2]?.end);
    writeFileSync(join(dir, FIRST), Buffer.concat([mine, theirs]));
    expect(() => openFileLog({ dir, durability: 'os' })).toThrow('does not continue');
  });

  test('a segment that was being made when the process died is no segment', async () => {
    const { dir } = await segments();
    writeFileSync(join(dir, '0000000000000060.records.new'), 'half a head');
    expect((await reopen(dir)).recovered).toMatchObject({ records: 60, droppedBytes: 0 });
    expect(readdirSync(dir).some((name) => name.endsWith('.new'))).toBe(false);
  });

  test('the lock is free again when it was not opened', async () => {
    const { dir, names } = await segments();
    const path = join(dir, names[0] ?? '');
    const bytes = readFileSync(path);
    truncateSync(path, 100);
    expect(() => openFileLog({ dir, durability: 'os' })).toThrow(LogDamaged);
    writeFileSync(path, bytes);
    expect((await reopen(dir)).recovered.records).toBe(60);
  });
});
