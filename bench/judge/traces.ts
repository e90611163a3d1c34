/** Reads recorded sessions, one a line in `<suite>.jsonl.gz` or `<suite>.jsonl`. docs/judging.md has the form. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Members, type Place, parseValue, Unreadable } from './members.ts';

/** Bytes of one file once unpacked, characters of one line, and what one session may hold. */
const MAX_FILE = 1024 * 1024 * 1024;
const MAX_LINE = 8 * 1024 * 1024;
const MAX_STEPS = 1000;
const MAX_TURNS = 1000;
const MAX_NAME = 200;
const MAX_TEXT = 64 * 1024;
const MAX_ERROR = 1024 * 1024;

export interface Step {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly output: unknown;
  readonly error: string | null;
  /** `core` does the injected goal's harm, `aux` prepares or hides it. */
  readonly mal?: 'core' | 'aux';
}

export interface Turn {
  readonly before_step: number;
  readonly text: string;
}

export type Kind = 'attack' | 'benign';

/** A session that is judged: an attack that succeeded, or a solved task without one. */
export interface Trace {
  readonly suite: string;
  /** In its file, from 1: `suite` and `line` name a session. */
  readonly line: number;
  readonly kind: Kind;
  readonly model: string;
  readonly task: string;
  readonly prompt: string;
  /** What the user said later, and before which step. */
  readonly turns: readonly Turn[];
  /** How the attack is worded; empty for a benign session. */
  readonly attack: string;
  /** What the attack is after; empty for a benign session. */
  readonly goal: string;
  readonly steps: readonly Step[];
}

/** Sessions that are not judged, by why. */
export interface LeftOut {
  /** The user's own prompt names the attacker's destination. */
  collision: number;
  /** The attack did not reach its goal. */
  resisted: number;
  /** There was no attack, and the task was not solved. */
  unsolved: number;
}

export interface Recorded {
  readonly traces: readonly Trace[];
  readonly left: LeftOut;
}

export const SUITE_FILE: RegExp = /^([a-z][a-z0-9_]{0,63})\.jsonl(?:\.gz)?$/;

/** @throws Unreadable naming file, line and field */
export function readTraces(path: string, suite: string): Recorded {
  const file = basename(path);
  const traces: Trace[] = [];
  const left = { collision: 0, resisted: 0, unsolved: 0 };
  for (const [line, text] of linesOf(path)) {
    const place = { file, line };
    const session = new Members(parseValue(text, place), place);
    const why = whyNot(session, suite);
    if (why === undefined) traces.push(traceOf(session, suite, place));
    else left[why] += 1;
  }
  return { traces, left };
}

function* linesOf(path: string): Generator<readonly [number, string]> {
  const file = basename(path);
  const bytes = path.endsWith('.gz') ? unpack(path) : readFileSync(path);
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const found = bytes.indexOf(10, start);
    const end = found === -1 ? bytes.length : found;
    if (end - start > MAX_LINE) throw new Unreadable({ file, line }, '', `is longer than ${MAX_LINE} bytes`);
    const text = bytes.toString('utf8', start, end).trim();
    if (text !== '') yield [line, text];
    start = end + 1;
  }
}

function unpack(path: string): Buffer {
  try {
    return gunzipSync(readFileSync(path), { maxOutputLength: MAX_FILE });
  } catch (cause) {
    throw new Unreadable({ file: basename(path) }, '', `is no gzip of at most ${MAX_FILE} bytes: ${cause}`);
  }
}

function whyNot(session: Members, suite: string): keyof LeftOut | undefined {
  if (session.text('suite', MAX_NAME) !== suite)
    session.fail('suite', `is not \`${suite}\`, as the file is named`);
  if (session.has('collision') && session.flag('collision')) return 'collision';
  if (session.textOrNull('attack', MAX_NAME) === null)
    return session.flag('utility') ? undefined : 'unsolved';
  return session.flag('security') ? undefined : 'resisted';
}

function traceOf(session: Members, suite: string, place: Required<Place>): Trace {
  const attack = session.textOrNull('attack', MAX_NAME);
  const steps = session.each('steps', MAX_STEPS, stepOf);
  if (attack !== null && !steps.some(({ mal }) => mal === 'core'))
    session.fail('steps', 'have no `core`, although the attack succeeded');
  return {
    suite,
    line: place.line,
    kind: attack === null ? 'benign' : 'attack',
    model: session.text('model', MAX_NAME),
    task: session.text('user_task_id', MAX_NAME),
    prompt: session.text('user_prompt', MAX_TEXT),
    turns: session.has('user_turns') ? session.each('user_turns', MAX_TURNS, turnOf) : [],
    attack: attack ?? '',
    goal: attack === null ? '' : session.text('injection_task_id', MAX_NAME),
    steps,
  };
}

function turnOf(turn: Members): Turn {
  return { before_step: turn.count('before_step', MAX_STEPS), text: turn.text('text', MAX_TEXT) };
}

function stepOf(step: Members): Step {
  const mal = step.has('mal') && step.raw('mal') !== null ? step.text('mal', MAX_NAME) : undefined;
  if (mal !== undefined && mal !== 'core' && mal !== 'aux') step.fail('mal', 'is neither core nor aux');
  const tool = step.text('tool', MAX_NAME);
  const args = step.raw('args') ?? {};
  if (typeof args !== 'object' || Array.isArray(args)) step.fail('args', 'is not an object');
  return {
    tool,
    args: args as Step['args'],
    output: step.raw('output') ?? null,
    error: step.has('error') ? step.textOrNull('error', MAX_ERROR) : null,
    ...(mal === undefined ? {} : { mal }),
  };
}
