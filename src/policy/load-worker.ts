/** The worker of `load.ts`: one policy, then it ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { type LoadAnswer, type LoadRequest, loadPolicy } from './load.ts';
import { BundleError } from './tar.ts';

try {
  const loaded = await loadPolicy(workerData as LoadRequest);
  const answer: LoadAnswer = { kind: 'loaded', loaded };
  parentPort?.postMessage(answer, [loaded.image.bytes.buffer]);
} catch (cause) {
  // Anything but a bad bundle ends the worker with its error, which the other side hears.
  if (!(cause instanceof BundleError)) throw cause;
  const answer: LoadAnswer = { kind: 'refused', problem: cause.message, file: cause.file };
  parentPort?.postMessage(answer);
}
