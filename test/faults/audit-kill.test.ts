import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openFileLog } from '../../src/audit/file.ts';
import { verifyLog } from '../../src/audit/read.ts';
import { plain, scratch } from '../audit/fixture.ts';

const WRITER = fileURLToPath(new URL('./audit-writer.ts', import.meta.url));

/** Lets a writer work until it has acknowledged `enough` records, kills it, and returns what it acknowledged. */
async function killed(dir: string, durability: string, enough: number): Promise<readonly number[]> {
  const child = spawn(process.execPath, [WRITER, dir, durability], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
    if (said.length > enough * 5) child.kill('SIGKILL');
  });
  await once(child, 'close');
  // The last line may be cut; a whole line was promised.
  return said.split('\n').slice(0, -1).map(Number);
}

describe.each(['os', 'disk'])('a writer with durability %s that is killed', (durability) => {
  test('has every record that it acknowledged, and the next one may write at once', {
    timeout: 60_000,
  }, async () => {
    const dir = scratch();
    let records = 0;
    for (const enough of [50, 300, 700, 1500]) {
      const acknowledged = await killed(dir, durability, enough);
      expect(acknowledged.length).toBeGreaterThan(enough / 2);
      expect(Math.min(...acknowledged)).toBe(records);
      const { records: found } = verifyLog(dir);
      expect(found).toBeGreaterThan(Math.max(...acknowledged));
      const log = openFileLog({ dir, durability: 'os' });
      expect(log.recovered.records).toBe(found);
      expect(await log.append(plain('between'))).toEqual({ index: found });
      await log.close();
      records = found + 1;
    }
  });
});

test('a log that another process holds is not opened, and is once that one is killed', {
  timeout: 30_000,
}, async () => {
  const dir = scratch();
  const child = spawn(process.execPath, [WRITER, dir, 'os'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  expect(() => openFileLog({ dir, durability: 'os' })).toThrow('in use by another process');
  child.stdout.resume();
  child.kill('SIGKILL');
  await once(child, 'close');
  const log = openFileLog({ dir, durability: 'os' });
  expect(log.recovered.records).toBeGreaterThan(0);
  await log.close();
});
