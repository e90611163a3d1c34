/** What the log of a session is made of. Payloads are canonical JSON, so equal entries are equal bytes. */
import type { ActionClass } from '../model/catalog.ts';
import type { Answer } from '../model/decision.ts';
import type { Identity, Mandate } from '../model/mandate.ts';
import type { Argued, Open, Outcome, Seen, Unvouched } from '../model/session.ts';

interface Common {
  /** Unix ms, by the clock of the replica that wrote it. */
  readonly at: number;
  readonly pep: string;
}

/** Hex hashes (16 characters each) run together, by origin. */
export interface SeenText {
  readonly user: string;
  readonly trusted: string;
  readonly untrusted: string;
  /** These four only where there are any. */
  readonly counterparty?: string;
  readonly referenced?: string;
  readonly listed?: string;
  readonly urged?: string;
  /** Of earlier builds: somebody else's words of which the same output holds a record's spelling. */
  readonly repeated?: string;
}

export interface OpenEntry extends Common {
  readonly kind: 'open';
  readonly id: string;
  readonly tenant: string;
  readonly mandate: Mandate;
  readonly seen: SeenText;
}

/** One ask, judged: a step. */
export interface AskEntry extends Common {
  readonly kind: 'ask';
  readonly request: string;
  /** Keyed digest of the ask's content: a retry must match it. */
  readonly content: string;
  readonly action: string;
  readonly class: ActionClass;
  readonly effectful: boolean;
  /** Allowed, and its output may hold words of somebody else: true or absent. */
  readonly foreign?: true;
  /** Allowed, and the user left something open to what it reads. */
  readonly open?: Exclude<Open, ''>;
  readonly subject: Identity;
  readonly actor: Identity;
  /** The agent that the session belongs to when nobody is bound yet: the chain's root, else the actor. */
  readonly owner: Identity;
  readonly binding?: string;
  readonly operation?: string;
  /** Fingerprint of the business act. */
  readonly identity?: string;
  /** Fingerprint of action, resource, arguments, subject, actor and enforcement point; only with an operation. */
  readonly act?: string;
  readonly hops: readonly string[];
  /** Allowed, with values in its arguments that nobody had vouched for: their hashes run together, or `*` for too many. */
  readonly unvouched?: string;
  /** Keyed digest of the input that policy judged; absent when policy was not reached. */
  readonly input?: string;
  readonly revision?: string;
  readonly activation?: number;
  readonly data?: number;
  readonly answer: Answer;
}

export interface AmendEntry extends Common {
  readonly kind: 'amend';
  readonly mandate: Mandate;
  readonly seen: SeenText;
}

export interface CloseEntry extends Common {
  readonly kind: 'close';
  /** Entries before this one, and the digest of the last of them. */
  readonly count: number;
  readonly last: string;
}

export interface SuspendEntry extends Common {
  readonly kind: 'suspend';
  readonly cause: string;
}

export interface ResumeEntry extends Common {
  readonly kind: 'resume';
}

export interface ReportEntry extends Common {
  readonly kind: 'report';
  readonly decision: string;
  readonly outcome: Outcome;
  /** The far side's proof that nothing happened; empty: none. */
  readonly proof: string;
  readonly seen: SeenText;
  /** Words of somebody else stood in the output that are not in `seen`. */
  readonly lost: boolean;
}

export type Entry = OpenEntry | AskEntry | AmendEntry | CloseEntry | SuspendEntry | ResumeEntry | ReportEntry;
/** Any entry but a log's first. */
export type LaterEntry = Exclude<Entry, OpenEntry>;

/** Of payloads; one that this build does not know is not read. */
export const FORMAT = 1;
const KINDS: ReadonlySet<string> = new Set(['open', 'ask', 'amend', 'close', 'suspend', 'resume', 'report']);

/**
 * Reads a payload whose digest has been verified, so its shape is what `encodeEntry` wrote.
 * Undefined for a format, key or kind that this build does not know.
 */
export function decodeEntry(payload: string, keyId: string): Entry | undefined {
  const { entry, format, key } = JSON.parse(payload) as { entry: Entry; format: number; key: string };
  return format === FORMAT && key === keyId && KINDS.has(entry.kind) ? entry : undefined;
}

const HASH = /^[0-9a-f]{16}$/;
const HASH_LENGTH = 16;

/** @throws TypeError for a hash that is not 16 hex characters */
export function packSeen(seen: readonly Seen[]): SeenText {
  const text: { -readonly [Name in keyof SeenText]: SeenText[Name] } = {
    user: '',
    trusted: '',
    untrusted: '',
  };
  for (const { hash, origin } of seen) {
    if (!HASH.test(hash)) throw new TypeError('a seen value needs a hash of 16 hex characters');
    text[origin] = (text[origin] ?? '') + hash;
  }
  return text;
}

/** Unvouched values that an entry keeps. */
const MOST_UNVOUCHED = 256;
const TOO_MANY = '*';

/** Undefined for none. */
export function packUnvouched({ hashes, complete }: Argued): string | undefined {
  if (!complete || hashes.length > MOST_UNVOUCHED) return TOO_MANY;
  return hashes.length === 0 ? undefined : hashes.join('');
}

export function unpackUnvouched(text = ''): Unvouched {
  if (text === TOO_MANY) return 'all';
  const hashes = new Set<string>();
  for (let i = 0; i < text.length; i += HASH_LENGTH) hashes.add(text.slice(i, i + HASH_LENGTH));
  return hashes;
}

const ORIGINS = ['user', 'untrusted', 'listed', 'referenced', 'counterparty', 'trusted', 'urged'] as const;

export function* unpackSeen(text: SeenText): Generator<Seen> {
  const { repeated = '', ...told } = text;
  for (const origin of ORIGINS) {
    const hashes = (told[origin] ?? '') + (origin === 'untrusted' ? repeated : '');
    for (let i = 0; i < hashes.length; i += HASH_LENGTH)
      yield { hash: hashes.slice(i, i + HASH_LENGTH), origin };
  }
}
