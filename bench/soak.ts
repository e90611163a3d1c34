/**
 * Sessions opened, asked, reported and closed over the wire for a while; every answer is held against what it must be,
 * and the server's memory is printed. `npm run soak -- --seconds 600 --sides 8 --store redis://…`, all optional.
 */
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/faults/redis-server.ts';
import { liftLimits, mandate, payment, read, request, said, tell } from '../test/system/asking.ts';
import { createFleet, type Replica } from '../test/system/fleet.ts';
import { readFlags, refuseFlags } from './flags.ts';

/** A process whose memory rises by more than this from the second quarter to the last does not stand still. */
const RISE = 1.15;
/** Shorter runs say nothing about memory. */
const LEAST_SECONDS = 120;
/** Between two asks of one side. */
const PAUSE_MS = 20;
const PAYMENTS = 6;
/** How long one token is used: agents do not fetch one for every task. */
const TOKEN_MS = 300_000;

interface Sample {
  readonly second: number;
  readonly rss: number;
  readonly heap: number;
  readonly answers: number;
}

const USAGE = `npm run soak -- [--seconds N] [--sides N] [--store URL]

plays sessions, holds every answer against what it must be, and prints the server's memory
  --seconds N  how long (default: 600)
  --sides N    sessions at one time (default: 8)
  --store URL  where sessions live (default: the embedded store)`;

const FLAGS = { seconds: { type: 'string' }, sides: { type: 'string' }, store: { type: 'string' } } as const;
const flags = readFlags(USAGE, FLAGS);
const seconds = Number(flags.seconds ?? 600);
const sides = Number(flags.sides ?? 8);
if (!(seconds > 0 && Number.isFinite(seconds))) refuseFlags('`--seconds` takes a number above zero');
if (!(sides > 0 && Number.isInteger(sides))) refuseFlags('`--sides` takes a whole number above zero');

let answers = 0;
let sessions = 0;

/** @throws Error where the answer is another one: the soak ends there */
async function expectAnswer(
  at: Replica,
  ask: Parameters<typeof request>[0],
  wanted: string,
): Promise<string> {
  const told = await tell(at, request(ask));
  const got = said(told);
  if (got !== wanted) throw new Error(`\`${ask.action}\` was answered ${got}, not ${wanted}`);
  answers += 1;
  await sleep(PAUSE_MS);
  return 'decision' in told ? told.decision.id : '';
}

/** One task: six invoices read and paid, one of them twice, and a last try after the end. */
async function playSession(at: Replica, token: string): Promise<void> {
  const { id } = await at.client.openSession(mandate());
  for (let n = 0; n < PAYMENTS; n += 1) {
    await expectAnswer(at, { ...read(id), token }, 'allow');
    const decisionId = await expectAnswer(at, { ...payment(id, `INV-${n}`), token }, 'allow');
    const output = { status: 'sent', reference: `P-${n}` };
    await at.client.report({ decisionId, sessionId: id, outcome: 'executed', output });
  }
  await expectAnswer(at, { ...payment(id, 'INV-0'), token }, 'session.duplicate');
  const view = await at.client.getSession(id);
  if (view.spent['payments'] !== String(PAYMENTS)) throw new Error(`spent ${view.spent['payments']}`);
  await at.client.closeSession(id);
  await expectAnswer(at, { ...read(id), token }, 'session.task_closed');
  sessions += 1;
}

async function playFor(end: number, at: Replica, token: string): Promise<void> {
  while (Date.now() < end) await playSession(at, token);
}

async function sample(at: Replica, telemetry: string, second: number): Promise<Sample> {
  const told = spawnSync('ps', ['-o', 'rss=', '-p', String(at.pid)], { encoding: 'utf8' }).stdout;
  const metrics = await (await fetch(`http://${telemetry}/metrics`)).text();
  const heap = Number(/^nodejs_heap_size_used_bytes (\S+)/m.exec(metrics)?.[1]);
  return { second, rss: Number(told) / 1024, heap: heap / 1024 / 1024, answers };
}

function print({ second, rss, heap, answers: count }: Sample): void {
  const columns = [
    `${second} s`,
    `${rss.toFixed(0)} MiB RSS`,
    `${heap.toFixed(0)} MiB heap`,
    `${count} answers`,
  ];
  process.stdout.write(`${columns.map((column) => column.padStart(14)).join('  ')}\n`);
}

/** The mean of the resident memory over a part of the run, in quarters. */
function meanRss(samples: readonly Sample[], from: number, to: number): number {
  const part = samples.filter(({ second }) => second > (from / 4) * seconds && second <= (to / 4) * seconds);
  return part.reduce((sum, { rss }) => sum + rss, 0) / part.length;
}

const fleet = createFleet();
try {
  const telemetry = `127.0.0.1:${await freePort()}`;
  const store = flags.store === undefined ? {} : { store: flags.store };
  // Few sessions in memory, so that what is kept for speed is soon as large as it gets.
  const at = await fleet.start({ name: 'soaked', telemetry, session: { max_sessions: 200 }, ...store });
  await liftLimits(fleet, [at]);
  const end = Date.now() + seconds * 1000;
  const played = Promise.all(
    Array.from({ length: sides }, async () => {
      while (Date.now() < end) await playFor(Math.min(end, Date.now() + TOKEN_MS), at, await fleet.token());
    }),
  );
  let failed = false;
  played.catch(() => {
    failed = true; // thrown again below
  });
  const samples: Sample[] = [];
  const step = Math.min(60, seconds / 8);
  for (let second = step; second <= seconds && !failed; second += step) {
    await Promise.race([sleep(step * 1000), played.catch(() => undefined)]);
    const now = await sample(at, telemetry, Math.round(second));
    samples.push(now);
    print(now);
  }
  await played;
  process.stdout.write(`${sessions} sessions, ${answers} answers, none wrong\n`);
  const [before, after] = [meanRss(samples, 1, 2), meanRss(samples, 3, 4)];
  if (seconds >= LEAST_SECONDS && after > before * RISE)
    throw new Error(`memory rose from ${before.toFixed(0)} to ${after.toFixed(0)} MiB`);
} finally {
  await fleet.end();
}
