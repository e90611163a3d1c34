/** Making a policy ready from a bundle and data, and choosing the one to start with. */
import { type Author, fetchBundle, fetchSeed, nextActivation, revisionOf } from './history.ts';
import { type Loaded, type LoadRequest, loadPolicy, loadPolicyAside } from './load.ts';
import { createEvaluator, type Evaluator } from './opa.ts';
import type { OpenOptions, PolicyRoomOptions } from './room.ts';
import type { PolicyStore, Seeding, StoredActivation, StoredData } from './store.ts';

/** What a policy is made of. */
export interface Source {
  readonly bundle: Uint8Array;
  readonly data: StoredData;
  /** The bytes that `data.seed` names. */
  readonly seed: Uint8Array | undefined;
  /** The bundle's module, where it was compiled before. */
  readonly module?: WebAssembly.Module | undefined;
}

/** A policy that is ready, with what it was made of. */
export interface Prepared {
  readonly bundle: Uint8Array;
  readonly revision: string;
  /** As the store held it: what the bundle adds is stored with its activation. */
  readonly data: StoredData;
  /** The seed in force: with what the bundle adds. */
  readonly seed: Uint8Array | undefined;
  readonly loaded: Loaded;
  readonly evaluator: Evaluator;
}

/** Everything that decides at one moment, swapped as a whole. */
export interface Active extends Prepared {
  readonly activation: StoredActivation;
}

const LOAD_DEADLINE_MS = 20_000;
const PAGES_PER_MIB = 16;
/** Looks at a store that other starting replicas change. */
const TRIES = 8;

/**
 * Loads in a worker, while asks are decided here.
 * @throws BundleError as loadPolicyAside does; Fault `DRAINING` once the room is closed
 */
export async function prepareAside(
  options: OpenOptions,
  source: Source,
  deadlineMs: number = LOAD_DEADLINE_MS,
): Promise<Prepared> {
  const request = requestOf(options, source);
  return readied(request, await loadPolicyAside(request, deadlineMs, options.signal), source);
}

/**
 * What the store holds, or the default bundle under a new activation. On this thread and without a deadline: it
 * is a bundle of ours, or one that was tried out when it was pushed.
 * @throws Error when there is none, or naming the default's key when that does not load; BundleError when what the
 * store holds does not
 */
export async function start(options: PolicyRoomOptions): Promise<Active> {
  const { store, defaultBundle, at, log } = options;
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const { newest, data } = await readStore(store);
    const seed = await fetchSeed(store, data);
    const revision = defaultBundle === undefined ? undefined : revisionOf(defaultBundle);
    const takesDefault = newest === undefined || (newest.kind === 'default' && newest.revision !== revision);
    if (!takesDefault || defaultBundle === undefined) {
      if (newest === undefined) throw new Error('there is no policy bundle to start with');
      const bundle = await fetchBundle(store, newest.revision);
      return { ...(await loadHere(options, { bundle, data, seed })), activation: newest };
    }
    const first = await loadHere(options, { bundle: defaultBundle, data, seed }).catch((cause: unknown) => {
      throw new Error('`policy.bundle` cannot be used', { cause });
    });
    await store.putBytes(first.revision, defaultBundle);
    const active = await storeActivation(store, first, { newest, author: { by: '', at, kind: 'default' } });
    if (active !== undefined) {
      const { kept } = active.loaded.data;
      if (kept.length > 0) log.info({ paths: kept }, 'data is kept where the default bundle says otherwise');
      return active;
    }
    // Another replica starts too, and was first: look again at what it left.
  }
  throw new Error('the policy store changes faster than a policy loads');
}

/**
 * The newest activation and the data. The data second: an activation is stored together with what its bundle
 * adds to the seed, so data that is read after it holds what it needs.
 */
export async function readStore(
  store: PolicyStore,
): Promise<{ readonly newest: StoredActivation | undefined; readonly data: StoredData }> {
  const [newest] = await store.activations(1);
  return { newest, data: await store.data() };
}

/**
 * Activates what was prepared, whose bundle the store keeps already, and seeds the data with what it adds, in
 * one step of the store. Undefined when another change came first.
 * @throws BundleRefused when a pushed bundle's sequence does not rise
 */
export async function storeActivation(
  store: PolicyStore,
  prepared: Prepared,
  { newest, author }: { readonly newest: StoredActivation | undefined; readonly author: Author },
): Promise<Active | undefined> {
  const activation = nextActivation(newest, manifested(prepared), author);
  const seeding = await keepGained(store, prepared);
  // A crash after this leaves both stored: every other replica and the next start load them.
  if (!(await store.activate(activation, seeding))) return undefined;
  return { ...prepared, data: { ...prepared.data, ...seeding }, activation };
}

/** Keeps the bytes of a seed that gained. A crash after this leaves bytes that nothing names. */
async function keepGained(store: PolicyStore, { data, loaded }: Prepared): Promise<Seeding | undefined> {
  const { gained } = loaded.data;
  if (gained === undefined) return undefined;
  const seed = revisionOf(gained);
  await store.putBytes(seed, gained);
  return { version: data.version + 1, seed };
}

async function loadHere(options: PolicyRoomOptions, source: Source): Promise<Prepared> {
  const request = requestOf(options, source);
  return readied(request, await loadPolicy(request), source);
}

async function readied(
  { bundle, maximumPages }: LoadRequest,
  loaded: Loaded,
  { data, seed }: Source,
): Promise<Prepared> {
  const evaluator = await createEvaluator(loaded.module, loaded.image, maximumPages);
  const inForce = loaded.data.gained ?? seed;
  return { bundle, revision: revisionOf(bundle), data, seed: inForce, loaded, evaluator };
}

/** What an activation says of it. */
export function manifested({ loaded, revision }: Prepared): {
  manifest: Loaded['manifest'];
  revision: string;
} {
  return { manifest: loaded.manifest, revision };
}

function requestOf({ memoryMib }: PolicyRoomOptions, { bundle, data, seed, module }: Source): LoadRequest {
  return { bundle, seed, documents: data.documents, module, maximumPages: memoryMib * PAGES_PER_MIB };
}
