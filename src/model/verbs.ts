/** What a wire can ask of the house: it translates to and from these, and holds no opinion. */
import type { Ask, Pep } from './ask.ts';
import type { Decision } from './decision.ts';
import type { JsonValue } from './json.ts';
import type { Identity, Mandate } from './mandate.ts';
import type { Effect } from './reason.ts';
import type { Head, Outcome, SessionState } from './session.ts';

/** What became of an allowed action. */
export interface Report {
  readonly pep: Pep;
  readonly decisionId: string;
  readonly sessionId: string;
  readonly outcome: Outcome;
  /** Raw bytes of the tool's output: hashed, then forgotten. */
  readonly output: Uint8Array;
  readonly mediaType: string;
  readonly truncated: boolean;
  readonly failureProof: string;
}

export interface SessionStep {
  readonly action: string;
  readonly effect: Effect;
  /** First reason's code; empty for an allow. */
  readonly code: string;
  /** Unix ms. */
  readonly at: number;
}

/** A session as people look at it. */
export interface SessionView {
  readonly id: string;
  readonly state: SessionState;
  readonly mandate: Mandate;
  readonly mandateDigest: string;
  readonly subject: Identity | undefined;
  readonly actor: Identity | undefined;
  readonly openedAt: number;
  readonly steps: number;
  readonly denials: number;
  readonly spent: Readonly<Record<string, string>>;
  readonly remaining: Readonly<Record<string, string>>;
  /** Newest first, at most 32. */
  readonly recent: readonly SessionStep[];
  readonly head: Head;
}

export interface Page {
  readonly size: number;
  /** Opaque; empty for the first page. */
  readonly token: string;
}

export interface SessionVerbs {
  open(pep: Pep, mandate: Mandate, openKey: string | undefined): Promise<SessionView>;
  get(pep: Pep, id: string): Promise<SessionView>;
  list(
    pep: Pep,
    page: Page,
  ): Promise<{ readonly sessions: readonly SessionView[]; readonly nextToken: string }>;
  amend(pep: Pep, id: string, mandate: Mandate): Promise<SessionView>;
  close(pep: Pep, id: string): Promise<SessionView>;
  suspend(pep: Pep, id: string, cause: string): Promise<SessionView>;
  resume(pep: Pep, id: string): Promise<SessionView>;
}

/** What is wrong with a pushed source. */
export interface SourceError {
  readonly file: string;
  /** From 1; 0 where the error has no place. */
  readonly line: number;
  readonly column: number;
  readonly code: string;
  readonly message: string;
}

/** A bundle was refused: the active one stays. The wire answers INVALID_ARGUMENT with one violation an error. */
export class BundleRefused extends Error {
  readonly errors: readonly SourceError[];
  constructor(errors: readonly SourceError[]) {
    super('bundle refused');
    this.errors = errors;
  }
}

export interface Activation {
  readonly number: number;
  readonly revision: string;
  readonly name: string;
  readonly at: number;
  readonly pushedBy: string;
  readonly active: boolean;
  readonly dataRoots: readonly string[];
}

export type BundleContent =
  | { readonly kind: 'sources'; readonly files: ReadonlyMap<string, string> }
  | { readonly kind: 'bundle'; readonly bytes: Uint8Array };

/** How a bundle is pushed; all false by default. */
export interface PushOptions {
  /** Compile and test, but do not activate. */
  readonly validateOnly: boolean;
  /** Take a bundle that has no test, which is refused otherwise. */
  readonly allowUntested: boolean;
}

/** A change of data as it came. */
export interface DataPatch {
  /** Its size; 0 takes away. */
  readonly bytes: number;
  /**
   * What it says. Called once, where there is a place for it.
   * @throws Malformed
   */
  read(): { readonly value: JsonValue } | { readonly remove: true };
  /** Nobody waits for the answer any more. */
  gone(): boolean;
}

export interface PolicyVerbs {
  push(
    pep: Pep,
    content: BundleContent,
    options: PushOptions,
  ): Promise<{
    readonly activation: Activation;
    readonly testsPassed: number;
    readonly coveragePercent: number;
    /** Data paths where the bundle says something else than what is in force. */
    readonly keptData: readonly string[];
  }>;
  list(
    pep: Pep,
    page: Page,
  ): Promise<{ readonly activations: readonly Activation[]; readonly nextToken: string }>;
  rollback(pep: Pep, revision: string | undefined): Promise<Activation>;
  patch(pep: Pep, path: string, change: DataPatch, expectedVersion: number | undefined): Promise<number>;
  data(pep: Pep, path: string): Promise<{ readonly value: JsonValue; readonly version: number }>;
}

/** Everything that is served. Roles are checked by the wire, by one table of method to roles. */
export interface Verbs {
  decide(ask: Ask): Promise<Decision>;
  report(report: Report): Promise<{ readonly valuesRemembered: number }>;
  readonly sessions: SessionVerbs;
  readonly policies: PolicyVerbs;
  /** False while draining, or while a part that every ask needs is known to be broken. */
  ready(): boolean;
}
