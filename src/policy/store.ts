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

/** The data as of one moment. */
export interface StoredData {
  readonly version: number;
  readonly documents: readonly DataDocument[];
}

/**
 * Policy's memory, shared by all replicas. Methods throw `Fault('POLICY_STORE_UNAVAILABLE')` when no answer came
 * or the store refused; a write that threw may or may not have been applied.
 */
export interface PolicyStore {
  /** Keeps a bundle under its hash; the same again changes nothing. Once this resolves it survives this process. */
  putBundle(revision: string, bytes: Uint8Array): Promise<void>;
  /** Undefined when it was never kept. The bytes are what the store holds: check them against their hash. */
  getBundle(revision: string): Promise<Uint8Array | undefined>;
  /** Appends, if and only if the newest activation is `number` - 1. Atomic; survives this process once true. */
  activate(activation: StoredActivation): Promise<boolean>;
  /** Newest first, at most `limit`, of those numbered below `before`. */
  activations(limit: number, before?: number): Promise<readonly StoredActivation[]>;
  /**
   * Sets the document and drops the replaced ones, if and only if the data's version is the document's - 1.
   * Atomic; survives this process once true.
   */
  changeData(change: DataChange): Promise<boolean>;
  /** All documents, oldest version first, and the version they add up to: read as of one moment. */
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
