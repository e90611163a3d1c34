/** The worker of `child-watch.ts`: ends the process when its parent is gone, and at its deadline, in ms from now. */
import { Socket } from 'node:net';
import { workerData } from 'node:worker_threads';

/** A pipe on which nothing is ever written: its other end closes with the parent, however that ends. */
const PARENT = 3;

const end = (): unknown => process.kill(process.pid, 'SIGKILL');
setTimeout(end, workerData as number);
new Socket({ fd: PARENT, readable: true }).on('error', end).on('close', end).resume();
