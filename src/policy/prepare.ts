/** Making a policy ready from a bundle and data, and choosing the one to start with. */
import { type Author, fetchBundle, nextActivation, revisionOf } from './history.ts';
import { type Loaded, type LoadRequest, loadPolicy, loadPolicyAside } from './load.ts';
import { createEvaluator, type Evaluator } from './opa.ts';
import type { PolicyRoomOptions } from './room.ts';
import type { StoredActivation, StoredData } from './store.ts';

/** A policy that is ready, with the bytes and the data it was made of. */
export interface Prepared {
  readonly bundle: Uint8Array;
  readonly revision: string;
  readonly data: StoredData;
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
 * @throws BundleError as loadPolicyAside does
 */
export async function prepareAside(
  options: PolicyRoomOptions,
  bundle: Uint8Array,
  data: StoredData,
  module?: WebAssembly.Module,
): Promise<Prepared> {
  const request = { ...requestOf(options, bundle, data), module };
  return readied(request, await loadPolicyAside(request, LOAD_DEADLINE_MS), data);
}

/**
 * What the store holds, or the default bundle under a new activation. On this thread and without a deadline: it
 * is a bundle of ours, or one that was tried out when it was pushed.
 * @throws Error when there is none, BundleError when it does not load
 */
export async function start(options: PolicyRoomOptions): Promise<Active> {
  const { store, defaultBundle, at } = options;
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const [newest] = await store.activations(1);
    const data = await store.data();
    const revision = defaultBundle === undefined ? undefined : revisionOf(defaultBundle);
    const takesDefault = newest === undefined || (newest.kind === 'default' && newest.revision !== revision);
    if (!takesDefault || defaultBundle === undefined) {
      if (newest === undefined) throw new Error('there is no policy bundle to start with');
      const bundle = await fetchBundle(store, newest.revision);
      return { ...(await loadHere(options, bundle, data)), activation: newest };
    }
    const first = await loadHere(options, defaultBundle, data);
    const author: Author = { by: '', at, kind: 'default' };
    const activation = nextActivation(newest, manifested(first), author);
    await store.putBundle(first.revision, defaultBundle);
    if (await store.activate(activation)) return { ...first, activation };
    // Another replica starts too, and was first: look again at what it left.
  }
  throw new Error('the policy store changes faster than a policy loads');
}

async function loadHere(options: PolicyRoomOptions, bundle: Uint8Array, data: StoredData): Promise<Prepared> {
  const request = requestOf(options, bundle, data);
  return readied(request, await loadPolicy(request), data);
}

async function readied(request: LoadRequest, loaded: Loaded, data: StoredData): Promise<Prepared> {
  const { bundle, maximumPages } = request;
  const evaluator = await createEvaluator(loaded.module, loaded.image, maximumPages);
  return { bundle, revision: revisionOf(bundle), data, loaded, evaluator };
}

/** What an activation says of it. */
export function manifested({ loaded, revision }: Prepared): {
  manifest: Loaded['manifest'];
  revision: string;
} {
  return { manifest: loaded.manifest, revision };
}

function requestOf({ memoryMib }: PolicyRoomOptions, bundle: Uint8Array, data: StoredData): LoadRequest {
  return { bundle, documents: data.documents, maximumPages: memoryMib * PAGES_PER_MIB };
}
