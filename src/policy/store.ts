/** Where revisions, their activations and the data live. Every driver passes test/conformance/policy-store.ts. */

/** One activation as it lies in the history. Numbers count from 1 without gaps, rollbacks included. */
export interface StoredActivation {
  readonly number: number;
  /** SHA-256 of the bundle's bytes, lower-case hex. */
  readonly revision: string;
  /** What the bundle's manifest calls itself. */
  readonly name: string;
  readonly kind: 'default' | 'push' | 'rollback';
  /** The enforcement point that pushed or rolled back; empty for the default bundle. */
  readonly by: string;
  /** Unix ms. */
  readonly at: number;
  /** Highest author's sequence of any push so far; 0 before the first that names one. */
  readonly sequence: number;
  readonly dataRoots: readonly string[];
}

/** A value set (JSON text) or taken away (undefined) at a path of `data`. */
export interface DataDocument {
  /** Steps joined with `/`, such as `finance/blocked_vendors`. */
  readonly path: string;
  readonly value: string | undefined;
  /** The data version that set it. */
  readonly version: number;
  readonly by: string;
  readonly at: number;
}

export interface DataChange {
  readonly document: DataDocument;
  /** Paths of documents that the change makes moot: they lie at or below its own. */
  readonly replaced: readonly string[];
}

/** What replicas compare with what they have in force. Zeros before anything was stored. */
interface PolicyHead {
  readonly activation: number;
  readonly dataVersion: number;
}

/** What an activation adds beneath the documents. */
export interface Seeding {
  /** The data version that it makes. */
  readonly version: number;
  /** SHA-256 of the seed's bytes, lower-case hex, under which they are kept. */
  readonly seed: string;
}

/** The data as of one moment. */
export interface StoredData {
  readonly version: number;
  /** What the documents are laid over: SHA-256 of bytes that are kept; undefined before the first seeding. */
  readonly seed: string | undefined;
  readonly documents: readonly DataDocument[];
}

/**
 * Policy's memory, shared by all replicas. Methods throw `Fault('POLICY_STORE_UNAVAILABLE')` when no answer came
 * or the store refused; a write that threw may or may not have been applied.
 */
export interface PolicyStore {
  /**
   * Keeps a bundle or a seed under its hash; the same again changes nothing. Once this resolves it survives this
   * process.
   */
  putBytes(hash: string, bytes: Uint8Array): Promise<void>;
  /** Undefined when they were never kept. They are what the store holds: check them against their hash. */
  getBytes(hash: string): Promise<Uint8Array | undefined>;
  /**
   * Appends, if and only if the newest activation is `number` - 1; with a seeding, also if and only if the data's
   * version is the seeding's - 1, which it then raises. Both or neither; survives this process once true.
   */
  activate(activation: StoredActivation, seeding?: Seeding): Promise<boolean>;
  /** Newest first, at most `limit`, of those numbered below `before`. */
  activations(limit: number, before?: number): Promise<readonly StoredActivation[]>;
  /**
   * Sets the document and drops the replaced ones, if and only if the data's version is the document's - 1.
   * Atomic; survives this process once true.
   */
  changeData(change: DataChange): Promise<boolean>;
  /** The seed, all documents, oldest version first, and the version they add up to: read as of one moment. */
  data(): Promise<StoredData>;
  head(): Promise<PolicyHead>;
  /**
   * Calls back soon after another replica changed something. Only a hint, which may be lost: whoever must
   * know polls `head`. Returns what ends it.
   */
  watch(changed: () => void): () => void;
  /** Releases connections and files; what was acknowledged stays. */
  close(): Promise<void>;
}
