/** The worker of `compile-compare.ts`: one module, then it ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { type CompareRequest, compare } from './compile-compare.ts';

parentPort?.postMessage(await compare(workerData as CompareRequest));
