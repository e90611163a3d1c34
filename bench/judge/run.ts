/**
 * Replays recorded sessions through the real walk and counts what would have happened. docs/judging.md says how it is
 * judged. A session that cannot be replayed, or is answered otherwise over the wire, is named, and the exit code is 1.
 */
import { accessSync, constants, existsSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readFlags, refuseFlags } from '../flags.ts';
import { countAll } from './counts.ts';
import { PROTOCOLS, type Protocol } from './folds.ts';
import { type JudgedProtocol, judge } from './judge.ts';
import { Unreadable } from './members.ts';
import { NOTE_NOTHING_LEARNED, nothingLearned, runOf } from './notes.ts';
import { renderReport } from './report/report.ts';
import { readSuites, type Suite } from './suites.ts';
import { tableOf } from './table.ts';

const USAGE = `npm run judge -- --traces DIR [--protocol cold|unseen|known|all] [--sample N] [--seed N]
                         [--json] [--report FILE.html]

judges recorded sessions: attacks that are stopped, benign sessions that are interrupted
  --traces    folder with \`*.jsonl.gz\` and \`tools.json\`; docs/judging.md has their form
  --protocol  cold: nothing learned; unseen: five folds over user tasks; known: folds over base models; default all
  --sample    sessions of each protocol that are asked over the stream too: answers must be identical; default 20
  --seed      of folds, principals, days and samples; default 1
  --json      counts as one JSON object in place of the tables
  --report    writes one HTML page that needs nothing else

exit codes: 0; 1 a replay failed; 2 the command line or the traces cannot be taken`;

const FLAGS = {
  traces: { type: 'string' },
  protocol: { type: 'string' },
  sample: { type: 'string' },
  seed: { type: 'string' },
  json: { type: 'boolean' },
  report: { type: 'string' },
} as const;

const flags = readFlags(USAGE, FLAGS);
const suites = suitesIn(flags.traces);
const seed = wholeNumber('--seed', flags.seed, 1);
const sample = wholeNumber('--sample', flags.sample, 20);
const protocols = protocolsOf(flags.protocol ?? 'all');
if (flags.report !== undefined) checkWritable(flags.report);

const terminal = process.stderr.isTTY;
const judged = await judge(suites, { protocols, sample, seed, progress });
if (terminal) process.stderr.write('\r\x1b[K');
show(judged);
process.exit(judged.some(({ failures }) => failures.length > 0) ? 1 : 0);

function show(all: readonly JudgedProtocol[]): void {
  const run = runOf(suites, all, { seed });
  const counted = all.map(({ protocol, outcomes }) => [protocol, countAll(outcomes, suites)] as const);
  if (flags.report !== undefined) writeFileSync(flags.report, renderReport(suites, all, run));
  if (flags.json)
    process.stdout.write(`${JSON.stringify({ ...Object.fromEntries(counted), run }, null, 2)}\n`);
  else process.stdout.write(`${counted.map(([name, counts]) => tableOf(name, counts)).join('\n\n')}\n`);
  if (nothingLearned(all)) process.stderr.write(`${NOTE_NOTHING_LEARNED}\n`);
  for (const { protocol, failures } of all)
    for (const { session, problem } of failures) process.stderr.write(`${protocol} ${session}: ${problem}\n`);
}

function suitesIn(directory: string | undefined): readonly Suite[] {
  if (directory === undefined) refuseFlags('`--traces` is missing');
  if (!existsSync(directory) || !statSync(directory).isDirectory())
    refuseFlags(`\`${directory}\` is not a folder`);
  try {
    return readSuites(directory);
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause;
    process.stderr.write(`${cause.message}\n`);
    process.exit(2);
  }
}

function protocolsOf(asked: string): readonly Protocol[] {
  const chosen = PROTOCOLS.filter((protocol) => asked === 'all' || asked === protocol);
  return chosen.length > 0 ? chosen : refuseFlags(`\`${asked}\` is no protocol`);
}

function wholeNumber(name: string, typed: string | undefined, otherwise: number): number {
  if (typed === undefined) return otherwise;
  if (!/^[0-9]{1,9}$/.test(typed)) refuseFlags(`\`${name}\` takes a whole number, not \`${typed}\``);
  return Number(typed);
}

/** Before the minutes that judging takes, not after. */
function checkWritable(file: string): void {
  try {
    accessSync(existsSync(file) ? file : dirname(file), constants.W_OK);
  } catch {
    refuseFlags(`\`${file}\` cannot be written`);
  }
}

function progress(words: string): void {
  process.stderr.write(terminal ? `\r\x1b[K${words}` : `${words}\n`);
}
