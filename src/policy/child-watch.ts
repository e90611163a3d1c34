/**
 * Keeps a child of `child.ts` from outliving what it is for. Its parent ends it, but may be gone first (killed, or told
 * to stop at once), and a child whose one thread computes hears nothing of that. So another thread listens.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Resolves once somebody listens. Keeps no process alive. */
export async function watchParent(): Promise<void> {
  const file = import.meta.url.endsWith('.ts') ? './child-watch-worker.ts' : './child-watch-worker.js';
  const [, , deadlineMs] = process.argv;
  const worker = new Worker(new URL(file, import.meta.url), { workerData: Number(deadlineMs) });
  await once(worker, 'online');
  worker.unref();
}
