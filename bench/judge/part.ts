/** One house: it learns, then judges, then answers a sample over the wire. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { MappedCatalog } from './catalog.ts';
import type { Clock } from './clock.ts';
import type { Part } from './folds.ts';
import { type Opened, prepareSite, type Site } from './house.ts';
import { type Learned, type MakeLearner, NOTHING_LEARNED } from './learner.ts';
import { type Outcome, outcomeOf, stepsOf } from './outcome.ts';
import { DAYS, drawn, personOf } from './people.ts';
import { type Call, type Replaying, replay } from './replay.ts';
import { differenceOf } from './sample.ts';
import { type Score, scoreOf } from './score.ts';
import type { Trace } from './traces.ts';

/** What every house of one run has in common. */
export interface Bench {
  readonly directory: string;
  readonly catalog: MappedCatalog;
  readonly bundle: Uint8Array;
  readonly clock: Clock;
  readonly score: Score;
  readonly learner: MakeLearner;
  readonly seed: number;
  progress(words: string): void;
}

/** A session that could not be replayed, or was answered otherwise over the wire. */
export interface Failure {
  readonly session: string;
  readonly problem: string;
}

export interface DonePart {
  readonly learned: Learned;
  readonly outcomes: readonly Outcome[];
  readonly sampled: number;
  readonly failures: readonly Failure[];
}

/** Sessions between two words of progress. */
const STRIDE = 50;

export class PartRun {
  private readonly bench: Bench;
  private readonly part: Part;
  private readonly name: string;
  private readonly directory: string;
  private readonly site: Site;
  private readonly failures: Failure[] = [];
  private readonly sessions: number;

  /** @param sessions how many it learns from, the earliest first */
  constructor(bench: Bench, part: Part, name: string, sessions = part.learn.length) {
    this.sessions = sessions;
    this.bench = bench;
    this.part = part;
    this.name = name;
    const { catalog, bundle, directory } = bench;
    this.directory = join(directory, name.replace(/\W+/g, '-'));
    this.site = prepareSite(this.directory, { catalog: catalog.text, bundle });
  }

  /**
   * Once: its store and records are gone afterwards.
   * @param sample how many sessions are asked over the wire as well
   */
  async run(sample: number): Promise<DonePart> {
    const { house, learned } = await this.taught();
    const calls = new Map<Trace, readonly Call[]>();
    try {
      await this.each('judges', this.part.judge, async (trace) => {
        calls.set(trace, await this.drive(house, trace));
      });
    } finally {
      await house.close();
    }
    const again = sampleOf([...calls.keys()], sample, this.bench.seed);
    if (again.length > 0) await this.compare(again, calls);
    rmSync(this.directory, { recursive: true });
    const { catalog, score } = this.bench;
    const outcomes = [...calls].map(([trace, answered]) =>
      outcomeOf(trace, answered, scoreOf(trace, answered, { catalog, score })),
    );
    return { learned, outcomes, sampled: again.length, failures: this.failures };
  }

  private async taught(): Promise<{ readonly house: Opened; readonly learned: Learned }> {
    const { clock, seed } = this.bench;
    const { learn } = this.part;
    if (this.sessions === 0) return { house: await this.site.openInProcess(), learned: NOTHING_LEARNED };
    clock.moveBack(DAYS);
    const house = await this.site.openInProcess();
    const learner = this.bench.learner((trace) => this.replaying(house, trace));
    // Day after day; within a day in the order of the folder.
    const daysAgo = (trace: Trace): number => personOf(trace, seed).daysAgo;
    const inOrder = [...learn].sort((a, b) => daysAgo(b) - daysAgo(a)).slice(0, this.sessions);
    await this.each('learns', inOrder, async (trace) => {
      clock.moveBack(daysAgo(trace));
      await learner.learn(trace);
    });
    clock.moveBack(0);
    return { house, learned: learner.learned() };
  }

  private async compare(traces: readonly Trace[], calls: ReadonlyMap<Trace, readonly Call[]>): Promise<void> {
    const wire = await this.site.openOverWire();
    try {
      await this.each('asks over the wire', traces, async (trace) => {
        const difference = differenceOf(calls.get(trace) ?? [], await this.drive(wire, trace));
        if (difference !== undefined) this.fail(trace, `over the wire: ${difference}`);
      });
    } finally {
      await wire.close();
    }
  }

  private async drive(house: Opened, trace: Trace): Promise<readonly Call[]> {
    return (await replay(trace, await this.replaying(house, trace), stepsOf(trace))).calls;
  }

  private async replaying({ pdp }: Opened, trace: Trace): Promise<Replaying> {
    const token = await this.site.mint(personOf(trace, this.bench.seed));
    return { pdp, catalog: this.bench.catalog, token };
  }

  /** What one session does wrong keeps no other from being judged. */
  private async each(
    verb: string,
    traces: readonly Trace[],
    act: (trace: Trace) => Promise<void>,
  ): Promise<void> {
    for (const [index, trace] of traces.entries()) {
      if (index % STRIDE === 0) this.bench.progress(`${this.name} ${verb} ${index}/${traces.length}`);
      try {
        await act(trace);
      } catch (cause) {
        this.fail(trace, `${verb}: ${cause instanceof Error ? cause.message : String(cause)}`);
      }
    }
  }

  private fail({ suite, line }: Trace, problem: string): void {
    this.failures.push({ session: `${suite}:${line}`, problem });
  }
}

function sampleOf(traces: readonly Trace[], many: number, seed: number): readonly Trace[] {
  const place = ({ suite, line }: Trace): number =>
    drawn(seed, Number.MAX_SAFE_INTEGER, 'sample', `${suite}:${line}`);
  return [...traces].sort((a, b) => place(a) - place(b)).slice(0, Math.max(0, many));
}
