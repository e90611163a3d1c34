/**
 * Which policy is in force, and how it changes. A push, a rollback, a data change or another replica's
 * activation builds a new instance aside, and then one pointer moves; an instance that decides is never patched.
 *
 * One bundle is active for the whole server, whatever the tenant. Who may push is the wire's question; whoever
 * can write to the store can activate, since bundles are not signed yet.
 */
import type { JsonObject, JsonValue } from '../model/json.ts';
import { Malformed, Rejection } from '../model/refusal.ts';
import { ownsData, readBundle } from './bundle.ts';
import { buildContent, refusedBy } from './content.ts';
import { layOver, lookUp, parseDocuments, readPath, replacedBy } from './data.ts';
import {
  type Author,
  fetchBundle,
  findRevision,
  nextActivation,
  readToken,
  revisionOf,
  viewOf,
} from './history.ts';
import { judge } from './judge.ts';
import { type Active, manifested, type Prepared, prepareAside, start } from './prepare.ts';
import type { PolicyRoom, PolicyRoomOptions, Pushed } from './room.ts';
import type { DataDocument, PolicyStore, StoredActivation, StoredData } from './store.ts';
import { BundleError } from './tar.ts';
import { startWatch } from './watch.ts';

const MAX_VALUE_BYTES = 1024 * 1024;
const MAX_DOCUMENTS = 10_000;
/** Tries of a write that another replica's write came before. */
const TRIES = 8;
const PAGE_SIZE = 50;

/**
 * Opens the room with what the store holds, or with the default bundle where it holds nothing.
 * @throws Error when there is no bundle, or the one to start with does not load: no policy, no start
 */
export async function createPolicyRoom(options: PolicyRoomOptions): Promise<PolicyRoom> {
  const changes = new Changes(options, await start(options));
  const { store, log, watchIntervalMs } = options;
  const watch = startWatch(store, () => changes.follow(), { log, intervalMs: watchIntervalMs });
  return {
    evaluatePolicy: (facts) => judge(changes.active, facts, log),
    push: (request) => changes.push(request),
    rollback: (request) => changes.rollback(request),
    patchData: (request) => changes.patchData(request),
    follow: () => changes.follow(),
    list: async ({ size, token }) => {
      const found = await store.activations(size > 0 ? size : PAGE_SIZE, readToken(token));
      const lowest = found.at(-1)?.number ?? 1;
      const activations = found.map((stored) => viewOf(stored, changes.active.activation));
      return { activations, nextToken: lowest > 1 ? String(lowest) : '' };
    },
    data: (path) => readData(changes.active, path),
    status: () => {
      const { evaluator } = changes.active;
      const memoryBytes = evaluator.memoryBytes();
      return {
        ...named(changes.active),
        memoryBytes,
        recycled: evaluator.recycled(),
        behind: watch.behind(),
      };
    },
    close: () => watch.close(),
  };
}

/** What is in force, and the one queue of its changes: each builds on the one before. */
class Changes {
  active: Active;
  private readonly options: PolicyRoomOptions;
  private readonly store: PolicyStore;
  private last: Promise<unknown> = Promise.resolve();

  constructor(options: PolicyRoomOptions, active: Active) {
    this.options = options;
    this.store = options.store;
    this.active = active;
  }

  async follow(): Promise<void> {
    const head = await this.store.head();
    const { activation, data } = this.active;
    if (head.activation > activation.number || head.dataVersion > data.version)
      await this.queue(() => this.catchUp());
  }

  async push({ pep, content, validateOnly, at }: Parameters<PolicyRoom['push']>[0]): Promise<Pushed> {
    // Outside the queue: compiling takes seconds, and depends on nothing that is in force.
    const { bytes, ...tests } = await buildContent(content, this.options.compiler);
    return this.queue(async () => {
      const { activation: newest, data } = await this.stored();
      if (revisionOf(bytes) === newest.revision) {
        await this.catchUp();
        return { activation: viewOf(newest, newest), ...tests };
      }
      const next = await prepareAside(this.options, bytes, data).catch(refuse);
      const author: Author = { by: pep.id, at, kind: 'push' };
      const wouldBe = nextActivation(newest, manifested(next), author);
      if (validateOnly) return { activation: viewOf(wouldBe, newest), ...tests };
      // A crash after this leaves bytes that nothing names.
      await this.store.putBundle(next.revision, bytes);
      const activation = await this.activate(next, author);
      return { activation: viewOf(activation, activation), ...tests };
    });
  }

  rollback({ pep, revision, at }: Parameters<PolicyRoom['rollback']>[0]): ReturnType<PolicyRoom['rollback']> {
    return this.queue(async () => {
      const { activation: newest, data } = await this.stored();
      const target = await findRevision(this.store, revision, newest.revision);
      const bundle = await fetchBundle(this.store, target);
      const next = await prepareAside(this.options, bundle, data).catch(refuse);
      const activation = await this.activate(next, { by: pep.id, at, kind: 'rollback' });
      return viewOf(activation, activation);
    });
  }

  async patchData(request: Parameters<PolicyRoom['patchData']>[0]): Promise<number> {
    const { pep, path, change, expectedVersion, at } = request;
    const value = 'value' in change ? writeValue(change.value) : undefined;
    return this.queue(async () => {
      for (let attempt = 0; attempt < TRIES; attempt += 1) {
        await this.catchUp();
        const { bundle, data, loaded, activation } = this.active;
        checkPatch(this.active, path, expectedVersion);
        const document = { path, value, version: data.version + 1, by: pep.id, at };
        const replaced = replacedBy(path, data.documents);
        const changed = { version: document.version, documents: withDocument(data, document, replaced) };
        // Before it is stored, so that a document the policy cannot hold never gets there.
        const next = await prepareAside(this.options, bundle, changed, loaded.module).catch(rejectData);
        // A crash after this leaves the change stored: every other replica and the next start load it.
        if (!(await this.store.changeData({ document, replaced }))) continue;
        this.swap({ ...next, activation }, { by: pep.id, path }, 'policy data changed');
        return document.version;
      }
      throw new Rejection('ABORTED', 'DATA_CONTENDED', 'other changes of data came first, try again');
    });
  }

  private async activate(next: Prepared, author: Author): Promise<StoredActivation> {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const { activation: newest } = await this.stored();
      const activation = nextActivation(newest, manifested(next), author);
      // A crash after this leaves it stored: every other replica and the next start load it.
      if (!(await this.store.activate(activation))) continue;
      this.swap({ ...next, activation }, { by: author.by, kind: author.kind }, 'policy activated');
      return activation;
    }
    throw new Rejection('ABORTED', 'ACTIVATION_CONTENDED', 'other activations came first, try again');
  }

  /**
   * The newest activation and data, which this replica may not have in force: a push must be able to mend one
   * that does not load here.
   * @throws Rejection when the store lost what is in force: numbers that were given are not given again
   */
  private async stored(): Promise<{ readonly activation: StoredActivation; readonly data: StoredData }> {
    const { active, store } = this;
    const [activation] = await store.activations(1);
    const data = await store.data();
    if (
      activation === undefined ||
      activation.number < active.activation.number ||
      data.version < active.data.version
    )
      throw new Rejection(
        'FAILED_PRECONDITION',
        'POLICY_STORE_BEHIND',
        'the policy store lost what is in force',
      );
    return { activation, data };
  }

  /** Brings the newest in force. Never back: a store that forgot does not undo what is in force here. */
  private async catchUp(): Promise<void> {
    const { active, store } = this;
    const stored = await this.stored();
    const activation =
      stored.activation.number > active.activation.number ? stored.activation : active.activation;
    const data = stored.data.version > active.data.version ? stored.data : active.data;
    if (activation === active.activation && data === active.data) return;
    const same = activation.revision === active.revision;
    const bundle = same ? active.bundle : await fetchBundle(store, activation.revision);
    const next = await prepareAside(this.options, bundle, data, same ? active.loaded.module : undefined);
    this.swap({ ...next, activation }, {}, 'policy follows the store');
  }

  private swap(next: Active, facts: Readonly<Record<string, unknown>>, message: string): void {
    this.active = next;
    this.options.log.info({ ...named(next), ...facts }, message);
  }

  private queue<T>(run: () => Promise<T>): Promise<T> {
    const next = this.last.then(run);
    // Only the order matters here: whoever asked hears of the failure.
    this.last = next.catch(() => undefined);
    return next;
  }
}

async function readData({ bundle, data, loaded }: Active, path: string): ReturnType<PolicyRoom['data']> {
  const steps = readPath(path);
  const brought: JsonObject = (await readBundle(bundle)).data;
  const value = lookUp(layOver(brought, parseDocuments(data.documents), loaded.manifest.roots), steps);
  if (value === undefined)
    throw new Rejection('NOT_FOUND', 'DATA_NOT_FOUND', 'there is no data at that path');
  return { value, version: data.version };
}

function checkPatch({ data, loaded }: Active, path: string, expectedVersion: number | undefined): void {
  if (!ownsData(loaded.manifest.roots, readPath(path)))
    throw new Malformed('path', 'is below no data root of the active bundle');
  const facts = { version: String(data.version) };
  if (expectedVersion !== undefined && expectedVersion !== data.version)
    throw new Rejection('ABORTED', 'DATA_VERSION_CHANGED', 'the data has another version', facts);
  if (data.documents.length >= MAX_DOCUMENTS)
    throw new Rejection('FAILED_PRECONDITION', 'DATA_FULL', 'there are too many data documents');
}

function withDocument(
  { documents }: StoredData,
  document: DataDocument,
  replaced: readonly string[],
): readonly DataDocument[] {
  return [...documents.filter(({ path }) => !replaced.includes(path)), document];
}

function writeValue(value: JsonValue): string {
  // Not canonical: nothing is hashed over it, and a large one would hold asks up three times as long.
  const text = JSON.stringify(value);
  if (Buffer.byteLength(text) > MAX_VALUE_BYTES) throw new Malformed('value_json', 'is over 1 MiB');
  return text;
}

/** What the policy could not load with this data, as a refusal of the data. */
function rejectData(cause: unknown): never {
  if (!(cause instanceof BundleError)) throw cause;
  const facts = { problem: cause.message };
  throw new Rejection(
    'FAILED_PRECONDITION',
    'DATA_REFUSED',
    'the policy does not load with this data',
    facts,
  );
}

function refuse(cause: unknown): never {
  throw refusedBy(cause);
}

function named({ activation, data }: Active): { revision: string; activation: number; dataVersion: number } {
  return { revision: activation.revision, activation: activation.number, dataVersion: data.version };
}
