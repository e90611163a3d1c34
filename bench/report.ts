/** What came out of the cases, as a table while they run or as one JSON object at the end. */
import { arch, cpus } from 'node:os';
import { type Case, type Measured, measure } from './measure.ts';
import { askedAgain } from './wire.ts';

/** By CPU of the answering process an answer; null where a case of it failed. */
export type Ratios = Readonly<Record<string, number | null>>;

/** Bytes of an ask and of its answer. */
export interface Sizes {
  readonly request: number;
  readonly answer: number;
}

export interface Report {
  /** Measures case after case; one that fails is noted under its name, and the next begins. */
  add(cases: readonly Case[]): Promise<void>;
  note(result: Measured): void;
  /** Runs some of the cases; where that fails outside of them, it is noted under `name`. */
  part<T>(name: string, run: () => Promise<T>): Promise<T | undefined>;
  /** CPU an answer of a case, microseconds; NaN where it was not measured. */
  cpuOf(name: string): number;
  /** Prints what is left to print; `sizes` only as text. @returns false where something failed */
  end(ratios: Ratios, sizes: Sizes | undefined): boolean;
}

export function createReport({ json, seconds }: { json: boolean; seconds: number }): Report {
  const measured: Measured[] = [];
  const failed: { readonly name: string; readonly problem: string }[] = [];
  const print = (line: string): void => {
    if (!json) process.stdout.write(`${line}\n`);
  };
  print(`${''.padEnd(44)}    p50 µs    p99 µs     per s    cpu µs`);

  const note = (result: Measured): void => {
    measured.push(result);
    const { name, p50_us, p99_us, per_second, cpu_us } = result;
    const columns = [p50_us, p99_us, per_second, cpu_us].map((value) => String(value).padStart(10));
    print(`${name.padEnd(44)}${columns.join('')}`);
  };
  const part = async <T>(name: string, run: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await run();
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      failed.push({ name, problem });
      print(`${name.padEnd(44)}    FAILED: ${problem}`);
      return undefined;
    }
  };
  return {
    note,
    part,
    async add(cases) {
      for (const each of cases) await part(each.name, async () => note(await measure(each, seconds)));
    },
    cpuOf: (name) => measured.find((each) => each.name === name)?.cpu_us ?? Number.NaN,
    end(ratios, sizes) {
      const cpu = cpus();
      const machine = { node: process.version, arch: arch(), cores: cpu.length, cpu: cpu[0]?.model ?? '' };
      const whole = { machine, cases: measured, ratios, failed, asked_again: askedAgain() };
      if (json) process.stdout.write(`${JSON.stringify(whole)}\n`);
      print(`\nratios of cpu: ${JSON.stringify(ratios)}`);
      print(JSON.stringify({ machine, sizes, asked_again: askedAgain() }));
      if (failed.length > 0) print(`failed: ${failed.map(({ name }) => name).join('; ')}`);
      return failed.length === 0;
    },
  };
}
