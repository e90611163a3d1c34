/** The opening of a commitment in a record: kept beside the log, so that it can be forgotten. */
export interface CommitmentOpening {
  /** base64url SHA-256 of salt ‖ value. */
  readonly commitment: string;
  /** base64url, 16 random bytes. */
  readonly salt: string;
  /** Canonical JSON. */
  readonly value: string;
}

/** One record, ready to be appended. */
export interface BuiltRecord {
  /** Canonical JSON, at most 65,535 bytes of UTF-8, holding `index` and `previous` as they were given. */
  readonly text: string;
  readonly openings: readonly CommitmentOpening[];
  /** More of them, that other records hold as well: a list that comes again, itself, is written once a segment. */
  readonly shared?: readonly CommitmentOpening[];
}

/**
 * Writes the record that will stand at `index`, after the record whose leaf hash is `previous`. Called once,
 * synchronously, at the moment the place is certain. A throw refuses this append and no other.
 */
export type BuildRecord = (index: number, previous: string) => BuiltRecord;

/** Where records go: one writer, append only, numbered from 0 without gaps, each naming the hash of the last. */
export interface RecordLog {
  /**
   * After this resolves the record survives what the log's durability promises: `os` the death of the process,
   * `disk` the death of the machine. A record whose append rejected may still be found after a crash.
   * @throws Fault AUDIT_UNAVAILABLE when it cannot be written; the next append tries afresh
   */
  append(build: BuildRecord): Promise<{ readonly index: number }>;
  /** Writes out what is under way and lets another process open the log. */
  close(): Promise<void>;
}

/** The log on disk is not what was written: it is not opened, because a fork is worse than an outage. */
export class LogDamaged extends Error {
  readonly file: string;
  /** Byte offset in the file. */
  readonly offset: number;
  /** @param advice what an operator can do, where it depends on the case: goes on the sentence */
  constructor(problem: string, file: string, offset: number, advice = '') {
    super(`${problem} in \`${file}\` at byte ${offset}${advice}`);
    this.file = file;
    this.offset = offset;
  }
}
