/** Appends records until it is killed or has made `count`, and says each index only once it was promised. */
import { writeSync } from 'node:fs';
import { openFileLog } from '../../src/audit/file.ts';
import { canonicalJson } from '../../src/model/json.ts';
import { Fault } from '../../src/model/refusal.ts';

const [, , dir = '', durability = 'os', count = '1000000'] = process.argv;
const log = openFileLog({ dir, durability: durability === 'disk' ? 'disk' : 'os', segmentBytes: 1 << 20 });
let left = Number(count);

async function append(): Promise<void> {
  while (left > 0) {
    left -= 1;
    const note = 'x'.repeat(400 + (left % 1000));
    try {
      const { index } = await log.append((place, previous) => ({
        text: canonicalJson({ index: place, note, previous }),
        openings: [],
      }));
      writeSync(1, `${index}\n`);
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      const cause = fault.cause;
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'cut short';
      writeSync(1, `${fault.reason} ${code}\n`);
    }
    // Lets the pipe and the timers have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

await Promise.all(Array.from({ length: 16 }, append));
