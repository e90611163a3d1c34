import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JsonObject, JsonValue } from '../model/json.ts';
import { parseJson } from '../model/json.ts';
import type { Effect } from '../model/reason.ts';
import type { Outcome } from '../model/session.ts';
import type { DevAgent, DevHop } from './dev-material.ts';

/** One session of an agent, as data: what it is for, what the agent asks in turn, and what must come out. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly story: string;
  /** One token is minted when the session opens, and stays good to its end. */
  readonly agent: DevAgent;
  readonly mandate: ScenarioMandate;
  /** Delegation chains by name, root first, signed under the session's mandate. */
  readonly chains?: Readonly<Record<string, readonly DevHop[]>>;
  readonly steps: readonly Step[];
}

interface ScenarioMandate {
  readonly task_type: string;
  readonly purpose: string;
  readonly actions: readonly string[];
  readonly declared?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
  readonly expires_in_minutes: number;
  /** A development agent; absent: the first ask binds it. */
  readonly actor?: string;
}

export type Step =
  | AskStep
  /** Added, and taken away again at the end, so that the scenario can be played again. */
  | { readonly patch_data: { readonly path: string; readonly value: JsonValue }; readonly note?: string }
  | { readonly close: true; readonly note?: string }
  | { readonly suspend: string; readonly note?: string }
  | { readonly resume: true; readonly note?: string };

export interface AskStep {
  readonly ask: {
    readonly action: string;
    readonly arguments?: JsonObject;
    readonly resource?: { readonly type: string; readonly id: string };
    readonly operation_id?: string;
    /** Name of a chain. */
    readonly chain?: string;
    /** Asked without the session. */
    readonly stateless?: boolean;
    readonly dry_run?: boolean;
  };
  /** Asked this often, at machine speed; default once. */
  readonly repeat?: number;
  readonly expect: Expectation;
  /** What the tool brings when it may run; reported with the outcome. */
  readonly output?: JsonValue;
  /** Default `executed`. */
  readonly outcome?: Outcome;
  /** The tool has not answered yet: nothing is reported. */
  readonly hold?: boolean;
  /** The step that the scenario is named after. */
  readonly headline?: boolean;
  readonly note?: string;
}

export interface Expectation {
  /** Of each answer; for repeats that change, `run` instead. */
  readonly effect?: Effect;
  /** Each must be among the reasons of every answer that does not allow. */
  readonly codes?: readonly string[];
  /** Effects of the repeats, equal neighbours taken together. */
  readonly run?: readonly Effect[];
  /** All answers that do not allow carry one cause id. */
  readonly one_cause?: boolean;
  /** It is an earlier answer again, and nothing was consumed. */
  readonly replayed?: boolean;
}

/** Where the scenarios are: beside the tests, which read them too. */
const SCENARIOS = fileURLToPath(new URL('../../test/scenarios', import.meta.url));

/** All scenarios of a folder, by file name. @throws JsonError for a file that is not strict JSON */
export function readScenarios(folder: string = SCENARIOS): readonly Scenario[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => parseJson(readFileSync(join(folder, file)), { maxDepth: 32 }) as unknown as Scenario);
}
