/** What is in force, and how it changes: tried out aside, then, in order, stored and one pointer moved. */
import { Fault, Rejection } from '../model/refusal.ts';
import { buildContent, refusedBy } from './content.ts';
import {
  type Author,
  fetchBundle,
  fetchSeed,
  findRevision,
  nextActivation,
  revisionOf,
  viewOf,
} from './history.ts';
import { createLag, type Lag, type Version } from './lag.ts';
import { Patches } from './patches.ts';
import {
  type Active,
  manifested,
  type Prepared,
  prepareAside,
  readStore,
  storeActivation,
} from './prepare.ts';
import { createQueue, MOST_WAITING, type Queue } from './queue.ts';
import type { OpenOptions, PolicyRoom, Pushed } from './room.ts';
import type { DataChange, PolicyStore, StoredActivation, StoredData } from './store.ts';
import { BundleError } from './tar.ts';

/** Tries of a write that another replica's write came before. */
const TRIES = 8;
/** Ms for which a bundle that loaded may hold up other changes, to load with data that changed meanwhile. */
const AGAIN_MS = 1000;

type LogFacts = Readonly<Record<string, unknown>>;

/** What is in force, and the queues of what changes it. */
export class Changes {
  active: Active;
  readonly lag: Lag;
  private readonly options: OpenOptions;
  private readonly store: PolicyStore;
  private readonly changes: Queue;
  private readonly pushes: Queue;
  private readonly rollbacks: Queue;
  private readonly patches: Patches;

  /** @param graceMs how long something newer may be known before what is in force no longer decides */
  constructor(options: OpenOptions, active: Active, graceMs: number) {
    this.options = options;
    this.store = options.store;
    this.active = active;
    options.onActive?.(active.revision);
    this.changes = createQueue(Number.POSITIVE_INFINITY, options.signal);
    this.pushes = createQueue(MOST_WAITING, options.signal);
    this.rollbacks = createQueue(MOST_WAITING, options.signal);
    this.lag = createLag(versionOf(active), graceMs, () => performance.now());
    this.patches = new Patches(options, {
      newest: () => this.newest(),
      replace: (from, change, next) => this.replace(from, change, next),
    });
  }

  /** What is in force is older than this in one of both numbers. */
  isOlderThan(version: Version): boolean {
    const { activation, data } = this.active;
    return version.activation > activation.number || version.dataVersion > data.version;
  }

  async follow(): Promise<void> {
    const head = await this.store.head();
    this.lag.learn(head);
    if (this.isOlderThan(head)) await this.changes(() => this.catchUp());
  }

  push(request: Parameters<PolicyRoom['push']>[0]): Promise<Pushed> {
    const { pep, content, validateOnly, allowUntested, at } = request;
    return this.pushes(async () => {
      const { compiler, signal } = this.options;
      const { bytes, ...tests } = await buildContent(content, compiler, { allowUntested, signal });
      const { newest, data } = await this.stored();
      if (revisionOf(bytes) === newest.revision) {
        await this.changes(() => this.catchUp());
        return { activation: viewOf(newest, newest), keptData: this.active.loaded.data.kept, ...tests };
      }
      const next = await this.prepare(bytes, data);
      const author: Author = { by: pep.id, at, kind: 'push' };
      const wouldBe = nextActivation(newest, manifested(next), author);
      if (validateOnly)
        return { activation: viewOf(wouldBe, newest), keptData: next.loaded.data.kept, ...tests };
      // A crash after this leaves bytes that nothing names.
      await this.store.putBytes(next.revision, bytes);
      const { activation, loaded } = await this.activate(next, author, {
        ...tests,
        untested: tests.testsPassed === 0,
      });
      return { activation: viewOf(activation, activation), keptData: loaded.data.kept, ...tests };
    });
  }

  rollback({ pep, revision, at }: Parameters<PolicyRoom['rollback']>[0]): ReturnType<PolicyRoom['rollback']> {
    return this.rollbacks(async () => {
      const { newest, data } = await this.stored();
      const target = await findRevision(this.store, revision, newest.revision);
      const next = await this.prepare(await fetchBundle(this.store, target), data);
      const { activation } = await this.activate(next, { by: pep.id, at, kind: 'rollback' });
      return viewOf(activation, activation);
    });
  }

  patchData(request: Parameters<PolicyRoom['patchData']>[0]): Promise<number> {
    return this.patches.patch(request);
  }

  private newest(): Promise<Active> {
    return this.changes(async () => {
      await this.catchUp();
      return this.active;
    });
  }

  private replace(from: Active, change: DataChange, next: Prepared): Promise<boolean> {
    return this.changes(async () => {
      if (this.active !== from) return false;
      // A crash after this leaves the change stored: every other replica and the next start load it.
      if (!(await this.store.changeData(change))) return false;
      const { by, path } = change.document;
      this.swap({ ...next, activation: from.activation }, { by, path }, 'policy data changed');
      return true;
    });
  }

  private async activate(prepared: Prepared, author: Author, facts: LogFacts = {}): Promise<Active> {
    let next = prepared;
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const active = await this.changes(() => this.tryActivate(next, author, facts));
      if (active !== undefined) return active;
      const { data } = await this.stored();
      if (data.version !== next.data.version)
        next = await this.prepare(next.bundle, data, next.loaded.module);
    }
    throw new Rejection('ABORTED', 'ACTIVATION_CONTENDED', 'other changes came first, try again');
  }

  /**
   * Undefined when another change came first, and the bundle did not load with it in a moment. What is in force, where
   * that is what was pushed.
   */
  private async tryActivate(
    prepared: Prepared,
    author: Author,
    facts: LogFacts,
  ): Promise<Active | undefined> {
    const { newest, data } = await this.stored();
    if (author.kind === 'push' && newest.revision === prepared.revision) {
      // Somebody else pushed the same meanwhile.
      await this.catchUp();
      return this.active.revision === prepared.revision ? this.active : undefined;
    }
    // What the bundle adds was measured on older data: putting that in force would undo what came between.
    const next = data.version === prepared.data.version ? prepared : await this.prepareAgain(prepared, data);
    const active = next && (await storeActivation(this.store, next, { newest, author }));
    if (active !== undefined)
      this.swap(active, { by: author.by, kind: author.kind, ...facts }, 'policy activated');
    return active;
  }

  private async prepareAgain(
    { bundle, loaded: { module } }: Prepared,
    data: StoredData,
  ): Promise<Prepared | undefined> {
    const source = { bundle, data, seed: await this.seedOf(data), module };
    return prepareAside(this.options, source, AGAIN_MS).catch((cause: unknown) => {
      if (!(cause instanceof BundleError)) throw cause;
      // Outside the queue there is time to find out whether it was only slow.
      return undefined;
    });
  }

  /** @throws BundleRefused when the bundle does not load with the data, or the data cannot hold what it brings */
  private async prepare(
    bundle: Uint8Array,
    data: StoredData,
    module?: WebAssembly.Module,
  ): Promise<Prepared> {
    const seed = await this.seedOf(data);
    return prepareAside(this.options, { bundle, data, seed, module }).catch(refuse);
  }

  private async seedOf(data: StoredData): Promise<Uint8Array | undefined> {
    const { active, store } = this;
    return data.seed === active.data.seed ? active.seed : fetchSeed(store, data);
  }

  /**
   * The newest activation and data, which this replica may not have in force: a push must be able to mend one
   * that does not load here.
   * @throws Rejection when the store lost what is in force: numbers that were given are not given again
   */
  private async stored(): Promise<{ readonly newest: StoredActivation; readonly data: StoredData }> {
    const { active, store } = this;
    const { newest, data } = await readStore(store);
    this.lag.learn({ activation: newest?.number ?? 0, dataVersion: data.version });
    if (
      newest === undefined ||
      newest.number < active.activation.number ||
      data.version < active.data.version
    )
      throw new Rejection(
        'FAILED_PRECONDITION',
        'POLICY_STORE_BEHIND',
        'the policy store lost what is in force',
      );
    return { newest, data };
  }

  /**
   * Brings the newest in force. Never back: a store that forgot does not undo what is in force here.
   * @throws Fault `POLICY_BEHIND` when the newest does not load here
   */
  private async catchUp(): Promise<void> {
    const { active } = this;
    const stored = await this.stored();
    const activation = stored.newest.number > active.activation.number ? stored.newest : active.activation;
    const data = stored.data.version > active.data.version ? stored.data : active.data;
    if (activation === active.activation && data === active.data) return;
    const next = await this.load(activation, data).catch((cause: unknown) => {
      throw cause instanceof Fault ? cause : new Fault('POLICY_BEHIND', cause);
    });
    this.swap(next, {}, 'policy follows the store');
  }

  private async load(activation: StoredActivation, data: StoredData): Promise<Active> {
    const { active, store } = this;
    const same = activation.revision === active.revision;
    const bundle = same ? active.bundle : await fetchBundle(store, activation.revision);
    const seed = await this.seedOf(data);
    const module = same ? active.loaded.module : undefined;
    return { ...(await prepareAside(this.options, { bundle, data, seed, module })), activation };
  }

  private swap(next: Active, facts: LogFacts, message: string): void {
    this.active = next;
    this.options.onActive?.(next.revision);
    this.lag.reach(versionOf(next));
    this.options.log.info({ ...named(next), ...facts }, message);
  }
}

function refuse(cause: unknown): never {
  throw refusedBy(cause);
}

/** What stands in logs and in the status. */
export function named(active: Active): Version & { readonly revision: string } {
  return { revision: active.activation.revision, ...versionOf(active) };
}

function versionOf({ activation, data }: Active): Version {
  return { activation: activation.number, dataVersion: data.version };
}
