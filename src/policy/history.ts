/** Reading and extending the history of activations. */
import { createHash } from 'node:crypto';
import { Malformed, Rejection } from '../model/refusal.ts';
import { type Activation, BundleRefused } from '../model/verbs.ts';
import { type Manifest, PACKAGES } from './bundle.ts';
import type { PolicyStore, StoredActivation, StoredData } from './store.ts';

/** Who activates something, when (Unix ms), and by which verb. */
export interface Author {
  /** Id of the enforcement point; empty for the default bundle. */
  readonly by: string;
  readonly at: number;
  readonly kind: StoredActivation['kind'];
}

const PAGE = 200;

/** SHA-256 of a bundle's bytes, lower-case hex: what a revision is called everywhere. A seed's name, too. */
export function revisionOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * The activation that would follow the newest one.
 * @throws BundleRefused when a pushed bundle's sequence does not rise: an old one must not come back by a push
 */
export function nextActivation(
  newest: StoredActivation | undefined,
  bundle: { readonly manifest: Manifest; readonly revision: string },
  author: Author,
): StoredActivation {
  const { manifest, revision } = bundle;
  const { number = 0, sequence = 0 } = newest ?? {};
  if (author.kind === 'push' && manifest.sequence !== undefined && manifest.sequence <= sequence) {
    const message = `\`metadata.sequence\` is not above ${sequence}`;
    throw new BundleRefused([{ file: '.manifest', line: 0, column: 0, code: 'assent_sequence', message }]);
  }
  return {
    number: number + 1,
    revision,
    name: manifest.name,
    ...author,
    sequence: Math.max(sequence, manifest.sequence ?? 0),
    dataRoots: manifest.roots.filter((root) => !PACKAGES.includes(root.split('/')[0] ?? '')),
  };
}

/** As people look at it. */
export function viewOf(stored: StoredActivation, active: StoredActivation): Activation {
  const { number, revision, name, at, by, dataRoots } = stored;
  return { number, revision, name, at, pushedBy: by, active: number === active.number, dataRoots };
}

/**
 * The wanted revision as the history holds it; without one, the newest that is not the active revision.
 * @throws Rejection NOT_FOUND
 */
export async function findRevision(
  store: PolicyStore,
  wanted: string | undefined,
  active: string,
): Promise<string> {
  let before = Number.MAX_SAFE_INTEGER;
  while (before > 1) {
    const page = await store.activations(PAGE, before);
    const found = page.find(({ revision }) =>
      wanted === undefined ? revision !== active : revision === wanted,
    );
    if (found !== undefined) return found.revision;
    before = page.at(-1)?.number ?? 1;
  }
  const missing =
    wanted === undefined ? 'nothing but this revision was ever active' : 'no activation has that revision';
  throw new Rejection('NOT_FOUND', 'REVISION_NOT_FOUND', missing);
}

/** @throws Error when the store does not hold the revision's bytes as they were kept */
export function fetchBundle(store: PolicyStore, revision: string): Promise<Uint8Array> {
  return fetchBytes(store, revision, 'bundle of revision');
}

/**
 * What the documents are laid over; undefined before any bundle brought data.
 * @throws Error when the store does not hold it as it was kept
 */
export async function fetchSeed(
  store: PolicyStore,
  { seed }: Pick<StoredData, 'seed'>,
): Promise<Uint8Array | undefined> {
  return seed === undefined ? undefined : fetchBytes(store, seed, 'data with the hash');
}

async function fetchBytes(store: PolicyStore, hash: string, what: string): Promise<Uint8Array> {
  const bytes = await store.getBytes(hash);
  if (bytes === undefined || revisionOf(bytes) !== hash)
    throw new Error(`the policy store lost the ${what} ${hash}`);
  return bytes;
}

/** The number below which a page begins. @throws Malformed on `page_token` */
export function readToken(token: string): number {
  if (token === '') return Number.MAX_SAFE_INTEGER;
  if (!/^[1-9][0-9]{0,14}$/.test(token)) throw new Malformed('page_token', 'is not from a page before');
  return Number(token);
}
