/** What the policy room offers, and what it is made of. */
import type { Pep } from '../model/ask.ts';
import type { Judged } from '../model/decision.ts';
import type { Facts } from '../model/facts.ts';
import type { JsonValue } from '../model/json.ts';
import type { Activation, BundleContent, DataPatch, Page } from '../model/verbs.ts';
import type { Compiler } from './compile.ts';
import type { Version } from './lag.ts';
import type { PolicyStore } from './store.ts';

export interface PolicyLog {
  info(facts: Readonly<Record<string, unknown>>, message: string): void;
  error(facts: Readonly<Record<string, unknown>>, message: string): void;
}

export interface PolicyRoomOptions {
  readonly store: PolicyStore;
  readonly compiler: Compiler;
  /**
   * A bundle's bytes, activated where the store holds no activation, or one of another default bundle: a new
   * release brings its own, until somebody pushes. Undefined: the store must hold one.
   */
  readonly defaultBundle: Uint8Array | undefined;
  readonly log: PolicyLog;
  /** Called with the revision that is in force from now on, before it judges anything. */
  readonly onActive?: (revision: string) => void;
  /** Unix ms of the start. */
  readonly at: number;
  /** Milliseconds between looks at what other replicas activated, besides the store's hints. */
  readonly watchIntervalMs: number;
  /** Most memory of one instance, MiB. */
  readonly memoryMib: number;
}

/** Of a room that is open. */
export interface OpenOptions extends PolicyRoomOptions {
  /** Aborted when the room closes, with the Fault that whoever waits is told. */
  readonly signal: AbortSignal;
}

interface PolicyStatus extends Version {
  readonly revision: string;
  /** WASM memory of the instance that decides. */
  readonly memoryBytes: number;
  /** How often that instance was replaced, after an abort or after its memory had grown. */
  readonly recycled: number;
  /** The store holds something newer that was not put in force here within two seconds: nothing is decided. */
  readonly behind: boolean;
  /** Why the last try to follow the store failed; undefined when it did not. */
  readonly trouble: string | undefined;
}

export interface Pushed {
  readonly activation: Activation;
  readonly testsPassed: number;
  readonly coveragePercent: number;
  /** Paths, at most 100, where the bundle's data says something else than what is in force with it. */
  readonly keptData: readonly string[];
}

/**
 * Verbs throw `Fault('POLICY_STORE_UNAVAILABLE')` when the store fails, and those that change something
 * `Fault('DRAINING')` once the room is closed; what is in force stays. `at` is Unix ms.
 */
export interface PolicyRoom {
  /**
   * Never throws for what the policy does: undefined, aborted or malformed is a deny `policy.undefined`.
   * @throws Fault `POLICY_BEHIND` while what is in force is known to be superseded, see `PolicyStatus.behind`. A store
   * that cannot be reached says nothing newer: what is in force goes on deciding
   */
  evaluatePolicy(facts: Facts): Judged;
  /** What is in force is older than this, which decided elsewhere. */
  isOlderThan(version: Version): boolean;
  /** Follows the store for somebody who waits: never rejects, and gives up after two seconds. */
  catchUp(): Promise<void>;
  /**
   * Compiles and tests plain Rego, checks, loads and tries out, stores, then activates. The active revision
   * pushed again changes nothing. Its data adds what the data in force lacks, and changes nothing there.
   * @throws BundleRefused with what is wrong and where; the active bundle stays
   * @throws Fault `TOO_MANY_PUSHES` when four wait already
   */
  push(request: {
    readonly pep: Pep;
    readonly content: BundleContent;
    readonly validateOnly: boolean;
    readonly allowUntested: boolean;
    readonly at: number;
  }): Promise<Pushed>;
  /**
   * Activates an earlier revision, or the one before the active, under a new number; data stays as it is.
   * @throws Rejection NOT_FOUND when the history does not hold it; BundleRefused when it no longer loads
   * @throws Fault `TOO_MANY_PUSHES` when four wait already
   */
  rollback(request: {
    readonly pep: Pep;
    readonly revision: string | undefined;
    readonly at: number;
  }): Promise<Activation>;
  /**
   * Activations, newest first.
   * @throws Malformed on `page_token`
   */
  list(page: Page): Promise<{ readonly activations: readonly Activation[]; readonly nextToken: string }>;
  /**
   * Sets or takes away one document of data; resolves with the data's new version once it is in force here.
   * What was taken away stays away, whatever a bundle brings.
   * @throws Malformed on `path` (outside the active bundle's data) or `value_json` (over 1 MiB); what reading it throws
   * @throws Rejection ABORTED when the version is another, NOT_FOUND when nothing is there to take away,
   * FAILED_PRECONDITION when the policy cannot hold it
   * @throws Fault `TOO_MANY_PUSHES`, before it is read, when the caller has 64 small or 5 larger changes under way; and
   * when it takes more than a second to try out, and four such wait already
   * @throws Fault `DEADLINE_PASSED` when nobody waits for it any more: then it was not tried out
   */
  patchData(request: {
    readonly pep: Pep;
    readonly path: string;
    readonly change: DataPatch;
    readonly expectedVersion: number | undefined;
    readonly at: number;
  }): Promise<number>;
  /**
   * The data in force at a path; the empty path is all of it.
   * @throws Rejection NOT_FOUND where nothing is; Malformed on `path`
   */
  data(path: string): Promise<{ readonly value: JsonValue; readonly version: number }>;
  /** Catches up with the store now, as the watch does by itself. */
  follow(): Promise<void>;
  status(): PolicyStatus;
  /**
   * Stops following, ends what is tried out aside and begins nothing that waits: whoever asked for it is told at once.
   * What is in force goes on deciding, and the store stays open.
   */
  close(): void;
}
