import type { JsonObject, JsonValue } from '../../src/model/json.ts';
import type { Mandate } from '../../src/model/mandate.ts';
import type { Effect } from '../../src/model/reason.ts';

export interface Asked {
  readonly session: string;
  readonly action: string;
  readonly resource: { readonly type: string; readonly id: string };
  readonly args: JsonObject;
  readonly token: string;
}

export interface Answer {
  readonly effect: Effect;
  /** Of the reasons, in their order. */
  readonly codes: readonly string[];
  /** Argument path → origin. */
  readonly provenance: Readonly<Record<string, string>>;
  /** Of the decision: an allowed call is reported under it. */
  readonly id: string;
}

export interface Told {
  readonly decision: string;
  readonly session: string;
  /** What the tool reported in place of an effect; null where it carried the call out. */
  readonly error: string | null;
  /** Text, or JSON that has one reading and is small enough for the wire. */
  readonly output: JsonValue;
}

/** What a replay needs of a decision point: the same whether in process or over the wire. */
export interface Pdp {
  /** Resolves with the session's id. */
  open(mandate: Mandate): Promise<string>;
  amend(session: string, mandate: Mandate): Promise<void>;
  ask(asked: Asked): Promise<Answer>;
  report(told: Told): Promise<void>;
  close(session: string): Promise<void>;
}
