import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { expect, test, vi } from 'vitest';
import { measure } from '../../bench/measure.ts';
import { createReport } from '../../bench/report.ts';
import { patiently } from '../../bench/wire.ts';

const SECONDS = 0.02;
const caseOf = (name: string, once: () => Promise<void> | void, inFlight = 1) => ({
  name,
  once,
  cpu: () => 0,
  inFlight,
});

/** What the report prints as JSON. */
async function printed(fill: (report: ReturnType<typeof createReport>) => Promise<unknown>) {
  const report = createReport({ json: true, seconds: SECONDS });
  await fill(report);
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const good = report.end({ a_b: null }, undefined);
  const text = String(write.mock.calls[0]?.[0]);
  write.mockRestore();
  const { cases, failed, ratios } = JSON.parse(text) as {
    cases: { name: string; cpu_us: number }[];
    failed: unknown;
    ratios: unknown;
  };
  return { good, names: cases.map(({ name }) => name), failed, ratios };
}

test('a case that fails is named, and the others are measured and printed', async () => {
  const wrong = () => {
    throw new Error('wanted ALLOW, got DENY');
  };
  const told = await printed((report) =>
    report.add([caseOf('first', () => sleep(1)), caseOf('second', wrong), caseOf('third', () => sleep(1))]),
  );
  expect(told).toEqual({
    good: false,
    names: ['first', 'third'],
    failed: [{ name: 'second', problem: 'wanted ALLOW, got DENY' }],
    ratios: { a_b: null },
  });
});

test('a part that cannot begin is named', async () => {
  const told = await printed((report) =>
    report.part('cases of redis', () => Promise.reject(new Error('no server'))),
  );
  expect(told).toMatchObject({ good: false, failed: [{ name: 'cases of redis', problem: 'no server' }] });
});

test('a run without a failure is good', async () => {
  const told = await printed((report) => report.add([caseOf('first', () => sleep(1))]));
  expect(told).toMatchObject({ good: true, names: ['first'], failed: [] });
});

test('a failing case leaves nothing of it in flight', async () => {
  let running = 0;
  let asked = 0;
  const once = async () => {
    asked += 1;
    if (asked === 5) throw new Error('the fifth');
    running += 1;
    await sleep(5);
    running -= 1;
  };
  // Warming up asks sixteen at a time, whatever the case.
  await expect(measure(caseOf('many', once, 8), 60)).rejects.toThrow('the fifth');
  expect({ running, asked }).toEqual({ running: 0, asked: 16 });
});

/** An ask that fails with these codes, one after the other, and is answered then. */
function failing(...codes: readonly number[]): { ask: () => Promise<string>; asked: () => number } {
  let asked = 0;
  return {
    ask: async () => {
      const code = codes[asked];
      asked += 1;
      if (code !== undefined) throw Object.assign(new Error(`status ${code}`), { code });
      return 'answered';
    },
    asked: () => asked,
  };
}

test.each([
  ['passes', [status.UNAVAILABLE, status.UNAVAILABLE], 'answered', 3],
  ['stays', Array.from({ length: 9 }, () => status.UNAVAILABLE), 'status 14', 4],
  ['is another one', [status.INTERNAL], 'status 13', 1],
] as const)(
  'what is unavailable is asked again, bounded: where the failure %s',
  async (_, codes, outcome, times) => {
    const { ask, asked } = failing(...codes);
    const told = await patiently(ask).catch((cause: Error) => cause.message);
    expect({ told, asked: asked() }).toEqual({ told: outcome, asked: times });
  },
);
