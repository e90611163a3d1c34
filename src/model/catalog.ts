import type { JsonObject, JsonValue } from './json.ts';

export type ActionClass = 'read' | 'personal_read' | 'write' | 'external' | 'destructive' | 'code';

/**
 * Whose words a value is, best first: the user's; a trusted record's; a whole field that somebody else fills in;
 * text in what the user named, where it is the value that the user left open; any other text of somebody else's;
 * nobody's that we saw.
 */
export type Origin = 'user' | 'trusted' | 'counterparty' | 'referenced' | 'untrusted' | 'unknown';

/** What the operator may let a destination or an amount be. */
export type Accepted = 'counterparty' | 'referenced';

/** Whose words an output field is, as the catalog labels it. */
export type Writer = 'self' | 'system' | 'counterparty' | 'free_text';

/** Whether these are words of somebody who is neither a system of ours nor the agent itself. */
export function isForeign(writer: Writer): boolean {
  return writer !== 'system' && writer !== 'self';
}

export type ArgumentType = 'string' | 'decimal' | 'integer' | 'number' | 'boolean' | 'string_list' | 'object';
export type ArgumentRole = 'amount' | 'destination' | 'resource_id' | 'content' | 'plain';

export interface ArgumentEntry {
  readonly type: ArgumentType;
  readonly required: boolean;
  readonly role: ArgumentRole;
  /** Characters of a string (or of each item); a longer one is refused, never cut. */
  readonly maxLength: number;
  /** Whose words will do for it besides the user's and a trusted record's, where it is weighty. */
  readonly accepts: readonly Accepted[];
  /** Enters the record as a salted commitment only. */
  readonly sensitive: boolean;
}

/** What the operator says of one action. */
export interface CatalogEntry {
  readonly class: ActionClass;
  /** May be asked without a session: public reads only. */
  readonly stateless: boolean;
  readonly arguments: ReadonlyMap<string, ArgumentEntry>;
  /** The arguments that make two calls the same business act; empty for reads. */
  readonly identity: readonly string[];
  readonly output: {
    readonly default: Writer;
    /** Dotted field path (array indices left out) → writer. */
    readonly fields: ReadonlyMap<string, Writer>;
  };
}

export interface Resource {
  readonly type: string;
  readonly id: string;
  readonly properties: JsonObject;
}

/** An argument value, or a name inside an argument, that decides where something goes or how much of it. */
export interface WeightyArgument {
  /** Dotted path with indices, as in the provenance answer: `to[0]`; `to.iban#name` for the name of a member. */
  readonly path: string;
  readonly value: string;
  readonly role: 'amount' | 'destination';
}

/** The asked action, checked against the catalog. */
export interface Action {
  readonly name: string;
  readonly class: ActionClass;
  /** False when the catalog has no entry: the strictest class is assumed and every argument is weighty. */
  readonly known: boolean;
  readonly stateless: boolean;
  /** Everything but a plain read: reads of personal data count too. */
  readonly effectful: boolean;
  readonly entry: CatalogEntry;
  readonly resource: Resource;
  readonly args: JsonObject;
  /** Canonical JSON of the arguments as policy sees them: catalogued decimals as exact JSON numbers. */
  readonly policyArgs: string;
  /** Canonical text of what makes this the same business act as another; undefined for reads. */
  readonly identity: string | undefined;
  /** Every scalar argument, and every name that is weighty, with its path, for provenance; `weighty` are those that move something. */
  readonly values: readonly { readonly path: string; readonly value: JsonValue }[];
  readonly weighty: readonly WeightyArgument[];
}
