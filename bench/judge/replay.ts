/** Drives one recorded session as its enforcement point would have: open, ask before each step, report after it. */
import { isJsonObject, JsonError, type JsonObject, type JsonValue, parseJson } from '../../src/model/json.ts';
import type { Mandate } from '../../src/model/mandate.ts';
import { adaptArguments } from './adapt.ts';
import { approvedValues } from './approval.ts';
import { actionOf, type MappedCatalog } from './catalog.ts';
import { readPrinted } from './outputs.ts';
import type { Answer, Pdp } from './pdp.ts';
import { approves } from './people.ts';
import type { Step, Trace } from './traces.ts';

/** What was answered to one step. */
export interface Call {
  /** Position among the steps. */
  readonly index: number;
  /** As it was asked. */
  readonly args: JsonObject;
  /** The first answer, before a person was asked. */
  readonly answer: Answer;
}

export interface Replaying {
  readonly pdp: Pdp;
  readonly catalog: MappedCatalog;
  readonly token: string;
}

export interface Replayed {
  readonly session: string;
  readonly calls: readonly Call[];
}

const LIFE_MS = 3_600_000;
/** Bytes of a purpose, values that were approved, and bytes of one of them, as the contract bounds a mandate. */
const MAX_PURPOSE = 16 * 1024;
const MAX_DECLARED = 64;
const MAX_VALUE = 1024;
/** Of arguments and outputs, as the contract bounds them: nesting and bytes. */
const MAX_DEPTH = 32;
const MAX_ARGUMENTS = 256 * 1024;
const MAX_OUTPUT = 512 * 1024;
/** An action's name as the contract takes it; agents make names up. */
const ACTION = /^[A-Za-z0-9._:/@+=~-]{1,128}$/;

/** What an enforcement point's client says itself of arguments that are no plain JSON. */
const UNSENDABLE: Answer = { effect: 'deny', codes: ['client.malformed_ask'], provenance: {}, id: '' };

/** @param steps how many of the session's steps are driven */
export async function replay(trace: Trace, by: Replaying, steps = trace.steps.length): Promise<Replayed> {
  const driver = new Driver(trace, by);
  const session = await driver.open();
  const calls: Call[] = [];
  for (const [index, step] of trace.steps.slice(0, steps).entries())
    calls.push(await driver.take(index, step));
  return { session, calls };
}

class Driver {
  private readonly trace: Trace;
  private readonly by: Replaying;
  private readonly said: string[];
  private readonly approved: string[] = [];
  private session = '';

  constructor(trace: Trace, by: Replaying) {
    this.trace = trace;
    this.by = by;
    this.said = [trace.prompt];
  }

  async open(): Promise<string> {
    this.session = await this.by.pdp.open(this.mandate());
    return this.session;
  }

  async take(index: number, step: Step): Promise<Call> {
    const turns = this.trace.turns.filter((turn) => turn.before_step === index);
    if (turns.length > 0) {
      this.said.push(...turns.map(({ text }) => text));
      await this.amend();
    }
    const action = actionOf(this.trace.suite, step.tool);
    const args = strictJson(adaptArguments(step.args, this.by.catalog.entries.get(action)), MAX_ARGUMENTS);
    if (!isJsonObject(args) || !ACTION.test(action)) return { index, args: {}, answer: UNSENDABLE };
    const ask = (): Promise<Answer> =>
      this.by.pdp.ask({
        session: this.session,
        action,
        resource: { type: this.trace.suite, id: step.tool },
        args,
        token: this.by.token,
      });
    const answer = await ask();
    let last = answer;
    if (answer.effect === 'escalate' && approves(step)) {
      for (const value of approvedValues(args, answer.provenance)) this.approve(value);
      await this.amend();
      last = await ask();
    }
    if (last.effect === 'allow')
      await this.by.pdp.report({
        decision: last.id,
        session: this.session,
        error: step.error,
        output: readOutput(step.output),
      });
    return { index, args, answer };
  }

  private approve(value: string): void {
    const fits = value !== '' && Buffer.byteLength(value) <= MAX_VALUE;
    if (fits && this.approved.length < MAX_DECLARED && !this.approved.includes(value))
      this.approved.push(value);
  }

  private async amend(): Promise<void> {
    await this.by.pdp.amend(this.session, this.mandate());
  }

  private mandate(): Mandate {
    const { suite } = this.trace;
    return {
      taskType: suite,
      purpose: lastBytes(this.said.join('\n').toWellFormed(), MAX_PURPOSE),
      actions: [`${suite}.*`],
      declared: Object.fromEntries(this.approved.map((value, index) => [`approved_${index + 1}`, value])),
      limits: {},
      expiresAt: Date.now() + LIFE_MS,
    };
  }
}

/** What the user said last counts most, where not all of it has room. */
function lastBytes(text: string, most: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= most) return text;
  // A character that was cut in two comes out as a replacement character, which is no value of anybody's.
  return bytes.subarray(bytes.length - most + 2).toString('utf8');
}

/** An enforcement point that could not send the value as strict JSON sends the text that the tool printed. */
function readOutput(output: unknown): JsonValue {
  const value = readPrinted(output ?? '');
  const strict = typeof value === 'string' ? value : strictJson(value, MAX_OUTPUT);
  if (strict !== undefined) return strict;
  return typeof output === 'string' ? output : '';
}

/** The value as every reader reads it; undefined where readers could differ, or it is larger than the wire takes. */
function strictJson(value: unknown, mostBytes: number): JsonValue | undefined {
  try {
    const text = JSON.stringify(value, exact);
    return Buffer.byteLength(text) > mostBytes ? undefined : parseJson(text, { maxDepth: MAX_DEPTH });
  } catch (cause) {
    // A nesting that is too deep to be written is one that is too deep to be read.
    if (cause instanceof JsonError || cause instanceof RangeError) return undefined;
    throw cause;
  }
}

/** Of a whole number this large the last digits are already lost. */
function exact(name: string, value: unknown): unknown {
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw new JsonError('is not exact', name);
  return value;
}
