/**
 * Ends a process whose event loop stands still. An evaluation, or anything else that computes, cannot be stopped from
 * the thread it runs on; until it is, nobody gets an answer and a readiness probe gets no reply either. Whatever was
 * answered is on the record before, so the process may end as by `kill -9` at any moment.
 */
import { url as debuggerUrl } from 'node:inspector';
import { Worker } from 'node:worker_threads';
import type { LogLevel } from './log.ts';
import type { Sign } from './sign.ts';

export interface WatchdogOptions {
  /** Milliseconds that the event loop may stand still; 0 watches nothing. */
  readonly stallMs: number;
  readonly logLevel: LogLevel;
  /** Revision of the policy in force, for the line that says what happened. */
  readonly revision: Sign;
}

export interface Watchdog {
  close(): Promise<void>;
}

/** What the worker is started with. */
export interface Watch {
  /** Beats that may be missing, one after another. */
  readonly beats: number;
  readonly beatMs: number;
  readonly logLevel: LogLevel;
  /** Where the revision of the policy in force is shown. */
  readonly revision: SharedArrayBuffer;
}

/** Beats to one allowed stall: so much later than the stall's limit, at most, the end may come. */
const BEATS = 20;

/**
 * Begins to watch the thread that calls. The watcher counts the beats it misses by its own clock ticks, so a machine
 * that slept, or a process that was stopped and continued, is not taken for a stall. Under a debugger nothing is
 * watched: a breakpoint stands still on purpose.
 */
export function createWatchdog({ stallMs, logLevel, revision }: WatchdogOptions): Watchdog {
  if (stallMs === 0 || debuggerUrl() !== undefined) return { close: () => Promise.resolve() };
  const beatMs = Math.ceil(stallMs / BEATS);
  const watch: Watch = { beats: BEATS, beatMs, logLevel, revision: revision.memory };
  const file = import.meta.url.endsWith('.ts') ? './watchdog-worker.ts' : './watchdog-worker.js';
  const worker = new Worker(new URL(file, import.meta.url), { workerData: watch });
  worker.unref();
  const beat = setInterval(() => worker.postMessage('beat'), beatMs);
  beat.unref();
  return {
    async close() {
      clearInterval(beat);
      await worker.terminate();
    },
  };
}
