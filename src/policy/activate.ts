/**
 * Which policy is in force, and how it changes. A push, a rollback, a data change or another replica's
 * activation builds a new instance aside, and then one pointer moves; an instance that decides is never patched.
 *
 * One bundle is active for the whole server, whatever the tenant. Who may push is the wire's question; whoever
 * can write to the store can activate, since bundles are not signed yet.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../model/refusal.ts';
import { Changes, named } from './changes.ts';
import { readToken, viewOf } from './history.ts';
import { judge } from './judge.ts';
import { readData } from './patch.ts';
import { start } from './prepare.ts';
import type { PolicyRoom, PolicyRoomOptions } from './room.ts';
import { startWatch } from './watch.ts';

const PAGE_SIZE = 50;
/**
 * From learning of something newer to deciding no longer by what it supersedes, and the longest that anybody waits
 * for it: a load takes a good part of that on a busy machine.
 */
const GRACE_MS = 2000;

/**
 * Opens the room with what the store holds, or with the default bundle where it holds nothing.
 * @throws Error when there is no bundle, or the one to start with does not load: no policy, no start
 */
export async function createPolicyRoom(options: PolicyRoomOptions): Promise<PolicyRoom> {
  const { store, log, watchIntervalMs } = options;
  const ending = new AbortController();
  const open = { ...options, signal: ending.signal };
  const changes = new Changes(open, await start(options), GRACE_MS);
  const { lag } = changes;
  const watch = startWatch(store, () => changes.follow(), { log, intervalMs: watchIntervalMs });
  return {
    evaluatePolicy(facts) {
      if (lag.isBehind()) throw new Fault('POLICY_BEHIND', watch.trouble());
      return judge(changes.active, facts, log);
    },
    isOlderThan: (version) => changes.isOlderThan(version),
    async catchUp() {
      // What is known and failed to load is tried again by the watch alone: asks would load it without end.
      if (lag.isKnown() && watch.trouble() !== undefined) return;
      await Promise.race([watch.look(), sleep(GRACE_MS, undefined, { ref: false })]);
    },
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
      return {
        ...named(changes.active),
        memoryBytes: evaluator.memoryBytes(),
        recycled: evaluator.recycled(),
        behind: lag.isBehind(),
        trouble: watch.trouble(),
      };
    },
    close() {
      watch.close();
      ending.abort(new Fault('DRAINING'));
    },
  };
}
