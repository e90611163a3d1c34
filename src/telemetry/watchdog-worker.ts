/** The worker of `watchdog.ts`: hears the beats, and ends the process when they stop. */
import { Session } from 'node:inspector';
import { parentPort, workerData } from 'node:worker_threads';
import { createLog } from './log.ts';
import { readSign } from './sign.ts';
import type { Watch } from './watchdog.ts';

/** Frames of the stack that the line shows. */
const FRAMES = 12;
/** How long the standing thread may take to say where it stands: in a system call it never does. */
const STACK_MS = 500;

const { beats, beatMs, logLevel, revision } = workerData as Watch;
const log = createLog(logLevel);
let missed = 0;

parentPort?.on('message', () => {
  missed = 0;
});
// Nobody has beaten before the first one: a start may take its time.
parentPort?.once('message', () => {
  const ticking = setInterval(() => {
    missed += 1;
    if (missed <= beats) return;
    clearInterval(ticking);
    const stack = standing();
    const giveUp = setTimeout(end, STACK_MS, []);
    void stack.then((frames) => {
      clearTimeout(giveUp);
      end(frames);
    });
  }, beatMs);
});

/** Names of the functions that the main thread is in, the innermost first; a policy's have the module's names. */
function standing(): Promise<string[]> {
  return new Promise((resolve) => {
    const session = new Session();
    session.connectToMainThread();
    session.on('Debugger.paused', ({ params }) =>
      resolve(params.callFrames.slice(0, FRAMES).map(({ functionName }) => functionName || 'anonymous')),
    );
    session.post('Debugger.enable');
    session.post('Debugger.pause');
  });
}

function end(stack: string[]): void {
  log.error(
    { stalledMs: beats * beatMs, revision: readSign(revision), stack },
    'the server stood still for too long and ends itself: nothing that it answered is lost',
  );
  // A signal handler of the main thread would never run.
  process.kill(process.pid, 'SIGKILL');
}
