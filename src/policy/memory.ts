import type { DataDocument, PolicyStore, StoredActivation } from './store.ts';

/** Keeps policies for as long as the process lives, which suits tests and nothing else. */
export function createMemoryPolicyStore(): PolicyStore {
  const kept = new Map<string, Uint8Array>();
  const history: StoredActivation[] = [];
  const documents = new Map<string, DataDocument>();
  const watchers = new Set<() => void>();
  let version = 0;
  let seed: string | undefined;
  const tell = (): void => {
    for (const changed of watchers) queueMicrotask(changed);
  };
  return {
    async putBytes(hash, bytes) {
      if (!kept.has(hash)) kept.set(hash, Uint8Array.from(bytes));
    },
    async getBytes(hash) {
      return kept.get(hash);
    },
    async activate(activation, seeding) {
      if (history.length !== activation.number - 1) return false;
      if (seeding !== undefined) {
        if (version !== seeding.version - 1) return false;
        ({ version, seed } = seeding);
      }
      history.push(activation);
      tell();
      return true;
    },
    async activations(limit, before = Number.MAX_SAFE_INTEGER) {
      return history
        .filter(({ number }) => number < before)
        .reverse()
        .slice(0, limit);
    },
    async changeData({ document, replaced }) {
      if (version !== document.version - 1) return false;
      for (const path of replaced) documents.delete(path);
      documents.set(document.path, document);
      version = document.version;
      tell();
      return true;
    },
    async data() {
      return { version, seed, documents: [...documents.values()].sort((a, b) => a.version - b.version) };
    },
    async head() {
      return { activation: history.length, dataVersion: version };
    },
    watch(changed) {
      watchers.add(changed);
      return () => void watchers.delete(changed);
    },
    async close() {
      watchers.clear();
    },
  };
}
