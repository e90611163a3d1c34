import type { Action, CatalogEntry, Origin } from '../model/catalog.ts';
import type { Provenance } from '../model/facts.ts';
import type { JsonValue } from '../model/json.ts';
import type { Mandate } from '../model/mandate.ts';
import type {
  Argued,
  Harvested,
  Open,
  ReadArguments,
  Remembered,
  Seen,
  Session,
  Unvouched,
} from '../model/session.ts';
import { harvestArguments } from './arguments.ts';
import { formOf } from './forms.ts';
import { emptyHarvest, harvestForms, harvestJson, harvestScalar, MAX_VALUES } from './harvest.ts';
import { createHasher, type Hasher } from './hasher.ts';
import { allOf, leadsIn } from './kinds.ts';
import { labelsOf, UNLABELLED } from './labels.ts';
import { readingsOf } from './readings.ts';

/** What a tool returned, as its enforcement point reported it. */
interface Output {
  /** Strictly parsed, where the output is JSON. */
  readonly json?: JsonValue;
  readonly text?: string;
  /** Cut by the reporter. A cut value is another value, so nothing in it is trusted. */
  readonly truncated: boolean;
  /** Not what it says it is, or no text: what `text` shows may not be what the agent reads. Nothing is trusted. */
  readonly garbled: boolean;
  /** What it was asked with that nobody had vouched for: a tool that repeats it vouches for it no more. */
  readonly unvouched: Unvouched;
  readonly open: Open;
}

/**
 * Where values come from. Of each output it is told what its records said and what others did, also where both said the
 * same; who said it first the session settles. What the user said is the user's, whoever said it before.
 */
export interface Tracer {
  /** The user's values, for the entry that opens or amends a session. At most 2048. */
  harvestMandate(tenant: string, mandate: Mandate): readonly Seen[];
  /** Values of one output by whose words they are, a record's first. At most 2048 of 256 Ki characters. */
  harvestOutput(tenant: string, entry: CatalogEntry | undefined, output: Output): Harvested;
  /**
   * What the arguments and the resource of an action hold that is nobody's yet, whole and in parts: nothing for a read
   * whose output vouches for nothing. At most 256 hashes.
   */
  readonly harvestArguments: ReadArguments;
  /**
   * The origin of every argument of an effectful action, by path; `{}` for a plain read. Unknown where nothing
   * was seen, where there is no session, and for true, false and null, which could come from anywhere.
   */
  traceArguments(session: Session | null, action: Action, tenant: string): Provenance;
}

/** Characters of one output's records that are read in other spellings; what comes after is nobody's. */
const MOST_READ = 16_384;

const NOTHING: Provenance = Object.freeze({});
const NOTHING_ARGUED: Omit<Argued, 'open'> = Object.freeze({ hashes: [], complete: true });

/**
 * @param key at least 32 bytes, the same for all replicas; each tenant's own key is derived from it (HKDF)
 * @throws RangeError when the key is shorter
 */
export function createProvenance({ key }: { readonly key: Buffer }): Tracer {
  if (key.length < 32) throw new RangeError('provenance key is shorter than 32 bytes');
  const hashers = new Map<string, Hasher>();
  const hasherOf = (tenant: string): Hasher => {
    let hasher = hashers.get(tenant);
    if (hasher === undefined) {
      hasher = createHasher(key, tenant);
      hashers.set(tenant, hasher);
    }
    return hasher;
  };
  return {
    harvestMandate(tenant, mandate) {
      const hasher = hasherOf(tenant);
      return Array.from(harvestForms(mandate), (form) => ({ hash: hasher(form), origin: 'user' }));
    },
    harvestArguments(tenant, action, { isVouched, originOf, mandate }) {
      const hasher = hasherOf(tenant);
      const left = action.class === 'read' ? leftOpen(mandate) : '';
      const open = left !== '' && isNamed(action, hasher, originOf) ? left : '';
      if (!action.effectful && !labelsOf(action.entry).vouches) return { ...NOTHING_ARGUED, open };
      return { ...harvestArguments(action, hasher, isVouched), open };
    },
    harvestOutput: (tenant, entry, output) => harvestOutput(hasherOf(tenant), entry, output),
    traceArguments: (session, action, tenant) =>
      action.effectful ? trace(session, action, hasherOf(tenant)) : NOTHING,
  };
}

function harvestOutput(hasher: Hasher, entry: CatalogEntry | undefined, output: Output): Harvested {
  const labels = labelsOf(entry);
  const damaged = output.truncated || output.garbled;
  const harvest = emptyHarvest(output.open);
  harvest.lost = damaged;
  if (output.json !== undefined) harvestJson(harvest, output.json, damaged ? UNLABELLED : labels);
  // A text has no fields: it is a record's only where every field would have been.
  else if (output.text !== undefined)
    harvestScalar(harvest, output.text, damaged || labels.foreign ? 'free_text' : labels.writer);
  const seen: Seen[] = [];
  const { unvouched } = output;
  const work = { left: MOST_READ };
  for (const form of harvest.trusted) {
    const readings = readingsOf(form, work);
    const echoed = (said: string): boolean => unvouched === 'all' || unvouched.has(hasher(said));
    if (readings === undefined || [form, ...readings].some(echoed)) harvest.trusted.delete(form);
    else seen.push({ hash: hasher(form), origin: 'trusted' });
  }
  let values = seen.length;
  const done = new Set<string>();
  const take = (origin: Seen['origin'], forms: Iterable<string>): void => {
    for (const form of forms) {
      if (done.has(form)) continue;
      done.add(form);
      // What a record says too is told for its spelling's sake, and takes no room of others.
      if (!harvest.trusted.has(form)) values += 1;
      if (values > MAX_VALUES) harvest.lost = true;
      else seen.push(saidBy(origin, hasher(form)));
    }
  };
  const saidBy = (origin: Seen['origin'], hash: string): Seen => {
    const echoed = isWorth(origin) && (unvouched === 'all' || unvouched.has(hash));
    return { hash, origin: echoed ? 'untrusted' : origin };
  };
  take('urged', harvest.urged);
  take('counterparty', harvest.counterparty);
  for (const leads of harvest.leads === undefined ? [] : [harvest.leads.email, harvest.leads.url])
    take(leads.size === 1 ? 'referenced' : 'listed', leads);
  take('untrusted', harvest.untrusted);
  // What is lost of an output that only a system or the agent itself writes, nobody else said.
  return { seen, lost: harvest.lost && labels.foreign };
}

function isWorth(origin: Seen['origin']): boolean {
  return origin === 'counterparty' || origin === 'referenced' || origin === 'listed';
}

const WORST: readonly Origin[] = ['unknown', 'untrusted', 'referenced', 'counterparty', 'trusted', 'user'];

function worst(origins: readonly Origin[]): Origin {
  return WORST.find((origin) => origins.includes(origin)) ?? 'unknown';
}

function originOf(form: string, session: Session, action: Action, hasher: Hasher, cited = false): Origin {
  const remembered = session.originOf(hasher(form), () => (readingsOf(form) ?? []).map(hasher));
  // One of several is what the user meant only where looking at the wrong one does no harm.
  if (remembered === 'listed') return cited || action.class === 'read' ? 'referenced' : 'untrusted';
  return remembered;
}

function isContent({ entry }: Action, path: string): boolean {
  return entry.arguments.get(/^[^.[]*/.exec(path)?.[0] ?? '')?.role === 'content';
}

/** Whether an action reads what the user named: an argument is the user's, and none is somebody else's text. */
function isNamed(action: Action, hasher: Hasher, originOf: (hash: string) => Remembered): boolean {
  const origins = action.values.map(({ value }) => {
    const form = typeof value === 'string' ? formOf(value) : undefined;
    return form === undefined ? undefined : originOf(hasher(form));
  });
  return origins.includes('user') && !origins.some((origin) => origin === 'untrusted' || origin === 'listed');
}

/** By mandate: it stays the same for a session's many asks. */
const opens = new WeakMap<Mandate, Open>();

function leftOpen(mandate: Mandate): Open {
  let open = opens.get(mandate);
  if (open === undefined) {
    const { email, url } = leadsIn([mandate.purpose, ...Object.values(mandate.declared)].join(' '));
    const kinds = [...(email.size === 0 ? ['email'] : []), ...(url.size === 0 ? ['url'] : [])];
    open = kinds.join(' ') as Open;
    opens.set(mandate, open);
  }
  return open;
}

function trace(session: Session | null, action: Action, hasher: Hasher): Provenance {
  const found: Record<string, Origin> = Object.create(null);
  for (const { path, value } of action.values) {
    const form = session === null ? undefined : formOf(value);
    found[path] =
      form === undefined || session === null ? 'unknown' : originOf(form, session, action, hasher);
    if (session === null || typeof value !== 'string' || !isContent(action, path)) continue;
    const origins = allOf(leadsIn(value)).map((lead) => originOf(lead, session, action, hasher, true));
    if (origins.length > 0) found[`${path}~links`] = worst(origins);
  }
  return found;
}
