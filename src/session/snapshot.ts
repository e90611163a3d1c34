/** A fold as text and back, so that replicas need not read a log from its beginning. */
import type { Decimal } from '../model/decimal.ts';
import { canonicalJson, type JsonValue, quoteJson } from '../model/json.ts';
import { emptyFold, type Fold, type Operation, type Permit, type Standing, type Table } from './fold.ts';
import type { SessionKeys } from './keys.ts';
import { knownReader, type Lost, readLost, type Written, writeKnown } from './snapshot-origins.ts';
import type { StoredSnapshot } from './store.ts';
import { NO_UNDO } from './undo.ts';
import { upgradeFold } from './upgrade.ts';

const FORMAT = 1;

interface Body {
  readonly format: number;
  readonly key: string;
  readonly now: Omit<Standing, 'sums' | 'lost'> & { readonly sums: Table<string> } & Lost;
  readonly permits: readonly (readonly [string, Permit])[];
  readonly reads: readonly (readonly [string, Permit])[];
  readonly acts: readonly (readonly [string, number])[];
  readonly hopSums: readonly (readonly [string, string])[];
  readonly operations: readonly (readonly [string, Operation])[];
  /** Payload, version, digest, enforcement point, minted, at; the payload as JSON, not as a string of it. */
  readonly answers: readonly (readonly [string, JsonValue, number, string, string, number, number])[];
  /** Id, enforcement point, minted, at. */
  readonly spentIds: readonly (readonly [string, string, number, number])[];
  readonly origins: readonly (readonly [string, ...Written])[];
  readonly awaited: readonly (readonly [string, number])[];
}

/** Equal folds give equal text, whatever order their entries took through memory. */
export function encodeFold(fold: Fold, keyId: string): string {
  const { now } = fold;
  const sums = Object.fromEntries(Object.entries(now.sums).map(([name, sum]) => [name, textOf(sum)]));
  const answers: string[] = [];
  // The payload is canonical already: quoted again it would take twice the room and most of the time.
  for (const [name, { stored, pep, minted, at }] of fold.answers.entries())
    answers.push(
      `[${quoteJson(name)},${stored.payload},${stored.version},${quoteJson(stored.digest)},${quoteJson(pep)},${minted},${at}]`,
    );
  const rest = {
    acts: sorted(fold.acts),
    awaited: sorted(fold.awaited),
    format: FORMAT,
    hopSums: sorted(fold.hopSums).map(([name, sum]) => [name, textOf(sum)]),
    key: keyId,
    now: { ...now, sums },
    operations: sorted(fold.operations),
    origins: [...fold.origins.entries()].map(([hash, known]) => [hash, ...writeKnown(known)]),
    permits: sorted(fold.permits),
    reads: [...fold.reads.entries()],
    spentIds: [...fold.spentIds.entries()].map(([id, { pep, minted, at }]) => [id, pep, minted, at]),
  };
  return `{"answers":[${answers.join(',')}],${canonicalJson(rest as unknown as JsonValue).slice(1)}`;
}

/** Reads a body whose MAC was verified; undefined for a format or key that this build does not know. */
export function decodeFold(text: string, keyId: string): Fold | undefined {
  const body = JSON.parse(text) as Body;
  if (body.format !== FORMAT || body.key !== keyId) return undefined;
  const { now } = body;
  const fold = emptyFold({
    ...now,
    // Undefined members are not written.
    subject: now.subject,
    actor: now.actor,
    sums: Object.fromEntries(Object.entries(now.sums).map(([name, text]) => [name, decimalOf(text)])),
    lost: readLost(now),
  });
  for (const [id, permit] of body.permits) fold.permits.set(id, permit);
  for (const [id, permit] of body.reads) fold.reads.put(id, permit, NO_UNDO);
  for (const [act, count] of body.acts) fold.acts.set(act, count);
  for (const [name, text] of body.hopSums) fold.hopSums.set(name, decimalOf(text));
  for (const [id, operation] of body.operations) fold.operations.set(id, operation);
  for (const [name, payload, version, digest, pep, minted, at] of body.answers)
    fold.answers.put(
      name,
      { stored: { version, digest, payload: canonicalJson(payload) }, pep, minted, at },
      NO_UNDO,
    );
  for (const [id, pep, minted, at] of body.spentIds) fold.spentIds.put(id, { pep, minted, at }, NO_UNDO);
  const reader = knownReader(now.head.version);
  for (const [hash, ...written] of body.origins) fold.origins.put(hash, reader(written), NO_UNDO);
  for (const [id, version] of body.awaited) fold.awaited.set(id, version);
  upgradeFold(fold);
  return fold;
}

/** The fold as the store keeps it. */
export function sealSnapshot(fold: Fold, log: string, keys: SessionKeys): StoredSnapshot {
  const body = encodeFold(fold, keys.id);
  const { head } = fold.now;
  return { ...head, body, mac: keys.sealSnapshot(log, head, body) };
}

/** Undefined when the snapshot is not ours, not of this log, or not of the head it names. */
export function openSnapshot(snapshot: StoredSnapshot, log: string, keys: SessionKeys): Fold | undefined {
  if (keys.sealSnapshot(log, snapshot, snapshot.body) !== snapshot.mac) return undefined;
  return decodeFold(snapshot.body, keys.id);
}

function sorted<V>(map: ReadonlyMap<string, V>): (readonly [string, V])[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** `<units>e-<scale>`: sums may outgrow what an amount may be. */
function textOf({ units, scale }: Decimal): string {
  return `${units}e-${scale}`;
}

function decimalOf(text: string): Decimal {
  const [units = '0', scale = '0'] = text.split('e-');
  return { units: BigInt(units), scale: Number(scale) };
}
