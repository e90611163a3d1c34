/** Timing of a case: latencies one by one, throughput and CPU over the whole run. */
export interface Measured {
  readonly name: string;
  /** Microseconds from asking to having the answer. */
  readonly p50_us: number;
  readonly p99_us: number;
  readonly per_second: number;
  /** CPU of the process under test per answer, user and system, microseconds. */
  readonly cpu_us: number;
}

export interface Case {
  readonly name: string;
  /** One question and its answer; throws when the answer is not the wanted one. */
  readonly once: () => Promise<void> | void;
  /** Total CPU so far of the process that answers, microseconds. */
  readonly cpu: () => Promise<number> | number;
  /** Questions in flight at any time. */
  readonly inFlight: number;
}

const IN_FLIGHT = [1, 16] as const;
/** The quickest way to many asks. */
const WARM_IN_FLIGHT = 16;

/** The same question asked one at a time, and sixteen at a time. */
export function atBoth(name: string, once: Case['once'], cpu: Case['cpu']): Case[] {
  return IN_FLIGHT.map((inFlight) => ({ name: `${name}, ${inFlight} in flight`, once, cpu, inFlight }));
}

export function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/**
 * Runs a case for about `seconds`, after warming up for longer than that: a server that has run for a day is compiled
 * to the end, which takes some ten thousand asks. Before it, unary calls took a third more CPU.
 * @returns figures in microseconds; throughput per second of wall time
 * @throws what the first question that went wrong threw, once all that were in flight have ended; Error where they
 * do not end
 */
export async function measure({ name, once, cpu, inFlight }: Case, seconds: number): Promise<Measured> {
  await run(once, WARM_IN_FLIGHT, (seconds * 4) / 3, []);
  const latencies: number[] = [];
  const cpuBefore = await cpu();
  const started = performance.now();
  await run(once, inFlight, seconds, latencies);
  const elapsed = performance.now() - started;
  const cpuAfter = await cpu();
  latencies.sort((a, b) => a - b);
  const at = (share: number) => round((latencies[Math.floor(share * (latencies.length - 1))] ?? 0) * 1000);
  return {
    name,
    p50_us: at(0.5),
    p99_us: at(0.99),
    per_second: Math.round((latencies.length / elapsed) * 1000),
    cpu_us: round((cpuAfter - cpuBefore) / latencies.length),
  };
}

/** How long questions may be in flight after their time, seconds. */
const PATIENCE_S = 20;

async function run(
  once: Case['once'],
  inFlight: number,
  seconds: number,
  latencies: number[],
): Promise<void> {
  const until = performance.now() + seconds * 1000;
  const failures: unknown[] = [];
  const lane = async () => {
    for (let asked = performance.now(); asked < until && failures.length === 0; ) {
      try {
        await once();
      } catch (cause) {
        failures.push(cause);
        return;
      }
      const answered = performance.now();
      latencies.push(answered - asked);
      asked = answered;
    }
  };
  await within(seconds + PATIENCE_S, Promise.all(Array.from({ length: inFlight }, lane)));
  if (failures.length > 0) throw failures[0];
}

async function within(seconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${seconds} s`)), seconds * 1000);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
