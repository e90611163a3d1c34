/** Runs the protocols, each part of them in a house of its own, and draws the learning curve where anything was learned. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBundle } from './bundle.ts';
import { mapSuites } from './catalog.ts';
import { installClock } from './clock.ts';
import { type Part, type Protocol, partsOf } from './folds.ts';
import { createLearner, type Learned, type MakeLearner } from './learner.ts';
import type { Outcome } from './outcome.ts';
import { type Bench, type Failure, PartRun } from './part.ts';
import { type Score, scoreByOrigin } from './score.ts';
import type { Suite } from './suites.ts';
import type { Trace } from './traces.ts';

export interface JudgeOptions {
  readonly protocols: readonly Protocol[];
  /** Sessions of each protocol that are asked over the wire as well. */
  readonly sample: number;
  readonly seed: number;
  readonly score?: Score;
  readonly learner?: MakeLearner;
  progress?(words: string): void;
}

export interface JudgedPart {
  readonly held: readonly string[];
  readonly learned: Learned;
}

/** What the first fold's house judges after so many sessions. */
export interface LearningPoint {
  readonly sessions: number;
  readonly outcomes: readonly Outcome[];
}

export interface JudgedProtocol {
  readonly protocol: Protocol;
  readonly parts: readonly JudgedPart[];
  readonly outcomes: readonly Outcome[];
  /** Empty where no house took anything into a baseline: there is nothing to draw. */
  readonly learning: readonly LearningPoint[];
  /** Sessions asked over the wire as well. */
  readonly sampled: number;
  readonly failures: readonly Failure[];
}

/** @throws Error where no house can be opened; what a single session does wrong is among the failures */
export async function judge(
  suites: readonly Suite[],
  options: JudgeOptions,
): Promise<readonly JudgedProtocol[]> {
  const { protocols, sample, seed, score = scoreByOrigin, learner = createLearner } = options;
  const directory = mkdtempSync(join(tmpdir(), 'assent-judge-'));
  const clock = installClock();
  try {
    const bundle = await buildBundle();
    const progress = (words: string): void => options.progress?.(words);
    const bench = { directory, catalog: mapSuites(suites), bundle, clock, score, learner, seed, progress };
    const traces = suites.flatMap((suite) => suite.traces);
    const judged: JudgedProtocol[] = [];
    for (const protocol of protocols) judged.push(await runProtocol(bench, { protocol, traces, sample }));
    return judged;
  } finally {
    clock.restore();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Running {
  readonly protocol: Protocol;
  readonly traces: readonly Trace[];
  readonly sample: number;
}

async function runProtocol(bench: Bench, { protocol, traces, sample }: Running): Promise<JudgedProtocol> {
  const parts: JudgedPart[] = [];
  const outcomes: Outcome[] = [];
  const failures: Failure[] = [];
  let sampled = 0;
  const planned = partsOf(protocol, traces, bench.seed);
  for (const [index, part] of planned.entries()) {
    const run = new PartRun(bench, part, `${protocol} ${index + 1}/${planned.length}`);
    const done = await run.run(Math.ceil((sample - sampled) / (planned.length - index)));
    parts.push({ held: part.held, learned: done.learned });
    outcomes.push(...done.outcomes);
    failures.push(...done.failures);
    sampled += done.sampled;
  }
  const [first] = planned;
  const taught = first !== undefined && parts.some(({ learned }) => learned.taken > 0);
  const learning = taught ? await learnBySteps(bench, { protocol, part: first, failures }) : [];
  return { protocol, parts, outcomes, learning, sampled, failures };
}

/** Sessions learned from, for the points of the learning curve; the last is all there are. */
const SIZES = [0, 5, 10, 20, 50, 100, 200, 500, 1000];

interface Stepping {
  readonly protocol: Protocol;
  readonly part: Part;
  /** Added to. */
  readonly failures: Failure[];
}

async function learnBySteps(
  bench: Bench,
  { protocol, part, failures }: Stepping,
): Promise<readonly LearningPoint[]> {
  const points: LearningPoint[] = [];
  const most = part.learn.length;
  for (const sessions of [...SIZES.filter((size) => size < most), most]) {
    const run = new PartRun(bench, part, `${protocol} after ${sessions}`, sessions);
    const done = await run.run(0);
    points.push({ sessions, outcomes: done.outcomes });
    failures.push(...done.failures);
  }
  return points;
}
